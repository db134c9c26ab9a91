package core

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/browse"
	"github.com/holdfast-backup/holdfast/core/repo"
)

// Kept is what a change of the key keeps of one computer's backups.
type Kept struct {
	Host    string    `json:"host"` // as the snapshot says: a holder of the old key can have written any name
	User    string    `json:"user"`
	Backups int       `json:"backups"`
	Newest  time.Time `json:"newest"`
	// Own: all of them were made by this profile.
	Own bool `json:"own"`
}

// BeforeKeyChange tells which backups a change of the key keeps, the newest first. From the change on, what is not among them and was
// made with the old key does not count, so this is the moment to look for what nobody knows. Errors: ErrNotSetUp, ErrNotEncrypted, ….
func (a *App) BeforeKeyChange(ctx context.Context) ([]Kept, error) {
	set := a.profile.Settings()
	switch {
	case set.Repository == "":
		return nil, ErrNotSetUp
	case set.Protection != string(ProtectionKey):
		return nil, ErrNotEncrypted
	}
	r, err := a.openToRead(ctx)
	if err != nil {
		return nil, raise(err)
	}
	defer r.Store().Close() //nolint:errcheck // only read from
	all, _, err := r.Snapshots(ctx)
	if err != nil {
		return nil, raise(err)
	}
	type who struct {
		host, user string
		own        bool
	}
	by := make(map[who][]*repo.Snapshot)
	for _, s := range all {
		w := who{s.Host, s.User, slices.Contains(set.Known, s.ID())}
		by[w] = append(by[w], s)
	}
	out := make([]Kept, 0, len(by))
	for w, list := range by {
		out = append(out, Kept{w.host, w.user, len(list), browse.ShownTime(repo.Newest(list, time.Now()).Begin), w.own})
	}
	slices.SortFunc(out, func(a, b Kept) int {
		return cmp.Or(b.Newest.Compare(a.Newest), cmp.Compare(a.Host, b.Host), cmp.Compare(a.User, b.User))
	})
	return out, nil
}
