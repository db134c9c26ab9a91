package servers

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// list answers a question about files, in pages. Their order says nothing.
func (d *Drive) list(w http.ResponseWriter, r *http.Request) *driveError {
	q := r.URL.Query()
	size, err := strconv.Atoi(q.Get("pageSize"))
	terms, ok := driveTerms(q.Get("q"))
	if err != nil || size < 1 || size > 1000 || !ok || q.Get("spaces") != "drive" {
		return driveWrong
	}
	after, ok := strings.CutPrefix(q.Get("pageToken"), "~!!~")
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.page < size {
		size = d.page
		if !ok { // a page may be short, or empty, and not be the last
			return d.answer(w, q.Get("fields"), map[string]any{"files": []any{}, "nextPageToken": "~!!~"})
		}
	}
	var ids []string
	for id, f := range d.files {
		fits, found := d.fits(f, terms)
		if !found {
			return driveGone
		}
		if fits && id > after && id != driveRoot && !f.Stranger {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	answer := map[string]any{"kind": "drive#fileList", "incompleteSearch": false}
	if len(ids) > size {
		ids = ids[:size]
		answer["nextPageToken"] = "~!!~" + ids[size-1]
	}
	files := make([]any, len(ids))
	for i, id := range ids {
		files[i] = d.resource(d.files[id])
	}
	answer["files"] = files
	return d.answer(w, q.Get("fields"), answer)
}

// driveTerm is a part of a question.
type driveTerm struct{ field, op, value string }

var driveTermText = regexp.MustCompile(
	`^(?:'((?:[^'\\]|\\['\\])+)' in parents|(name|mimeType) (=|!=) '((?:[^'\\]|\\['\\])*)'|trashed = (true|false))( and |$)`,
)

// driveTerms reads a question. Only what is known here is one.
func driveTerms(q string) (all []driveTerm, ok bool) {
	plain := strings.NewReplacer(`\\`, `\`, `\'`, `'`)
	for last := " and "; ; {
		m := driveTermText.FindStringSubmatch(q)
		if m == nil {
			return all, q == "" && last == ""
		}
		switch {
		case m[1] != "":
			all = append(all, driveTerm{"parents", "in", plain.Replace(m[1])})
		case m[2] != "":
			all = append(all, driveTerm{m[2], m[3], plain.Replace(m[4])})
		default:
			all = append(all, driveTerm{"trashed", "=", m[5]})
		}
		q, last = q[len(m[0]):], m[6]
	}
}

// fits reports whether a file is an answer to a question, and whether the folder that it names is found.
func (d *Drive) fits(f *driveFile, terms []driveTerm) (fits, found bool) {
	fits = true
	for _, t := range terms {
		switch t.field {
		case "parents":
			folder := d.seen(t.value)
			if folder == nil {
				return false, false
			}
			fits = fits && slices.Contains(f.Parents, folder.ID)
		case "name": // large and small letters are the same
			fits = fits && strings.EqualFold(f.Name, t.value) == (t.op == "=")
		case "mimeType":
			fits = fits && (f.Type == t.value) == (t.op == "=")
		case "trashed":
			fits = fits && strconv.FormatBool(d.inTrash(f)) == t.value
		}
	}
	return fits, true
}

// answer gives those fields of a value that somebody asked for, as a(b,c),d.
func (d *Drive) answer(w http.ResponseWriter, fields string, value map[string]any) *driveError {
	chosen, rest, ok := choose(fields, value)
	if !ok || rest != "" {
		return &driveError{http.StatusBadRequest, "invalidParameter"}
	}
	answerJSON(w, http.StatusOK, chosen)
	return nil
}

var driveFields = []string{
	"kind", "id", "name", "mimeType", "parents", "trashed", "createdTime", "size", "md5Checksum", "files", "nextPageToken",
	"incompleteSearch", "ids", "storageQuota", "limit", "usage",
}

// choose returns the chosen fields of a value, and what follows the choice.
func choose(fields string, value any) (chosen any, rest string, ok bool) {
	if list, is := value.([]any); is {
		all := make([]any, len(list))
		for i, v := range list {
			if all[i], rest, ok = choose(fields, v); !ok {
				return nil, "", false
			}
		}
		if len(list) == 0 {
			_, rest, ok = choose(fields, map[string]any{})
		}
		return all, rest, len(list) == 0 && ok || len(list) > 0
	}
	from, _ := value.(map[string]any)
	to := make(map[string]any)
	for {
		end := strings.IndexAny(fields, ",()")
		if end < 0 {
			end = len(fields)
		}
		name := fields[:end]
		if !slices.Contains(driveFields, name) {
			return nil, "", false
		}
		v, there := from[name]
		if fields = fields[end:]; strings.HasPrefix(fields, "(") {
			if v, fields, ok = choose(fields[1:], v); !ok || !strings.HasPrefix(fields, ")") {
				return nil, "", false
			}
			fields = fields[1:]
		}
		if there {
			to[name] = v
		}
		if !strings.HasPrefix(fields, ",") {
			return to, fields, true
		}
		fields = fields[1:]
	}
}

// Before has do answer each request to the interface, which may let it through; nil: nobody.
func (d *Drive) Before(do func(w http.ResponseWriter, r *http.Request, through http.Handler)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = do
}

// Short has lists come in pages of so many, the first of which is empty.
func (d *Drive) Short(page int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.page = page
}

// Quota gives the account so many bytes more than it uses; less than 0: as many as it likes.
func (d *Drive) Quota(left int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quota = d.usage() + left; left < 0 {
		d.quota = 0
	}
}

// Uses is how many bytes the account uses, with those in the trash.
func (d *Drive) Uses() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.usage()
}

// Asked is how many requests there were of a kind, as "POST /drive/v3/files".
func (d *Drive) Asked(pattern string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests[pattern]
}

// path is where a file is, below My Drive.
func (d *Drive) path(f *driveFile) string {
	if above := d.files[parent(f)]; above != nil && above.ID != driveRoot {
		return d.path(above) + "/" + f.Name
	}
	return f.Name
}

// Paths are those of all files and folders that are not in the trash, in their order; one that is there twice is named
// twice. Folders end with a slash.
func (d *Drive) Paths() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, f := range d.files {
		switch {
		case f.ID == driveRoot || d.inTrash(f):
		case f.Type == driveFolder:
			all = append(all, d.path(f)+"/")
		default:
			all = append(all, d.path(f))
		}
	}
	slices.Sort(all)
	return all
}

// Count is how many files have a path. That of a folder ends with a slash.
func (d *Drive) Count(path string) (n int) {
	for _, p := range d.Paths() {
		if p == path {
			n++
		}
	}
	return n
}

// at returns the oldest that has a path.
func (d *Drive) at(path string) (oldest *driveFile) {
	for _, f := range d.files {
		if d.path(f) == strings.TrimSuffix(path, "/") && !d.inTrash(f) && (oldest == nil || f.Created.Before(oldest.Created)) {
			oldest = f
		}
	}
	return oldest
}

// Trash puts the oldest that has a path into the trash.
func (d *Drive) Trash(t *testing.T, path string) {
	d.have(t, path, func(f *driveFile) { f.Trashed = true })
}

// Remove deletes the oldest that has a path for good.
func (d *Drive) Remove(t *testing.T, path string) {
	d.have(t, path, func(f *driveFile) { d.purge(f.ID) })
}

// Hide has the oldest that has a path belong to another program.
func (d *Drive) Hide(t *testing.T, path string) {
	d.have(t, path, func(f *driveFile) { f.Stranger = true })
}

// Rename gives the oldest that has a path another name, which may hold slashes.
func (d *Drive) Rename(t *testing.T, path, name string) {
	d.have(t, path, func(f *driveFile) { f.Name = name })
}

func (d *Drive) have(t *testing.T, path string, do func(*driveFile)) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.at(path)
	if f == nil {
		t.Fatalf("nothing is at %s", path)
	}
	do(f)
}

// Plant makes one more file at a path whose folder is there, or a folder where the path ends with a slash. It was made so
// long ago.
func (d *Drive) Plant(t *testing.T, path string, data []byte, ago time.Duration) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	f := driveFile{ID: "1" + rand.Text(), Data: bytes.Clone(data), Created: time.Now().Add(-ago).Truncate(time.Millisecond)}
	if strings.HasSuffix(path, "/") {
		f.Type = driveFolder
	} else {
		f.Type = "application/octet-stream"
	}
	path = strings.TrimSuffix(path, "/")
	dir, name := driveRoot, path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		above := d.at(path[:i])
		if above == nil {
			t.Fatalf("no folder is at %s", path[:i])
		}
		dir, name = above.ID, path[i+1:]
	}
	f.Name, f.Parents = name, []string{dir}
	d.files[f.ID] = &f
}
