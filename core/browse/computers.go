package browse

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// Computer is one computer's backups, as its snapshots name it.
type Computer struct {
	Host    string    `json:"host"` // as the snapshot says: a holder of the key can have written any name
	User    string    `json:"user"`
	Backups int       `json:"backups"`
	Newest  time.Time `json:"newest"`
	// Own: all of them were made by this profile.
	Own bool `json:"own"`
}

// ByComputer returns whose backups there are, the newest first. own reports whether this profile made a backup.
func ByComputer(all []*repo.Snapshot, own func(*repo.Snapshot) bool) []Computer {
	type who struct {
		host, user string
		own        bool
	}
	by := make(map[who][]*repo.Snapshot)
	for _, s := range all {
		w := who{s.Host, s.User, own(s)}
		by[w] = append(by[w], s)
	}
	out := make([]Computer, 0, len(by))
	for w, list := range by {
		out = append(out, Computer{w.host, w.user, len(list), ShownTime(repo.Newest(list, time.Now()).Begin), w.own})
	}
	slices.SortFunc(out, func(a, b Computer) int {
		return cmp.Or(b.Newest.Compare(a.Newest), cmp.Compare(a.Host, b.Host), cmp.Compare(a.User, b.User))
	})
	return out
}
