package check

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// contradictions compares what the writers of snapshots say that they saw (docs/format.md, chapter 10). missing are
// snapshots that somebody saw, that nobody has deleted on purpose, and that are not there. forks are in words: two
// writers cannot both have missed what the other had made visible before, unless the destination showed them different
// states.
func contradictions(all []*repo.Snapshot, removed func(repo.Name) bool) (missing []repo.Name, forks []string) {
	present := make(map[repo.Name]bool, len(all))
	by := make(map[repo.Profile][]*repo.Snapshot)
	for _, s := range all {
		present[s.Name] = true
		if s.Sequence > 0 {
			by[s.Writer] = append(by[s.Writer], s)
		}
	}
	writers := make([]repo.Profile, 0, len(by))
	for w, own := range by {
		writers = append(writers, w)
		slices.SortFunc(own, func(a, b *repo.Snapshot) int {
			return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), slices.Compare(a.Name[:], b.Name[:]))
		})
		for i := 1; i < len(own); i++ {
			if own[i].Sequence == own[i-1].Sequence && !removed(own[i].Name) && !removed(own[i-1].Name) {
				forks = append(forks, fmt.Sprintf("the snapshots %s and %s have one number: a profile of %s was copied, or put back from an older day",
					own[i-1].Name, own[i].Name, own[i].Host))
			}
		}
	}
	slices.SortFunc(writers, func(a, b repo.Profile) int { return slices.Compare(a[:], b[:]) })
	for _, s := range all {
		for _, seen := range s.Seen {
			if !present[seen.Snapshot] && !removed(seen.Snapshot) && !slices.Contains(missing, seen.Snapshot) {
				missing = append(missing, seen.Snapshot)
			}
		}
	}
	for i, a := range writers {
		for _, b := range writers[i+1:] {
			if s := split(by[a], by[b]); s != "" {
				forks = append(forks, s)
			}
		}
	}
	return missing, forks
}

// split finds snapshots a before a2 of one writer, and b before b2 of another, such that a2 missed b and b2 missed a.
// One of a and b was visible first, and a run that began after that should have seen it. Both lists ascend.
func split(of, other []*repo.Snapshot) string {
	for i := 1; i < len(of); i++ {
		a, a2 := of[i-1], of[i]
		for k := 1; k < len(other); k++ {
			b, b2 := other[k-1], other[k]
			if a2.Sees(b.Writer) < b.Sequence && b2.Sees(a.Writer) < a.Sequence {
				return fmt.Sprintf("this place has shown %s and %s different states: %s did not see %s, nor %s %s", a.Host, b.Host, a2.Name, b.Name,
					b2.Name, a.Name)
			}
		}
	}
	return ""
}
