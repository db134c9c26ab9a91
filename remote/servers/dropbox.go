package servers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/remote/oauth"
)

// DropboxCloud starts a Dropbox, as its documents describe it, with an app that has a folder of its own.
func DropboxCloud(t *testing.T) *Cloud {
	t.Helper()
	c := newCloud(NewAccounts(oauth.Client{ID: "holdfast", Secret: "open"},
		"account_info.read files.metadata.read files.metadata.write files.content.read files.content.write"))
	d := dropbox{c}
	page, api, content := http.NewServeMux(), http.NewServeMux(), http.NewServeMux()
	page.HandleFunc("GET /oauth2/authorize", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("token_access_type") != "offline" {
			http.Error(w, "this token could not be refreshed", http.StatusBadRequest)
			return
		}
		c.Ask(w, r)
	})
	api.HandleFunc("POST /oauth2/token", c.Give)
	for name, do := range map[string]func(*dropboxCall) answered{
		"files/get_metadata": d.metadata, "files/delete_v2": d.delete, "files/list_folder": d.list, "files/list_folder/continue": d.next,
		"files/create_folder_v2": d.makeFolder, "users/get_space_usage": d.space,
	} {
		api.Handle("POST /2/"+name, c.meets(d.signedIn(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || r.Header.Get("Content-Type") != "application/json" {
				http.Error(w, "Error in call to API function: bad HTTP Content-Type", http.StatusBadRequest)
				return
			}
			d.answer(w, do, &dropboxCall{arg: body})
		})))
	}
	content.Handle("POST /2/files/upload", c.meets(d.signedIn(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it was cut off
		}
		if r.Header.Get("Content-Type") != "application/octet-stream" {
			http.Error(w, "Error in call to API function: bad HTTP Content-Type", http.StatusBadRequest)
			return
		}
		d.answer(w, d.upload, inHeader(r, body))
	})))
	content.Handle("POST /2/files/download", c.meets(d.signedIn(func(w http.ResponseWriter, r *http.Request) {
		d.answer(w, func(call *dropboxCall) answered {
			x, no := d.file(call)
			if no != nil {
				return no
			}
			data := x.data // which is replaced as a whole
			return func(w http.ResponseWriter) { giveRange(w, r, data) }
		}, inHeader(r, nil))
	})))
	c.Internet = NewInternet(t, map[string]http.Handler{
		"www.dropbox.com": page, "api.dropboxapi.com": api, "content.dropboxapi.com": content,
	})
	return c
}

type dropbox struct{ *Cloud }

// dropboxCall is a request: its argument, and what is uploaded.
type dropboxCall struct {
	arg, body []byte
	header    bool // the argument was in a header
}

func inHeader(r *http.Request, body []byte) *dropboxCall {
	return &dropboxCall{arg: []byte(r.Header.Get("Dropbox-API-Arg")), body: body, header: true}
}

// answered writes an answer.
type answered func(w http.ResponseWriter)

func (d dropbox) signedIn(do http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.Knows(r) {
			dropboxError(http.StatusUnauthorized, "expired_access_token")(w)
			return
		}
		do(w, r)
	})
}

func (d dropbox) answer(w http.ResponseWriter, do func(*dropboxCall) answered, call *dropboxCall) {
	d.mu.Lock()
	answer := do(call)
	d.mu.Unlock()
	answer(w)
}

func gives(value any) answered {
	return func(w http.ResponseWriter) { answerJSON(w, http.StatusOK, value) }
}

// dropboxError is an error with tags, each within the one before. The summary is not for programs, as its dots say.
func dropboxError(status int, tags ...string) answered {
	inner := map[string]any{".tag": tags[len(tags)-1]}
	for i := len(tags) - 2; i >= 0; i-- {
		inner = map[string]any{".tag": tags[i], tags[i]: inner}
	}
	return func(w http.ResponseWriter) {
		answerJSON(w, status, map[string]any{"error_summary": strings.Join(tags, "/") + "/..", "error": inner})
	}
}

func conflict(tags ...string) answered { return dropboxError(http.StatusConflict, tags...) }

// uploadError is an error of an upload, whose reason is named so.
func uploadError(tag, inner string) answered {
	reason := map[string]any{".tag": tag}
	if inner != "" {
		reason[tag] = map[string]string{".tag": inner}
	}
	return func(w http.ResponseWriter) {
		answerJSON(w, http.StatusConflict, map[string]any{"error_summary": "path/" + tag + "/" + inner + "/...",
			"error": map[string]any{".tag": "path", "reason": reason, "upload_session_id": "AAAA"}})
	}
}

func badRequest(why string) answered {
	return func(w http.ResponseWriter) {
		http.Error(w, "Error in call to API function: "+why, http.StatusBadRequest)
	}
}

// read reads an argument as the service does, which knows each field and takes headers of ASCII alone.
func (call *dropboxCall) read(into any) error {
	if call.header && bytes.ContainsFunc(call.arg, func(c rune) bool { return c > 0x7e }) {
		return errors.New("could not decode input as JSON")
	}
	decoder := json.NewDecoder(bytes.NewReader(call.arg))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// isPath reports whether the service accepts a path.
func isPath(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && !strings.Contains(path, "//") &&
		!strings.HasSuffix(path, " ") && !strings.ContainsAny(path, "\\\x7f")
}

// tell is what the service tells of something.
func (d dropbox) tell(x *thing) map[string]any {
	about := map[string]any{".tag": "folder", "name": x.name, "id": "id:" + x.id,
		"path_lower": strings.ToLower(x.path()), "path_display": x.path()}
	if x.inside == nil {
		about[".tag"] = "file"
		about["rev"], about["size"], about["content_hash"], about["is_downloadable"] = x.rev, len(x.data), contentHash(x.data), true
		about["client_modified"], about["server_modified"] = x.time.UTC().Format(time.RFC3339), x.time.UTC().Format(time.RFC3339)
	}
	return about
}

// contentHash is Dropbox's content_hash.
func contentHash(data []byte) string {
	all := sha256.New()
	for len(data) > 0 {
		n := min(len(data), 4<<20)
		sum := sha256.Sum256(data[:n])
		all.Write(sum[:])
		data = data[n:]
	}
	return hex.EncodeToString(all.Sum(nil))
}

func (d dropbox) file(call *dropboxCall) (*thing, answered) {
	var arg struct {
		Path string `json:"path"`
	}
	if err := call.read(&arg); err != nil {
		return nil, badRequest(err.Error())
	}
	x := d.at(d.root, arg.Path)
	switch {
	case !isPath(arg.Path):
		return nil, conflict("path", "malformed_path")
	case x == nil:
		return nil, conflict("path", "not_found")
	case x.inside != nil:
		return nil, conflict("path", "not_file")
	}
	return x, nil
}

func (d dropbox) metadata(call *dropboxCall) answered {
	var arg struct {
		Path string `json:"path"`
	}
	if err := call.read(&arg); err != nil {
		return badRequest(err.Error())
	}
	x := d.at(d.root, arg.Path)
	switch {
	case !isPath(arg.Path):
		return conflict("path", "malformed_path")
	case x == nil:
		return conflict("path", "not_found")
	}
	return gives(d.tell(x))
}

func (d dropbox) upload(call *dropboxCall) answered {
	var arg struct {
		Path   string `json:"path"`
		Mode   string `json:"mode"`
		Rename bool   `json:"autorename"`
		Mute   bool   `json:"mute"`
		Strict bool   `json:"strict_conflict"`
		Hash   string `json:"content_hash"`
	}
	if err := call.read(&arg); err != nil {
		return badRequest(err.Error())
	}
	if arg.Mode != "add" && arg.Mode != "overwrite" || arg.Rename || arg.Hash != "" && len(arg.Hash) != 64 {
		return badRequest("mode, autorename or content_hash")
	}
	if arg.Hash != "" && arg.Hash != contentHash(call.body) {
		return conflict("content_hash_mismatch")
	}
	if !isPath(arg.Path) {
		return uploadError("malformed_path", "")
	}
	x := d.at(d.root, arg.Path)
	switch {
	case x != nil && x.inside != nil:
		return uploadError("conflict", "folder")
	case x != nil && arg.Mode == "add" && !arg.Strict && bytes.Equal(x.data, call.body):
		return gives(d.tell(x))
	case x != nil && arg.Mode == "add":
		return uploadError("conflict", "file")
	case d.full(len(call.body)):
		return uploadError("insufficient_space", "")
	case x == nil:
		i := strings.LastIndex(arg.Path, "/")
		folder, err := d.folder(d.root, arg.Path[:i])
		if err != nil {
			return uploadError("conflict", "file_ancestor")
		}
		x = d.add(folder, arg.Path[i+1:], false)
	}
	x.write(call.body)
	about := d.tell(x)
	delete(about, ".tag") // of an answer that can be nothing else
	return gives(about)
}

func (d dropbox) delete(call *dropboxCall) answered {
	var arg struct {
		Path string `json:"path"`
		Rev  string `json:"parent_rev"`
	}
	if err := call.read(&arg); err != nil {
		return badRequest(err.Error())
	}
	x := d.at(d.root, arg.Path)
	switch {
	case !isPath(arg.Path):
		return conflict("path_lookup", "malformed_path")
	case x == nil:
		return conflict("path_lookup", "not_found")
	case arg.Rev != "" && x.inside != nil:
		return conflict("path_write", "conflict", "folder")
	case arg.Rev != "" && x.rev != arg.Rev:
		return conflict("path_write", "conflict", "file")
	}
	about := d.tell(x)
	d.drop(x) // a folder with all that is inside
	return gives(map[string]any{"metadata": about})
}

func (d dropbox) list(call *dropboxCall) answered {
	var arg struct {
		Path      string `json:"path"`
		Recursive bool   `json:"recursive"`
		Limit     int    `json:"limit"`
	}
	if err := call.read(&arg); err != nil {
		return badRequest(err.Error())
	}
	if arg.Limit < 1 || arg.Limit > 2000 {
		return badRequest("limit")
	}
	x := d.at(d.root, arg.Path)
	switch {
	case arg.Path != "" && !isPath(arg.Path):
		return conflict("path", "malformed_path")
	case x == nil:
		return conflict("path", "not_found")
	case x.inside == nil:
		return conflict("path", "not_folder")
	}
	l := listing{of: x, rest: x.all(arg.Recursive), limit: arg.Limit}
	if arg.Recursive {
		l.rest = append([]*thing{x}, l.rest...) // the folder itself too
	}
	return d.turned(l)
}

func (d dropbox) next(call *dropboxCall) answered {
	var arg struct {
		Cursor string `json:"cursor"`
	}
	if err := call.read(&arg); err != nil {
		return badRequest(err.Error())
	}
	l, ok := d.lists[arg.Cursor]
	switch {
	case !ok:
		return conflict("reset")
	case d.things[l.of.id] != l.of:
		return conflict("path", "not_found")
	}
	return d.turned(l)
}

func (d dropbox) turned(l listing) answered {
	entries, next := d.turn(l)
	told := make([]map[string]any, len(entries))
	for i, x := range entries {
		told[i] = d.tell(x)
	}
	more := next != ""
	if !more {
		next = "the end" // by which changes could be asked for
	}
	return gives(map[string]any{"entries": told, "cursor": next, "has_more": more})
}

func (d dropbox) makeFolder(call *dropboxCall) answered {
	var arg struct {
		Path   string `json:"path"`
		Rename bool   `json:"autorename"`
	}
	if err := call.read(&arg); err != nil {
		return badRequest(err.Error())
	}
	if !isPath(arg.Path) {
		return conflict("path", "malformed_path")
	}
	if x := d.at(d.root, arg.Path); x != nil {
		if x.inside == nil {
			return conflict("path", "conflict", "file")
		}
		return conflict("path", "conflict", "folder")
	}
	x, err := d.folder(d.root, arg.Path)
	if err != nil {
		return conflict("path", "conflict", "file_ancestor")
	}
	return gives(map[string]any{"metadata": d.tell(x)})
}

func (d dropbox) space(call *dropboxCall) answered {
	if string(call.arg) != "null" {
		return badRequest("expected null")
	}
	return gives(map[string]any{"used": d.used(), "allocation": map[string]any{".tag": "individual", "allocated": d.quota}})
}
