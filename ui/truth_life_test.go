package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// valve lets writes through to a place, or holds one of them.
type valve struct {
	mu    sync.Mutex
	full  bool
	dead  bool          // the process was killed: nothing gets through any more
	after int           // so many writes go through before one is held; negative: none is
	held  bool          // one is held now
	let   chan struct{} // closed to let it through
	tell  func()        // that one is held
}

var errDead = errors.New("killed")

func (v *valve) pass(ctx context.Context) error {
	v.mu.Lock()
	hold := v.after == 0
	if v.after >= 0 {
		v.after--
	}
	v.held = v.held || hold
	let := v.let
	v.mu.Unlock()
	if hold {
		v.tell()
		select {
		case <-let:
		case <-ctx.Done():
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.dead:
		return errDead
	case v.full:
		return store.ErrNoSpace
	}
	return nil
}

// hold has a write held after others.
func (v *valve) hold(after int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.after, v.held, v.let = after, false, make(chan struct{})
}

func (v *valve) holds() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.held
}

// open lets everything through again; a process that is killed gets nothing through.
func (v *valve) open(dead bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dead, v.after, v.held = dead, -1, false
	close(v.let)
	v.let = make(chan struct{})
}

// valved is a place behind a valve.
type valved struct {
	store.Store
	v *valve
}

func (s valved) Put(ctx context.Context, name string, data []byte) error {
	if err := s.v.pass(ctx); err != nil {
		return &store.Error{Op: "put", Name: name, Location: "the place", Err: err}
	}
	return s.Store.Put(ctx, name, data)
}

func (s valved) Replace(ctx context.Context, name string, data []byte) error {
	if err := s.v.pass(ctx); err != nil {
		return &store.Error{Op: "replace", Name: name, Location: "the place", Err: err}
	}
	return s.Store.Replace(ctx, name, data)
}

func (s valved) Free(ctx context.Context) (uint64, error) { return s.Store.(store.Spacer).Free(ctx) }

// folder is one that is to be backed up.
type folder struct {
	path  string
	files map[string]string // by name
	empty bool              // its files are elsewhere
	gone  bool
	held  bool // the last backup that could read it found files
}

func (f *folder) away() bool { return f.gone || f.empty && f.held }

// kept is a backup that is at the place.
type kept struct {
	id      string
	files   map[string]string // by their path in the backup
	sources []string
	tried   []string // that could not be read
	gaps    bool
}

func (k kept) bytes() (n int64) {
	for _, text := range k.files {
		n += int64(len(text))
	}
	return n
}

// event is a run that happened.
type event struct {
	kind    core.RunKind
	outcome core.Outcome
}

// life is a person with a computer, and what is so.
type life struct {
	t      *testing.T
	d      *desk
	v      *valve
	vaults core.Vaults // nil: there are none
	lie    func(core.Status) core.Status
	lies   []string
	when   string

	root, profile, place string
	cut                  kept           // made by a change that was cut off after it
	key, pending         *backupkey.Key // in use, and of a change that is not finished
	folders              []*folder
	made                 int // folders and files, for their names

	runs     []event // oldest first
	kept     []kept  // at the place, oldest first
	last     core.Outcome
	change   bool // one of encryption is not finished
	password bool // the vault has one
	asked    bool // the vault was, since the password was added
	wrong    int  // guesses, one after the other
	givingUp bool // and is being taken back
	away     bool // the place
	drill    core.Outcome
	check    core.Outcome
	drilled  int       // files of the drill that proved
	proven   bool      // a drill was done of what is there
	damaged  bool      // since the last backup
	everHurt bool      // at this place
	pause    time.Time // until when nothing runs by itself
	days     time.Duration
	overdue  time.Duration // after which a backup is
}

func newLife(t *testing.T, vaults core.Vaults, lie func(core.Status) core.Status) *life {
	root := t.TempDir()
	l := &life{t: t, vaults: vaults, lie: lie, root: root, profile: filepath.Join(root, "profile"),
		place: filepath.Join(root, "disk", "Holdfast"),
		v:     &valve{after: -1, let: make(chan struct{})}}
	if err := os.MkdirAll(filepath.Join(root, "disk"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.v.tell = func() { l.d.Loop.Do(func() {}) }
	l.addFolder()
	l.sit()
	l.d.door("Set up a backup")
	l.d.write(0, l.folders[0].path)
	l.d.press("Add")
	l.d.press("Continue")
	l.d.Sees("Where should it be kept?")
	l.d.write(0, l.place)
	l.d.press("Continue")
	l.d.Sees("Who may open it?")
	l.d.door("Not encrypted")
	l.d.press("Continue")
	l.d.Sees("Everything is set")
	l.d.press("Later")
	l.runs = append(l.runs, event{core.RunSetup, core.OutcomeDone})
	l.overdue = l.d.core.Status().Schedule.OverdueAfter()
	return l
}

// sit opens the window on the profile.
func (l *life) sit() {
	open := func(ctx context.Context, destination string, create bool) (store.Store, error) {
		s, err := places.OpenFolder(ctx, destination, create)
		if err != nil {
			return nil, err
		}
		return valved{s, l.v}, nil
	}
	params := core.Params{Profile: l.profile, Keyring: keyring.File{Path: filepath.Join(l.root, "device.key")}, Places: places.By(open),
		Vaults: l.vaults}
	l.d = sitIn(l.t, params, func(a *core.App) Core {
		if l.lie == nil {
			return CoreOf(a)
		}
		return with(a, &liar{a, l.lie})
	})
	l.d.clock = l.days
}

func (l *life) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatalf("%s: %v", l.when, err)
	}
}

func (l *life) addFolder() {
	l.made++
	f := &folder{path: filepath.Join(l.root, fmt.Sprintf("Folder %d", l.made)), files: map[string]string{}}
	l.must(os.Mkdir(f.path, 0o755))
	for range 2 {
		l.write(f)
	}
	l.folders = append(l.folders, f)
}

// write makes a file, or changes it.
func (l *life) write(f *folder) {
	l.made++
	name := fmt.Sprintf("file %d", l.made%5)
	f.files[name] = strings.Repeat(fmt.Sprintf("%d of %s. ", l.made, f.path), 1+l.made%7)
	l.must(os.WriteFile(filepath.Join(f.path, name), []byte(f.files[name]), 0o644))
}

// paused reports whether nothing runs by itself now.
func (l *life) paused() bool { return l.pause.After(l.d.now()) }

// expected is how a backup ends now.
func (l *life) expected() core.Outcome {
	away := 0
	for _, f := range l.folders {
		if f.away() {
			away++
		}
	}
	switch {
	case l.away, l.v.full, away == len(l.folders):
		return core.OutcomeFailed
	case away > 0:
		return core.OutcomePartly
	}
	return core.OutcomeDone
}

// ended notes that a run ended, and how; an outcome of "" is not known beforehand.
func (l *life) ended(kind core.RunKind, want core.Outcome) core.Run {
	l.t.Helper()
	l.d.Until("the end", func() bool { return l.d.ui.w.Job == nil && len(l.d.core.Activity()) > len(l.runs) })
	l.runs = append(l.runs, event{kind, want})
	all := l.d.core.Activity()
	if len(all) != len(l.runs) {
		l.t.Fatalf("%s: %d runs are in the history, there were %v", l.when, len(all), l.runs)
	}
	if all[0].Kind != kind || want != "" && all[0].Outcome != want {
		l.t.Fatalf("%s: the run was %s, %s (%s); it should have been %s, %s", l.when, all[0].Kind, all[0].Outcome, all[0].Error, kind, want)
	}
	l.runs[len(l.runs)-1].outcome = all[0].Outcome
	l.closeQuestions()
	return all[0]
}

// closeQuestions closes what was told over the window.
func (l *life) closeQuestions() {
	l.d.Loop.Drain()
	for o := l.d.ui.w.Canvas().Overlays(); o.Top() != nil; {
		o.Remove(o.Top())
	}
}

// keep notes what a backup holds that was made now.
func (l *life) keep(id string, gaps bool) { l.add(l.holding(id, gaps)) }

// add notes a backup that is there.
func (l *life) add(k kept) {
	l.kept, l.damaged = append(l.kept, k), false
	l.days, l.d.clock = 0, 0 // core's clock stands still
}

// holding is a backup of what there is now.
func (l *life) holding(id string, gaps bool) kept {
	k := kept{id: id, files: map[string]string{}, gaps: gaps}
	for _, f := range l.folders {
		if f.away() {
			k.tried = append(k.tried, f.path)
			continue
		}
		k.sources = append(k.sources, f.path)
		f.held = len(f.files) > 0 && !f.empty
		if !f.empty {
			for name, text := range f.files {
				k.files[filepath.Base(f.path)+"/"+name] = text
			}
		}
	}
	return k
}

// backUp makes a backup that nobody disturbs.
func (l *life) backUp() {
	want := l.expected()
	l.d.press("Back up now")
	l.afterBackup(l.ended(core.RunBackup, want))
}

func (l *life) afterBackup(r core.Run) {
	l.last = r.Outcome
	l.asked = l.asked || l.password && r.Outcome != core.OutcomeFailed
	if r.Outcome == core.OutcomeDone || r.Outcome == core.OutcomePartly {
		l.keep(r.Snapshot, r.Outcome == core.OutcomePartly)
	}
}

// during starts a backup and does something while a write of it is held.
func (l *life) during(do func()) {
	l.v.hold(0)
	l.d.press("Back up now")
	l.d.Until("a write", func() bool { return l.v.holds() || l.d.ui.w.Job == nil })
	if l.d.ui.w.Job == nil { // there was nothing to write
		l.v.open(false)
		l.afterBackup(l.ended(core.RunBackup, l.expected()))
		return
	}
	do()
}

func (l *life) kill() {
	saved := l.profile + " as it was"
	l.must(os.CopyFS(saved, os.DirFS(l.profile)))
	l.v.open(true)
	l.d.ui.w.Job.Stop()
	l.d.Until("the end", func() bool { return l.d.ui.w.Job == nil })
	l.d.leave()
	l.must(os.RemoveAll(l.profile))
	l.must(os.Rename(saved, l.profile))
	l.v.open(false)
	l.sit()
	l.runs = append(l.runs, event{core.RunBackup, core.OutcomeInterrupted})
	l.last = core.OutcomeInterrupted
}

// snapshots are what is at the place, read without the profile, oldest first.
func (l *life) snapshots() (*core.Reader, []core.Snapshot) {
	l.t.Helper()
	r, err := (core.Elsewhere{}).OpenReader(l.t.Context(), l.place, l.key)
	l.must(err)
	all, err := r.Snapshots(l.t.Context())
	l.must(err)
	slices.Reverse(all)
	return r, all
}

// toRestore goes to the dates; false: there are none, or the place is away.
func (l *life) toRestore() bool {
	l.d.nav("Restore")
	l.d.nav("Restore") // it begins anew
	l.d.door("This backup")
	l.d.Until("an answer", func() bool {
		return slices.ContainsFunc(l.d.Texts(), func(s string) bool {
			return s == "From which day?" || s == "No backup has been made here yet" || strings.Contains(s, "cannot be reached")
		})
	})
	return slices.Contains(l.d.Texts(), "From which day?")
}

func (l *life) deleteNewest() {
	if !l.toRestore() {
		l.t.Fatalf("%s: there are no dates", l.when)
	}
	more := uitest.Find(l.d.Desk, func(b *widgets.Button) bool { return b.Icon == "more" })
	test.Tap(more[0])
	l.d.row("Delete this date").Tapped(nil)
	l.d.press("Delete")
	l.ended(core.RunPrune, core.OutcomeDone)
	l.d.Until("what is left", func() bool {
		return len(uitest.Find(l.d.Desk, func(b *widgets.Button) bool { return b.Icon == "more" })) == len(l.kept)-1
	})
	l.kept = l.kept[:len(l.kept)-1]
}
