// Package onedrive keeps objects as files below a folder of OneDrive, by Microsoft Graph (version 1.0). One request
// stores an object; conflictBehavior=fail has the service refuse a name that is taken.
//
// The service makes the folders above a file that it is sent. So the place's folder goes by its id, which only itself
// has: one that is gone is not made anew, and another one of its name is another place.
package onedrive

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/again"
	"github.com/holdfast-backup/holdfast/remote/bucket"
	"github.com/holdfast-backup/holdfast/remote/oauth"
)

const (
	connections = 4
	host        = "graph.microsoft.com"
	graph       = "https://" + host + "/v1.0/"
	appRoot     = graph + "me/drive/special/approot" // the app's own folder
	fields      = "?$select=id,name,size,lastModifiedDateTime,file,folder,deleted,parentReference"
	conflict    = "@microsoft.graph.conflictBehavior"
)

// Params of Open.
type Params = oauth.Params

// Provider is OneDrive as people sign in to it, for the app's own folder alone.
func Provider(client oauth.Client) oauth.Provider {
	const login = "https://login.microsoftonline.com/common/oauth2/v2.0/"
	return oauth.Provider{
		Endpoint: oauth2.Endpoint{AuthURL: login + "authorize", TokenURL: login + "token", AuthStyle: oauth2.AuthStyleInParams},
		Scopes:   []string{"Files.ReadWrite.AppFolder", "offline_access"},
		Client:   client, Localhost: true, // which any port may follow
	}
}

// service is a folder, as a bucket.Service. Keys are paths below it.
type service struct {
	bearer oauth.Bearer
	path   string // of the folder, below that of the app
	id     string // of the folder, since it was opened
}

// Open opens a folder below that of the app; create makes it, if it is not there. Errors: store.ErrSignIn,
// store.ErrUnreachable, store.ErrPermission, *store.IdentityError.
func Open(ctx context.Context, p Params) (*bucket.Roomy, error) {
	bearer, err := p.Bearer(Provider(oauth.Client{}), connections)
	if err != nil {
		return nil, err
	}
	s := &service{bearer: bearer, path: strings.Trim(p.Address.Path, "/")}
	b, err := bucket.Open(ctx, bucket.Params{Service: s, Location: p.Address.String(), Connections: connections,
		Facts: store.Facts{Deletes: store.DeletesToBin}}, p.Create)
	if err != nil {
		return nil, err
	}
	return bucket.WithSpace(b, s), nil
}

// Close implements bucket.Service.
func (s *service) Close() { s.bearer.Client.Close() }

// item is a file or a folder as the service tells of it.
type item struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Size int64  `json:"size"`
	Time string `json:"lastModifiedDateTime"`
	File *struct {
		Hashes struct {
			QuickXor string `json:"quickXorHash"`
		} `json:"hashes"`
	} `json:"file"`
	Folder  *struct{} `json:"folder"`
	Deleted *struct{} `json:"deleted"`
	Parent  struct {
		Drive string `json:"driveId"`
	} `json:"parentReference"`
}

func (i item) entry(key string) bucket.Entry {
	e := bucket.Entry{Key: key, Size: i.Size, Put: bucket.Time(i.Time)}
	if i.File == nil {
		return e
	}
	if sum, err := base64.StdEncoding.DecodeString(i.File.Hashes.QuickXor); err == nil && len(sum) == hashSize {
		e.Hash = sum
	}
	return e
}

// byID is the URL of what has an id.
func byID(id string) string { return graph + "me/drive/items/" + url.PathEscape(id) }

// below is the URL of what has a path below something, or of a part of it: "content", "children"; "": itself.
func below(above, path, part string) string {
	colon := ""
	if path != "" {
		names := strings.Split(path, "/")
		for i, name := range names {
			names[i] = url.PathEscape(name)
		}
		above, colon = above+":/"+strings.Join(names, "/"), ":"
	}
	if part == "" {
		return above
	}
	return above + colon + "/" + part
}

// at is the URL of a key, or of a part of it.
func (s *service) at(key, part string) string { return below(byID(s.id), key, part) }

// ask sends a request with arg as JSON, if any, and reads the answer, if into is not nil.
func (s *service) ask(ctx context.Context, method, at string, arg, into any) error {
	var header map[string]string
	var body [][]byte
	if arg != nil {
		text, err := json.Marshal(arg)
		if err != nil {
			return err
		}
		header, body = map[string]string{"Content-Type": "application/json"}, [][]byte{text}
	}
	resp, err := s.bearer.Send(ctx, method, at, header, body...)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		return told(resp)
	case into == nil:
		return nil
	}
	return bucket.ReadJSON(resp, into)
}

// folder asks for the place's folder.
func (s *service) folder(ctx context.Context, at string) (item, error) {
	var i item
	err := s.ask(ctx, http.MethodGet, at+fields, nil, &i)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return item{}, bucket.ErrGone
	case err != nil:
		return item{}, err
	case i.Folder == nil || i.Deleted != nil || i.ID == "":
		return item{}, bucket.ErrGone
	}
	return i, nil
}

// find remembers the place's folder. The app's own folder is asked for first: the service makes it for who asks for it
// itself, and for nobody who asks for what is in it.
func (s *service) find(ctx context.Context) error {
	app, err := s.folder(ctx, appRoot)
	if err != nil {
		return err
	}
	i, err := s.folder(ctx, below(byID(app.ID), s.path, ""))
	s.id = i.ID
	return err
}

// missing says of an answer that something is not there whether it is so, or the place is gone.
func (s *service) missing(ctx context.Context, err error) error {
	if errors.Is(err, store.ErrNotExist) {
		if _, gone := s.folder(ctx, byID(s.id)); gone != nil {
			return gone
		}
	}
	return err
}

// Hash implements bucket.Service.
func (s *service) Hash(data []byte) []byte { return quickXor(data) }

// Put implements bucket.Service. One request takes up to 250 MB. The service is told no hash: it tells its own.
func (s *service) Put(ctx context.Context, key string, data, _ []byte, fresh bool) (bucket.Entry, error) {
	query := "?" + conflict + "=replace"
	if fresh {
		query = "?" + conflict + "=fail"
	}
	resp, err := s.bearer.Send(ctx, http.MethodPut, s.at(key, "content")+query,
		map[string]string{"Content-Type": "application/octet-stream"}, data)
	if err != nil {
		return bucket.Entry{}, err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return bucket.Entry{}, told(resp)
	}
	var i item
	err = bucket.ReadJSON(resp, &i)
	return i.entry(key), err
}

// file asks for what has a key; a folder is no object.
func (s *service) file(ctx context.Context, key string) (item, error) {
	var i item
	err := s.ask(ctx, http.MethodGet, s.at(key, "")+fields, nil, &i)
	if err == nil && (i.File == nil || i.Deleted != nil) {
		err = store.ErrNotExist
	}
	return i, s.missing(ctx, err)
}

// Look implements bucket.Service.
func (s *service) Look(ctx context.Context, key string) (bucket.Entry, error) {
	i, err := s.file(ctx, key)
	return i.entry(key), err
}

// Read implements bucket.Service. The service answers with a link, which needs no token and must see none: who serves
// it may be anybody.
func (s *service) Read(ctx context.Context, key string, p []byte, offset int64) error {
	link, err := s.link(ctx, key)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return fmt.Errorf("%w: the service gives a link that leads nowhere", store.ErrUnreachable) // err repeats it
	}
	req.Header.Set("Range", bucket.Range(p, offset))
	resp, err := s.bearer.Client.Do(req)
	if err != nil {
		return err
	}
	defer bucket.Finish(resp)
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		// Whatever it says, it is of the link, and of neither the object nor the token.
		return fmt.Errorf("%w: its link is answered with %d", bucket.ErrFailed, resp.StatusCode)
	}
	return bucket.Fill(resp, p, offset)
}

// link asks where an object is got from. Errors: store.ErrUnreachable where that would be in clear.
func (s *service) link(ctx context.Context, key string) (string, error) {
	text, err := s.location(ctx, s.at(key, "content"))
	if errors.Is(err, errCannot) { // a folder has no bytes
		if _, no := s.file(ctx, key); no != nil {
			return "", no
		}
	}
	if err != nil {
		return "", s.missing(ctx, err)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("%w: the service gives a link that is not safe", store.ErrUnreachable) // err repeats it
	}
	return text, nil
}

// location asks for something, and returns where the service leads to for it.
func (s *service) location(ctx context.Context, at string) (string, error) {
	resp, err := s.bearer.Send(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", err
	}
	defer bucket.Finish(resp)
	switch {
	case resp.StatusCode >= 400:
		return "", told(resp)
	case resp.StatusCode != http.StatusFound:
		return "", fmt.Errorf("%w: the service gives no link, and answers %d", store.ErrUnreachable, resp.StatusCode)
	}
	return resp.Header.Get("Location"), nil
}

// repeated does again what the service failed at, by POST, which web.Client does not repeat.
func repeated(ctx context.Context, do func() error) error {
	return again.Until(ctx, func(err error) bool { return errors.Is(err, bucket.ErrFailed) }, func(int) error { return do() })
}

// Delete implements bucket.Service. It deletes for good where the service can do that: the recycle bin takes room for
// weeks. The file goes by its id, since a folder that has taken its name would go with all that is in it.
func (s *service) Delete(ctx context.Context, key string) error {
	i, err := s.file(ctx, key)
	if err != nil {
		return err
	}
	at := graph + "drives/" + url.PathEscape(i.Parent.Drive) + "/items/" + url.PathEscape(i.ID) + "/permanentDelete"
	err = repeated(ctx, func() error { return s.ask(ctx, http.MethodPost, at, nil, nil) })
	if !errors.Is(err, errCannot) && !errors.Is(err, store.ErrPermission) {
		return s.missing(ctx, err)
	}
	return s.missing(ctx, s.ask(ctx, http.MethodDelete, byID(i.ID), nil, nil)) // into the recycle bin
}

// Make implements bucket.Maker. It makes the folders above too.
func (s *service) Make(ctx context.Context) error {
	app, err := s.folder(ctx, appRoot)
	if err != nil {
		return err
	}
	above := byID(app.ID)
	for name := range strings.SplitSeq(s.path, "/") {
		arg := map[string]any{"name": name, "folder": struct{}{}, conflict: "fail"}
		err := repeated(ctx, func() error { return s.ask(ctx, http.MethodPost, above+"/children", arg, nil) })
		if err != nil && !errors.Is(err, store.ErrExists) { // which is as good; or it is a file, which is seen then
			return err
		}
		i, err := s.folder(ctx, below(above, name, ""))
		if err != nil {
			return err
		}
		above = byID(i.ID)
	}
	return s.find(ctx)
}

// Free implements bucket.Spacer.
func (s *service) Free(ctx context.Context) (uint64, error) {
	var answer struct {
		Quota *struct {
			Remaining *int64 `json:"remaining"`
		} `json:"quota"`
	}
	if err := s.ask(ctx, http.MethodGet, graph+"me/drive?$select=quota", nil, &answer); err != nil {
		return 0, err
	}
	if answer.Quota == nil || answer.Quota.Remaining == nil {
		return 0, fmt.Errorf("%w: the service does not say how much room there is", store.ErrUnreachable)
	}
	return uint64(max(*answer.Quota.Remaining, 0)), nil
}
