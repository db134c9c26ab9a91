package core_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
)

// The cloud as adversary. Honest computers live through a history: they back up, turn encryption on and off, change the
// key and the password, prune, erase, join. Then the cloud, which keeps every version of every object, knows every
// epoch that was ever in the clear and every key that was given up, serves whatever it likes. What a new computer with
// the key or the password, and the old ones with what they remember, then restore, list, find or delete is what
// somebody with the current key wrote, or an error with a sentence. What they back up is never in the clear, and never
// under a key that others have.
//
// What cannot be told, and is left out here by name (SECURITY.md):
//   - a computer that was away while the key was changed, and is shown the state from before, goes on under the old
//     key (goesOnUnderTheOldKey);
//   - a new computer may be shown any older state that the current key opens;
//   - what somebody with the old key planted before it was changed: this cloud plants afterwards.
var (
	histories     = flag.Int("adversary.histories", 150, "how many histories are lived through")
	adversarySeed = flag.Uint64("adversary.seed", 1, "the first history's seed; the others' follow")
)

func TestTheCloudAsAdversary(t *testing.T) {
	n := *histories
	if testing.Short() {
		n = min(n, 30)
	}
	clouds := &clouds{all: make(map[string]store.Store)}
	var total tally
	for i := range n {
		seed := *adversarySeed + uint64(i)
		h := newHistory(t, clouds, seed)
		h.live()
		h.attack()
		total.add(h.tally)
		h.end()
		if t.Failed() {
			t.Fatalf("history %d: go test ./core -run TestTheCloudAsAdversary -adversary.histories 1 -adversary.seed %d", i, seed)
		}
	}
	t.Logf("%d histories: %+v", n, total)
	if n >= 100 && (total.Restored == 0 || total.Refused == 0 || total.BackedUp == 0 || total.Pruned == 0 || total.GoesOnUnderTheOldKey == 0) {
		t.Error("the histories do not reach everything they are for")
	}
}

// tally is what the histories came to, so that a test that has gone blind is seen.
type tally struct {
	Opened, Refused, Restored, Withheld, BackedUp, Pruned, GoesOnUnderTheOldKey int
}

func (t *tally) add(o tally) {
	t.Opened, t.Refused, t.Restored, t.Withheld = t.Opened+o.Opened, t.Refused+o.Refused, t.Restored+o.Restored, t.Withheld+o.Withheld
	t.BackedUp, t.Pruned, t.GoesOnUnderTheOldKey = t.BackedUp+o.BackedUp, t.Pruned+o.Pruned, t.GoesOnUnderTheOldKey+o.GoesOnUnderTheOldKey
}

// clouds are destinations by name.
type clouds struct {
	mu  sync.Mutex
	all map[string]store.Store
}

func (p *clouds) open(_ context.Context, destination string, _ bool) (store.Store, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.all[destination]
	if !ok {
		return nil, store.ErrUnreachable
	}
	return s, nil
}

func (p *clouds) put(destination string, s store.Store) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[destination] = s
}

const place = "cloud:backup"

// history is one run: honest computers, and the truth about what they wrote.
type history struct {
	*cloud
	t      *testing.T
	dir    string
	clouds *clouds
	tally

	a, b  *member
	vault *rightVault
	key   *backupkey.Key // in force; nil: no encryption
	word  []byte         // the password, nil: none
	// lineage counts how often encryption began: what was written before does not count for who has the key of now.
	lineage int
	written map[string]truth     // by snapshot
	keys    map[backupkey.ID]int // the lineage of each key
}

// truth is a snapshot that an honest computer made.
type truth struct {
	lineage int
	files   map[string]string
}

// member is one of the honest computers.
type member struct {
	name, profile, src string
	key                *backupkey.Key // that it was told
	n                  int
	joined             bool
}

func newHistory(t *testing.T, p *clouds, seed uint64) *history {
	dir, err := os.MkdirTemp("", "adversary")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 7))
	h := &history{t: t, cloud: newCloud(t, r), dir: dir, clouds: p, written: make(map[string]truth), keys: make(map[backupkey.ID]int),
		vault: &rightVault{}}
	for i, m := range []**member{&h.a, &h.b} {
		name := fmt.Sprint("computer", i)
		*m = &member{name: name, profile: filepath.Join(dir, name, "profile"), src: filepath.Join(dir, name, "src")}
		filetest.Write(t, filepath.Join((*m).src, "same.txt"), bytes.Repeat([]byte("same "), 300))
	}
	if r.IntN(3) > 0 {
		h.lineage++
		h.newKey()
	}
	return h
}

func (h *history) end() {
	if err := os.RemoveAll(h.dir); err != nil {
		h.t.Error(err)
	}
}

func (h *history) app(m *member) *core.App {
	h.t.Helper()
	a, err := core.Open(context.Background(), core.Params{
		Profile: m.profile, Keyring: keyring.File{Path: filepath.Join(m.profile, "device.key")}, PackBytes: 64 << 10,
		Places: places.By(h.clouds.open), Vaults: h.vault,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// newKey makes the key that is in force from now on.
func (h *history) newKey() {
	h.key = newKey(h.t)
	h.keys[h.key.ID()] = h.lineage
}

// do is one thing that an honest computer does at the honest place.
func (h *history) do(m *member, what string, fn func(a *core.App) error) {
	h.t.Helper()
	h.clouds.put(place, recorded{h.disk, h.cloud})
	a := h.app(m)
	err := errors.Join(fn(a), a.Close())
	if *histories == 1 {
		h.t.Logf("%s: %s", m.name, what)
	}
	if err != nil {
		h.t.Fatalf("%s: %s: %v", m.name, what, err)
	}
	h.remember()
}

func (h *history) setup(m *member, existing bool) {
	req := core.SetupRequest{Destination: place, Sources: []string{m.src}, Key: h.key, Existing: existing}
	h.do(m, "setup", func(a *core.App) error { return a.Setup(context.Background(), req) })
	m.joined, m.key = true, h.key
}

func (h *history) backup(m *member) {
	m.n++
	filetest.Write(h.t, filepath.Join(m.src, "a.txt"), fmt.Appendf(nil, "%s wrote this in its backup %d", m.name, m.n))
	filetest.Write(h.t, filepath.Join(m.src, "docs", fmt.Sprint(m.n%3)), filetest.Noise(uint64(m.n), 3000))
	h.do(m, "backup", func(a *core.App) error {
		report, err := a.Backup(context.Background(), nil)
		if err == nil {
			h.took(m, report.Snapshot)
		}
		return err
	})
}

// took takes down what a snapshot holds.
func (h *history) took(m *member, snapshot string) {
	if snapshot == "" {
		return
	}
	files := make(map[string]string)
	for name, b := range filesOf(h.t, m.src) {
		files[filepath.Join("src", name)] = string(b)
	}
	h.written[snapshot] = truth{h.lineage, files}
}

// live lives through some things.
func (h *history) live() {
	ctx := context.Background()
	h.setup(h.a, false)
	h.backup(h.a)
	for range 2 + h.rand.IntN(5) {
		m := h.a
		if h.b.joined && h.rand.IntN(3) == 0 && h.b.key == h.key {
			m = h.b
		}
		switch h.rand.IntN(9) {
		case 0, 1:
			h.backup(m)
		case 2:
			if !h.b.joined {
				h.setup(h.b, true)
				h.backup(h.b)
			}
		case 3, 4:
			h.changeKey()
		case 5:
			h.turn()
		case 6:
			h.do(m, "prune", func(a *core.App) error {
				_, err := a.Upkeep().Prune(ctx, core.PruneRequest{Retention: &core.Retention{Last: 2}, Thorough: true}, nil)
				return err
			})
		case 7:
			if m.n > 1 {
				h.erase(m)
			}
		case 8:
			h.setPassword()
		}
	}
	h.backup(h.a)
}

func (h *history) changeKey() {
	if h.key == nil {
		return
	}
	old := h.key
	h.newKey()
	var word *core.PasswordRequest
	if h.word != nil {
		word = &core.PasswordRequest{Password: bytes.Clone(h.word)}
	}
	h.do(h.a, "change of the key", func(a *core.App) error { return a.Encryption().ChangeKey(context.Background(), h.key, word) })
	h.a.key = h.key
	h.given(old)
}

// turn turns encryption on, or off. The other computer is not told.
func (h *history) turn() {
	ctx := context.Background()
	if h.key != nil {
		old := h.key
		h.key, h.word = nil, nil
		h.do(h.a, "encryption off", func(a *core.App) error {
			report, err := a.Encryption().TurnOff(ctx, nil)
			h.lineage++
			h.took(h.a, report.Snapshot)
			return err
		})
		h.a.key = nil
		h.given(old)
		return
	}
	h.lineage++
	h.newKey()
	h.do(h.a, "encryption on", func(a *core.App) error {
		report, err := a.Encryption().TurnOn(ctx, h.key, nil, nil)
		h.took(h.a, report.Snapshot)
		return err
	})
	h.a.key = h.key
}

func (h *history) erase(m *member) {
	h.do(m, "erase", func(a *core.App) error {
		r, err := a.Reader(context.Background())
		if err != nil {
			return err
		}
		before, err := r.Snapshots(context.Background())
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		if _, err = a.Upkeep().Erase(context.Background(), core.EraseRequest{Paths: []string{"src/docs"}, AllComputers: true}, nil); err != nil &&
			!errors.Is(err, core.ErrNoEntry) {
			return err
		}
		if r, err = a.Reader(context.Background()); err != nil {
			return err
		}
		after, err := r.Snapshots(context.Background())
		for _, s := range after { // each is an old one without the folder
			if _, known := h.written[s.ID]; known {
				continue
			}
			for _, old := range before {
				if old.Time.Equal(s.Time) {
					files := make(map[string]string)
					for name, b := range h.written[old.ID].files {
						if !strings.HasPrefix(name, "src/docs/") {
							files[name] = b
						}
					}
					h.written[s.ID] = truth{h.lineage, files}
				}
			}
		}
		return errors.Join(err, r.Close())
	})
}

func (h *history) setPassword() {
	if h.key == nil {
		return
	}
	h.word = fmt.Appendf(nil, "a long pass phrase %d", h.rand.IntN(1000))
	h.do(h.a, "password", func(a *core.App) error {
		return a.Passwords().Set(context.Background(), core.PasswordRequest{Password: bytes.Clone(h.word), Vault: h.vault.typed(h.t)})
	})
}

// restored compares a folder with what a snapshot was made of. What is there must be right; what is not is the caller's to judge.
func restored(dir string, want map[string]string) (whole bool, err error) {
	found := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(dir, path) // both are absolute
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if text, ok := want[rel]; !ok || text != string(b) {
			return fmt.Errorf("%s came back with %q", rel, b[:min(len(b), 40)])
		}
		found++
		return nil
	})
	return found == len(want), err
}

// known epochs' names must not be on what was just written.
func (h *history) readable(before, after map[string][]byte) (bad []string) {
	for name, b := range after {
		if old, there := before[name]; there && bytes.Equal(old, b) {
			continue
		}
		switch {
		case name == "holdfast.json" && bytes.Contains(b, []byte(`"protection": "none"`)):
			bad = append(bad, "a header without encryption")
		case h.wrote(name) && !slices.Contains([]string{"marks/", "pendin"}, name[:6]):
			bad = append(bad, name)
		}
	}
	return bad
}

// alive reports whether a snapshot is at the honest place: others were deleted on purpose.
func (h *history) alive(id string) bool {
	_, ok := h.states[len(h.states)-1]["snapshots/"+id]
	return ok
}

// elsewhere is a computer that has no profile yet.
func (h *history) elsewhere() core.Elsewhere {
	return core.Elsewhere{Places: places.By(h.clouds.open), Vaults: h.vault}
}
