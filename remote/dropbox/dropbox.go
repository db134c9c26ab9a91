// Package dropbox keeps objects as files below a folder of Dropbox, by its API (version 2). One request stores an
// object, with its hash; the mode "add" with strict_conflict has the service refuse a name that is taken.
//
// The service makes the folders above a file that it is sent. So before each put it is asked for the place's folder:
// one that is gone is not made anew. What somebody deletes in the moment between is.
package dropbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"

	"golang.org/x/oauth2"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/oauth"
)

const (
	connections = 4
	api         = "https://api.dropboxapi.com/2/"     // takes and gives JSON
	content     = "https://content.dropboxapi.com/2/" // takes and gives files
	blockSize   = 4 << 20                             // of content_hash, bytes
)

// Params of Open.
type Params = oauth.Params

// Provider is Dropbox as people sign in to it, with an app that has a folder of its own.
func Provider(client oauth.Client) oauth.Provider {
	return oauth.Provider{
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://www.dropbox.com/oauth2/authorize", TokenURL: "https://api.dropboxapi.com/oauth2/token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
		Scopes: []string{"account_info.read", "files.metadata.read", "files.metadata.write", "files.content.read", "files.content.write"},
		Params: map[string]string{"token_access_type": "offline"},          // a token that can be refreshed
		Client: client, Localhost: true, Ports: []int{47685, 47686, 47687}, // those that the app's settings name
	}
}

// service is a folder, as a bucket.Service. Keys are paths below it.
type service struct {
	bearer oauth.Bearer
	root   string // the folder's path, below that of the app
	found  meta   // the folder as it was when it was opened
}

// Open opens a folder below that of the app; create makes it, if it is not there. Errors: store.ErrSignIn,
// store.ErrUnreachable, store.ErrPermission, *store.IdentityError.
func Open(ctx context.Context, p Params) (*bucket.Roomy, error) {
	bearer, err := p.Bearer(Provider(oauth.Client{}), connections)
	if err != nil {
		return nil, err
	}
	s := &service{bearer: bearer, root: p.Address.Path}
	b, err := bucket.Open(ctx, bucket.Params{Service: s, Location: p.Address.String(), Connections: connections,
		Facts: store.Facts{Deletes: store.DeletesToBin}}, p.Create)
	if err != nil {
		return nil, err
	}
	return bucket.WithSpace(b, s), nil
}

// Close implements bucket.Service.
func (s *service) Close() { s.bearer.Client.Close() }

// path is that of a key.
func (s *service) path(key string) string { return strings.TrimSuffix(s.root+"/"+key, "/") }

// meta is what the service tells of a file or a folder.
type meta struct {
	Tag   string `json:".tag"`
	ID    string `json:"id"`
	Name  string `json:"name"`
	Lower string `json:"path_lower"`
	Time  string `json:"server_modified"`
	Rev   string `json:"rev"`
	Size  int64  `json:"size"`
	Hash  string `json:"content_hash"`
}

func (m meta) entry(key string) bucket.Entry {
	e := bucket.Entry{Key: key, Size: m.Size, Put: bucket.Time(m.Time)}
	if sum, err := hex.DecodeString(m.Hash); err == nil && len(sum) == sha256.Size {
		e.Hash = sum
	}
	return e
}

// Hash implements bucket.Service: it is Dropbox's content_hash, the SHA-256 of the SHA-256 of each block.
func (s *service) Hash(data []byte) []byte {
	all := sha256.New()
	for len(data) > 0 {
		block := data[:min(blockSize, len(data))]
		sum := sha256.Sum256(block)
		all.Write(sum[:])
		data = data[len(block):]
	}
	return all.Sum(nil)
}

// ask sends one question of JSON.
func (s *service) ask(ctx context.Context, what string, arg, into any) error {
	body, err := json.Marshal(arg)
	if err != nil {
		return err
	}
	resp, err := s.bearer.Send(ctx, http.MethodPost, api+what, map[string]string{"Content-Type": "application/json"}, body)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return told(resp)
	}
	return bucket.ReadJSON(resp, into)
}

// look asks for what has a path.
func (s *service) look(ctx context.Context, path string) (meta, error) {
	var m meta
	err := s.ask(ctx, "files/get_metadata", map[string]any{"path": path}, &m)
	return m, err
}

// folder asks for the place's folder.
func (s *service) folder(ctx context.Context) (meta, error) {
	m, err := s.look(ctx, s.root)
	if errors.Is(err, store.ErrNotExist) || err == nil && m.Tag != "folder" {
		return meta{}, bucket.ErrGone
	}
	return m, err
}

// there returns nil if the place's folder is there, and is the one that was opened: another one of its name may be
// one that was made anew.
func (s *service) there(ctx context.Context) error {
	m, err := s.folder(ctx)
	if err == nil && m.ID != s.found.ID {
		err = bucket.ErrGone
	}
	return err
}

// steadily does again what only asks or can be repeated, since all of this service is POST, which web.Client does not
// repeat. What is not there is so only in a place that is there.
func (s *service) steadily(ctx context.Context, do func() error) error {
	return again.Until(ctx, func(err error) bool { return errors.Is(err, bucket.ErrFailed) }, func(int) error {
		err := do()
		if errors.Is(err, store.ErrNotExist) {
			if gone := s.there(ctx); gone != nil {
				return gone
			}
		}
		return err
	})
}

// Put implements bucket.Service (files/upload).
func (s *service) Put(ctx context.Context, key string, data, hash []byte, fresh bool) (bucket.Entry, error) {
	if err := s.there(ctx); err != nil {
		return bucket.Entry{}, err
	}
	mode := "overwrite"
	if fresh {
		mode = "add"
	}
	// strict_conflict: the same bytes are refused too. With its hash, the service refuses bytes that were changed on the way.
	arg, err := header(map[string]any{
		"path": s.path(key), "mode": mode, "autorename": false, "mute": true, "strict_conflict": fresh,
		"content_hash": hex.EncodeToString(hash),
	})
	if err != nil {
		return bucket.Entry{}, err
	}
	resp, err := s.bearer.Send(ctx, http.MethodPost, content+"files/upload",
		map[string]string{"Dropbox-API-Arg": arg, "Content-Type": "application/octet-stream"}, data)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK {
		return bucket.Entry{}, told(resp)
	}
	var m meta
	err = bucket.ReadJSON(resp, &m)
	return m.entry(key), err
}

// header writes an argument as JSON of ASCII alone, since it is sent as a header.
func header(arg any) (string, error) {
	text, err := json.Marshal(arg)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, c := range string(text) {
		switch {
		case c < 0x7f:
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String(), nil
}

// file asks for what has a key; a folder is no object.
func (s *service) file(ctx context.Context, key string) (meta, error) {
	m, err := s.look(ctx, s.path(key))
	if err == nil && m.Tag != "file" {
		err = store.ErrNotExist
	}
	return m, err
}

// Look implements bucket.Service (files/get_metadata).
func (s *service) Look(ctx context.Context, key string) (bucket.Entry, error) {
	var m meta
	err := s.steadily(ctx, func() (err error) {
		m, err = s.file(ctx, key)
		return err
	})
	return m.entry(key), err
}

// Read implements bucket.Service (files/download).
func (s *service) Read(ctx context.Context, key string, p []byte, offset int64) error {
	arg, err := header(map[string]any{"path": s.path(key)})
	if err != nil {
		return err
	}
	return s.steadily(ctx, func() error {
		resp, err := s.bearer.Send(ctx, http.MethodPost, content+"files/download",
			map[string]string{"Dropbox-API-Arg": arg, "Range": bucket.Range(p, offset)})
		if err != nil {
			return err
		}
		defer bucket.Finish(resp)
		if resp.StatusCode >= 300 && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
			return told(resp)
		}
		return bucket.Fill(resp, p, offset)
	})
}

// Delete implements bucket.Service (files/delete_v2). What is deleted takes no room any more, and can be brought back
// at Dropbox for some weeks; only accounts of companies can delete for good. parent_rev has the service delete this
// file alone: a folder would go with all that is in it.
func (s *service) Delete(ctx context.Context, key string) error {
	return s.steadily(ctx, func() error {
		m, err := s.file(ctx, key)
		if err != nil {
			return err
		}
		err = s.ask(ctx, "files/delete_v2", map[string]any{"path": s.path(key), "parent_rev": m.Rev}, &struct{}{})
		if errors.Is(err, store.ErrExists) {
			err = fmt.Errorf("%w: the object was replaced just now", bucket.ErrFailed)
		}
		return err
	})
}

// Make implements bucket.Maker (files/create_folder_v2). It makes the folders above too.
func (s *service) Make(ctx context.Context) error {
	err := s.steadily(ctx, func() error {
		err := s.ask(ctx, "files/create_folder_v2", map[string]any{"path": s.root, "autorename": false}, &struct{}{})
		if errors.Is(err, store.ErrExists) {
			return nil // another one was faster; or it is a file, which is seen then
		}
		return err
	})
	if err == nil {
		err = s.find(ctx)
	}
	return err
}

// Free implements bucket.Spacer (users/get_space_usage).
func (s *service) Free(ctx context.Context) (uint64, error) {
	var answer struct {
		Used int64 `json:"used"`
		Of   struct {
			Tag       string `json:".tag"`
			Allocated int64  `json:"allocated"`
			Used      int64  `json:"used"`                             // by the whole team
			Person    int64  `json:"user_within_team_space_allocated"` // 0: as much as the team has
		} `json:"allocation"`
	}
	err := s.steadily(ctx, func() error { return s.ask(ctx, "users/get_space_usage", nil, &answer) })
	if err != nil {
		return 0, err
	}
	var left int64
	switch of := answer.Of; of.Tag {
	case "individual":
		left = of.Allocated - answer.Used
	case "team":
		if left = of.Allocated - of.Used; of.Person > 0 {
			left = min(left, of.Person-answer.Used)
		}
	default:
		return 0, fmt.Errorf("%w: the service does not say how much room there is", store.ErrUnreachable)
	}
	return uint64(max(left, 0)), nil
}
