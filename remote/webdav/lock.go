package webdav

import (
	"context"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/remote/again"
)

// Servers check If-None-Match before they write, so that two writers that come at once may both go through; and
// Apache gives two locks (RFC 4918, chapter 6) at once as well. A folder is made by one alone, whatever the server is:
// so writers of one name exclude each other by a folder beside it.

// maxLocked is the size of the largest object that is put under a lock, bytes. Larger ones are packs, whose names
// are random: nobody else puts them.
const maxLocked = 1 << 20

// lockAge is how long a writer waits for a lock. Then it takes the owner for dead and removes the lock.
const lockAge = 60 * time.Second

// lock returns when no other writer of a name is at work. The returned function ends that.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	at := s.root.JoinPath(path.Dir(name), ".holdfast-lock-"+path.Base(name)).Path
	seen := time.Now()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		status, err := s.mkcol(ctx, at)
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusCreated:
			return func() { s.unlock(ctx, at) }, nil
		case status/100 == 5, status == http.StatusUnauthorized:
			return nil, said(status, "MKCOL")
		case time.Since(seen) > lockAge:
			s.unlock(ctx, at)
			seen = time.Now()
			continue
		}
		if e, err := s.look(ctx, strings.TrimPrefix(at, s.root.Path+"/")); err != nil || !e.folder {
			if status == http.StatusConflict || status == http.StatusNotFound {
				return nil, errNoFolder
			}
			continue // it ended meanwhile
		}
		if err := again.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// unlock ends a lock. One that stays for want of an answer is broken later.
func (s *Store) unlock(ctx context.Context, at string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	u := *s.root
	u.Path = at + "/"
	if resp, err := s.send(ctx, http.MethodDelete, u.String(), nil, nil); err == nil {
		_ = finish(resp) // nothing follows from it
	}
}
