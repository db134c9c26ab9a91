// Package b2 keeps objects in a bucket of Backblaze B2, by its native interface (version 2).
//
// B2 has no put that refuses a name that is taken: the same name becomes another version. Of the versions of a name, the
// oldest counts, wherever it is asked for. So what was put is never displaced: who puts a name later finds the older version
// and takes its own back. Who replaces uploads a version and then deletes those that are older than it, and with the last of
// them the new one counts, in one step (docs/adr/0029).
package b2

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // it is what the service knows objects by
	"encoding/hex"
	"errors"
	"strings"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/web"
)

const (
	connections = 4
	api         = "/b2api/v2/"
	// most is how many entries a page has at most. The service bills each thousand.
	most = 1000
)

// service is a bucket, as a bucket.Service.
type service struct {
	client  *web.Client
	bucket  string // its name
	keyID   string
	key     string
	session session
	uploads uploads
	files   *bucket.Memory // ids by key: of the version that counts
}

// Open opens a bucket and a prefix in it; create makes it, for nobody but its owner to read. Errors: store.ErrSignIn,
// store.ErrUnreachable, store.ErrPermission.
func Open(ctx context.Context, a address.Address, secret address.Secret, create bool, options web.Options) (*bucket.Store, error) {
	return bucket.Open(ctx, params(a, secret, options), create)
}

// Params is what bucket.New needs for a bucket. Errors: none.
func Params(a address.Address, secret address.Secret) (bucket.Params, error) {
	return params(a, secret, web.Options{}), nil
}

func params(a address.Address, secret address.Secret, options web.Options) bucket.Params {
	options.Connections = connections
	s := &service{
		client: web.NewClient(options), bucket: a.Host, session: newSession(),
		keyID: secret[address.B2KeyID], key: secret[address.B2Key], files: bucket.NewMemory(20_000),
	}
	return bucket.Params{Service: s, Location: a.String(), Prefix: a.Path, Connections: connections, Flat: true,
		Facts: store.Facts{Deletes: store.DeletesForGood, ByTimes: true}}
}

// Close implements bucket.Service.
func (s *service) Close() { s.client.Close() }

// Hash implements bucket.Service.
func (s *service) Hash(data []byte) []byte {
	sum := sha1.Sum(data) //nolint:gosec // as above
	return sum[:]
}

// version is a version of a name as the service tells of it.
type version struct {
	ID     string `json:"fileId"`
	Name   string `json:"fileName"`
	Size   int64  `json:"contentLength"`
	SHA1   string `json:"contentSha1"`
	Time   int64  `json:"uploadTimestamp"` // milliseconds
	Action string `json:"action"`          // "upload" of what has bytes
}

func (v version) entry() bucket.Entry {
	e := bucket.Entry{Key: v.Name, Size: v.Size, Put: timeOf(v.Time)}
	if sum, err := hex.DecodeString(v.SHA1); err == nil && len(sum) == sha1.Size {
		e.Hash = sum
	}
	return e
}

// older orders the versions of a name: the one that counts is first, to every computer.
func older(a, b version) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.ID, b.ID)) }

// page is a list of versions, and what it goes on with.
type page struct {
	Files    []version `json:"files"`
	NextName string    `json:"nextFileName"`
	NextID   string    `json:"nextFileId"`
}

// list asks for a page of versions, in the order of names, of one name the youngest first (b2_list_file_versions).
func (s *service) list(ctx context.Context, query map[string]any) (p page, err error) {
	err = s.ask(ctx, "b2_list_file_versions", func(on granted) any {
		query["bucketId"] = on.bucket
		return query
	}, &p)
	return p, err
}

// versions returns those of one key that have bytes, the one that counts first; hidden are what marks it as hidden, which
// does not count here. Errors: those of ask.
func (s *service) versions(ctx context.Context, key string) (all, hidden []version, err error) {
	query := map[string]any{"startFileName": key, "prefix": key, "maxFileCount": 100}
	for {
		p, err := s.list(ctx, query)
		if err != nil {
			return nil, nil, err
		}
		for _, v := range p.Files {
			switch {
			case v.Name != key:
			case v.Action == "upload":
				all = append(all, v)
			case v.Action == "hide":
				hidden = append(hidden, v)
			}
		}
		if p.NextName != key || p.NextID == "" || p.NextID == query["startFileId"] {
			sorted(all)
			return all, hidden, nil
		}
		query["startFileId"] = p.NextID
	}
}

// find returns the version of a key that counts, or store.ErrNotExist.
func (s *service) find(ctx context.Context, key string) (version, error) {
	all, _, err := s.versions(ctx, key)
	if err != nil {
		return version{}, err
	}
	if len(all) == 0 {
		return s.remembered(ctx, key) // lists may lag behind
	}
	s.files.Set(key, all[0].ID)
	return all[0], nil
}

// remembered returns the version of a key that this program knows of, if it is there, else store.ErrNotExist.
func (s *service) remembered(ctx context.Context, key string) (v version, err error) {
	id, ok := s.files.Get(key)
	if !ok {
		return version{}, store.ErrNotExist
	}
	err = s.ask(ctx, "b2_get_file_info", func(granted) any { return map[string]any{"fileId": id} }, &v)
	if errors.Is(err, store.ErrNotExist) {
		s.files.Forget(key)
	}
	return v, err
}

// Look implements bucket.Service.
func (s *service) Look(ctx context.Context, key string) (bucket.Entry, error) {
	v, err := s.find(ctx, key)
	return v.entry(), err
}

// Folders implements bucket.Service.
func (s *service) Folders(ctx context.Context, prefix, at string) (names []string, next string, err error) {
	query := map[string]any{"prefix": prefix, "delimiter": "/", "maxFileCount": most}
	if at != "" {
		query["startFileName"] = at
	}
	p, err := s.list(ctx, query)
	for _, v := range p.Files {
		if name, ok := strings.CutPrefix(v.Name, prefix); ok && v.Action == "folder" {
			names = append(names, strings.TrimSuffix(name, "/"))
		}
	}
	return names, p.NextName, err
}
