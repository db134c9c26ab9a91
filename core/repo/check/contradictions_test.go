package check

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-backup/holdfast/core/repo"
)

// Writers that all see one place never contradict each other, however their backups overlap. Two that were shown different
// states for two backups each do.
func TestContradictionsAreOfThePlaceAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type run struct {
			writer int
			saw    []*repo.Snapshot
		}
		writers := rapid.IntRange(2, 4).Draw(t, "writers")
		var visible []*repo.Snapshot
		busy := make(map[int]run)
		sequence := make(map[int]uint64)
		removed := make(map[repo.Name]bool)
		apart := rapid.Bool().Draw(t, "two places") // computers 0 and 1 see their own from here on
		shown := func(w int) (out []*repo.Snapshot) {
			for _, s := range visible {
				if !apart || w > 1 || s.Writer[0] > 1 || int(s.Writer[0]) == w {
					out = append(out, s)
				}
			}
			return out
		}
		for n := range rapid.IntRange(0, 40).Draw(t, "steps") {
			w := rapid.IntRange(0, writers-1).Draw(t, "writer")
			if r, ok := busy[w]; ok {
				sequence[w]++
				visible = append(visible, &repo.Snapshot{
					Name: repo.Name{byte(n), 1}, Writer: repo.Profile{byte(w)}, Sequence: sequence[w], Seen: repo.Sightings(r.saw, repo.Profile{byte(w)}),
					Host: string(rune('a' + w)),
				})
				delete(busy, w)
				continue
			}
			busy[w] = run{w, shown(w)}
			if len(visible) > 0 && !apart && rapid.IntRange(0, 5).Draw(t, "remove") == 0 {
				i := rapid.IntRange(0, len(visible)-1).Draw(t, "which")
				removed[visible[i].Name] = true
				visible = append(visible[:i:i], visible[i+1:]...)
			}
		}
		missing, forks := contradictions(visible, func(n repo.Name) bool { return removed[n] })
		if len(missing) > 0 {
			t.Fatalf("missing: %v", missing)
		}
		if !apart && len(forks) > 0 {
			t.Fatalf("one place contradicts itself: %v", forks)
		}
		if apart && sequence[0] >= 2 && sequence[1] >= 2 && len(forks) == 0 {
			t.Fatal("two places are not told")
		}
	})
}

// What somebody saw and nobody removed is missed, and so is a number that was used twice.
func TestWhatSomebodySawIsMissed(t *testing.T) {
	a := &repo.Snapshot{Name: repo.Name{1}, Writer: repo.Profile{1}, Sequence: 1}
	b := &repo.Snapshot{Name: repo.Name{2}, Writer: repo.Profile{2}, Sequence: 1,
		Seen: []repo.Sighting{{Writer: repo.Profile{1}, Sequence: 1, Snapshot: a.Name}}}
	none := func(repo.Name) bool { return false }
	if missing, forks := contradictions([]*repo.Snapshot{a, b}, none); len(missing)+len(forks) > 0 {
		t.Errorf("all is there: %v, %v", missing, forks)
	}
	if missing, _ := contradictions([]*repo.Snapshot{b}, none); len(missing) != 1 || missing[0] != a.Name {
		t.Errorf("missing: %v", missing)
	}
	if missing, _ := contradictions([]*repo.Snapshot{b}, func(n repo.Name) bool { return n == a.Name }); len(missing) > 0 {
		t.Errorf("removed on purpose: %v", missing)
	}
	twice := &repo.Snapshot{Name: repo.Name{3}, Writer: repo.Profile{1}, Sequence: 1}
	if _, forks := contradictions([]*repo.Snapshot{a, twice}, none); len(forks) != 1 {
		t.Errorf("a number used twice: %v", forks)
	}
}
