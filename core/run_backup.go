package core

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/meter"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/release"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/protection"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/cached"
)

// key returns the key in use, nil without encryption. Clear it after use.
func (a *App) key(ctx context.Context) (*backupkey.Key, error) {
	s, err := a.profile.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Clear()
	if s.Key == nil {
		return nil, nil
	}
	return backupkey.FromBytes(s.Key)
}

// openToRead opens the profile's backup and refuses one that is not it, that claims to be less protected than it
// was, or that shows an older state of the key than this computer has seen. Nothing at the destination changes.
func (a *App) openToRead(ctx context.Context) (*repo.Repository, error) {
	return a.openOwn(ctx, false, asItIs)
}

// openToWrite is openToRead for verbs that write. It puts right what two changes of the key at once have left, and
// brings up to date what an earlier version wrote.
func (a *App) openToWrite(ctx context.Context, from origin) (*repo.Repository, error) {
	r, err := a.openOwn(ctx, true, from)
	if err != nil {
		return nil, err
	}
	switch err := protection.Upgrade(ctx, r); {
	case errors.Is(err, store.ErrNoSpace), errors.Is(err, store.ErrPermission):
		a.p.Log.Warn("the backup stays in the form of an earlier version", "cause", err)
	case err != nil:
		return nil, errors.Join(err, r.Store().Close())
	}
	return r, a.rememberSeen(r)
}

// rememberSeen keeps the state of the key that a repository shows. A change of protection keeps it at its end.
func (a *App) rememberSeen(r *repo.Repository) error {
	set := a.profile.Settings()
	if bytes.Equal(seenBy(r), set.Seen) || set.Change != "" || set.Repository != r.Facts().Repository {
		return nil
	}
	return a.profile.Update(func(s *profile.Settings) { s.Seen = seenBy(r) })
}

// seenBy is the state of the key that a repository shows, for the settings.
func seenBy(r *repo.Repository) json.RawMessage {
	if r.Seen() == (repo.Seen{}) {
		return nil
	}
	b, err := json.Marshal(r.Seen())
	if err != nil {
		panic("core: " + err.Error()) // our own type
	}
	return b
}

// origin is where small objects of a place far away are read. Only what is done again and again may read copies: what checks
// the place must not.
type origin bool

const asItIs, copies origin = false, true

// changes is what this computer remembers of how its files were at the last backup.
const changes = "changes"

func (a *App) openOwn(ctx context.Context, mend bool, from origin) (*repo.Repository, error) {
	set := a.profile.Settings()
	if set.Repository == "" {
		return nil, ErrNotSetUp
	}
	s, err := a.p.Places.OpenKnown(ctx, set.Destination)
	if err != nil {
		return nil, err
	}
	if from == copies {
		s = cached.New(cached.Params{Store: s, Dir: a.profile.Cache(set.Repository, "objects"), Prefixes: repo.SmallObjects()})
	}
	s = store.Limited(s, &a.uploads)
	r, err := a.openRepository(ctx, set, s, mend)
	if err == nil {
		err = a.rememberSeen(r)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return r, nil
}

func (a *App) openRepository(ctx context.Context, set profile.Settings, s store.Store, mend bool) (*repo.Repository, error) {
	facts, err := repo.Inspect(ctx, s)
	if err != nil {
		return nil, err
	}
	if facts.Repository != set.Repository {
		return nil, fmt.Errorf("%w: another backup is at %s", ErrDowngraded, set.Destination)
	}
	expected := string(facts.Protection) == set.Protection
	if committed := set.Change != ""; !expected && !committed {
		return nil, fmt.Errorf("%w: %s says %q, this computer set up %q", ErrDowngraded, set.Destination, facts.Protection, set.Protection)
	}
	if facts.Protection == repo.ProtectionNone {
		return repo.Open(ctx, s, repo.Unencrypted().Of(facts))
	}
	key, err := keyFor(ctx, a.profile, facts.KeyID)
	if err != nil {
		return nil, err
	}
	q := repo.Encrypted(key).Of(facts)
	if set.Seen != nil && set.Change == "" {
		var seen repo.Seen
		if err := json.Unmarshal(set.Seen, &seen); err != nil {
			return nil, fmt.Errorf("the profile's settings: %w", err)
		}
		q = q.Since(seen)
	}
	if mend {
		q = q.Mending()
	}
	return repo.Open(ctx, s, q)
}

// keyFor returns the kept key with this id. A change of the key that was cut
// off after the destination had learnt of it is completed here.
func keyFor(ctx context.Context, p *profile.Profile, id backupkey.ID) (*backupkey.Key, error) {
	s, err := p.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Clear()
	for i, b := range [][]byte{s.Key, s.Next} {
		if b == nil {
			continue
		}
		k, err := backupkey.FromBytes(b)
		if err != nil {
			return nil, err
		}
		if k.ID() != id {
			k.Clear()
			continue
		}
		if i == 1 && p.Settings().Change == "" {
			if err := p.SetSecrets(ctx, &profile.Secrets{Key: s.Next}); err != nil {
				return nil, err
			}
		}
		return k, nil
	}
	return nil, ErrKeyChanged
}

// Backup backs up. A change of encryption that was cut off is finished first (its
// fresh backup is this backup), or given up if that was begun. progress may be nil; it is called from
// another goroutine, a few times a second.
func (a *App) Backup(ctx context.Context, progress func(Progress)) (BackupReport, error) {
	switch Change(a.profile.Settings().Change) {
	case ChangeNone:
	case ChangeGiveUpOn, ChangeGiveUpOff:
		if err := a.Encryption().GiveUp(ctx, progress); err != nil {
			return BackupReport{}, err
		}
	default:
		return a.Encryption().resume(ctx, progress)
	}
	return runFor(a, RunBackup, func(run *Run) (BackupReport, error) {
		r, err := a.openToWrite(ctx, copies)
		if err != nil {
			return BackupReport{}, err
		}
		defer r.Store().Close() //nolint:errcheck // nothing is buffered
		report, err := a.backup(ctx, r, run, false, progress)
		if err == nil && a.p.Vaults != nil {
			report.WrongGuesses = a.Passwords().accounts().Watch(ctx, r)
		}
		return report, err
	})
}

// backup makes a snapshot. fresh reads and stores everything anew.
func (a *App) backup(ctx context.Context, r *repo.Repository, run *Run, fresh bool, progress func(Progress)) (BackupReport, error) {
	begin := time.Now()
	set := a.profile.Settings()
	exclude, err := source.ReadExclude(set.Excludes)
	if err != nil {
		return BackupReport{}, err
	}
	previous, older, all, err := newest(ctx, r, set.Known)
	if err != nil {
		return BackupReport{}, err
	}
	writer, sequence, err := a.nextNumber(all)
	if err != nil {
		return BackupReport{}, err
	}
	a.mu.Lock()
	gate := a.gate
	a.mu.Unlock()
	host, name := whoami()
	o := backup.Options{
		Repository: r, Sources: namedSources(set.Sources), Exclude: exclude, Excludes: set.Excludes,
		Host: host, User: name, Program: release.Program(), Previous: previous, Counters: &backup.Counters{}, Gate: gate,
		PackBytes: a.p.PackBytes,
		Writer:    writer, Sequence: sequence, Seen: repo.Sightings(all, writer), Held: heldBefore(set), Waiting: a.p.Waiting,
	}
	if places.IsPath(set.Destination) {
		o.Destination = set.Destination
	}
	o.Scratch = a.profile.Cache(set.Repository, "scratch")
	if !fresh {
		o.CachePath = a.profile.Cache(set.Repository, changes)
	}
	total := &totals{}
	if progress != nil { // counting is a second walk over everything, and only progress shows it
		var stop func()
		total, stop = a.totals(ctx, set, exclude, o.Counters)
		defer stop()
	}
	m := meter.Start(ctx, progress, func() Progress { return progressOf(o.Counters, total, gate) })
	res, err := backup.Run(ctx, o)
	m.End()
	states, moved := a.sourceStates(ctx, res.Held)
	res.Problems = append(res.Problems, moved...)
	for _, p := range res.Problems {
		run.Problems = append(run.Problems, Problem{DisplayName(p.Path), reason(p.Err)})
		if errors.Is(p.Err, backup.ErrEmptySource) {
			run.Emptied = append(run.Emptied, DisplayName(p.Path))
		}
	}
	run.ProblemsTotal = len(run.Problems)
	c := o.Counters
	report := BackupReport{
		FilesNew: c.FilesNew.Load(), FilesChanged: c.FilesChanged.Load(), BytesRead: c.BytesRead.Load(),
		BytesNew: res.Stats.Added, BytesStored: res.Stats.Stored, Seconds: time.Since(begin).Seconds(),
		Errors: len(run.Problems), OlderState: older, Problems: run.Problems, Emptied: run.Emptied,
	}
	run.BytesStored = res.Stats.Stored
	if err != nil {
		if errors.Is(err, store.ErrNoSpace) {
			run.Wanted = total.bytes.Load()
		}
		return report, err
	}
	for _, s := range res.Snapshot.Sources {
		run.Sources = append(run.Sources, DisplayName(s.Path))
	}
	report.Snapshot, report.Files, report.Bytes = res.Snapshot.ID(), res.Snapshot.Files, res.Snapshot.Bytes
	run.Snapshot, run.Files, run.Bytes = report.Snapshot, report.Files, report.Bytes
	return report, a.profile.Update(func(s *profile.Settings) {
		if older {
			s.Known = nil // they were reported; what is there now counts
		}
		s.Known = append(slices.Clone(s.Known), report.Snapshot)
		s.SourceStates = states
	})
}

// progressOf says how far a backup is.
func progressOf(c *backup.Counters, total *totals, gate *backup.Gate) Progress {
	p := Progress{
		Step: StepBackingUp, Path: c.Path(), Waiting: c.Waiting(), FilesDone: c.Files.Load(), BytesDone: c.Bytes.Load(), BytesNew: c.BytesNew(),
		FilesTotal: total.files.Load(), BytesTotal: total.bytes.Load(), Paused: gate.Paused(), Problems: int(c.Problems.Load()),
	}
	switch {
	case c.Finishing.Load():
		p.Step = StepFinishing
	case p.FilesDone == 0 && c.BytesRead.Load() == 0 && p.Path == "":
		p.Step = StepPreparing
	}
	p.FilesTotal, p.BytesTotal = max(p.FilesTotal, p.FilesDone), max(p.BytesTotal, p.BytesDone)
	return p
}

// nextNumber takes the number of the next snapshot. A profile that meets a higher one of its own than it knows is a copy of another, or was
// put back from an older day: it takes a new name.
func (a *App) nextNumber(all []*repo.Snapshot) (writer repo.Profile, sequence uint64, err error) {
	err = a.profile.Update(func(s *profile.Settings) {
		b, err := hex.DecodeString(s.Writer)
		known := err == nil && copy(writer[:], b) == len(writer)
		taken := slices.ContainsFunc(all, func(snap *repo.Snapshot) bool { return snap.Writer == writer && snap.Sequence > s.Sequence })
		if !known || taken {
			_, _ = rand.Read(writer[:]) // documented never to fail
			s.Writer, s.Sequence = hex.EncodeToString(writer[:]), 0
		}
		s.Sequence++
		sequence = s.Sequence
	})
	return writer, sequence, err
}

// newest returns all snapshots and the newest of them, and whether one is missing
// that this computer wrote and that nobody removed on purpose.
func newest(ctx context.Context, r *repo.Repository, known []string) (previous *repo.Name, older bool, all []*repo.Snapshot, err error) {
	all, _, err = r.SnapshotsToWrite(ctx)
	if err != nil {
		return nil, false, nil, err
	}
	present := make(map[string]bool, len(all))
	for _, s := range all {
		present[s.ID()] = true
	}
	if last := repo.Newest(all, time.Now()); last != nil {
		previous = &last.Name
	}
	missing := func(id string) bool {
		n, ok := repo.ParseName(id)
		return !present[id] && !(ok && r.Outlived(n)) // those of before encryption are about to be deleted
	}
	if !slices.ContainsFunc(known, missing) {
		return previous, false, all, nil
	}
	removed, err := r.Removed(ctx) // by another computer, on purpose
	if err != nil {
		return nil, false, nil, err
	}
	for n := range removed {
		present[n.String()] = true
	}
	return previous, slices.ContainsFunc(known, missing), all, nil
}

// totals are what a backup will meet, as far as it is known.
type totals struct{ files, bytes atomic.Int64 }

// countAfter is how long a backup runs on the last one's size before its own
// is counted: most are over by then, and need no second walk, which on a cold disk takes as long as the first.
// Where more turns up than that size, or where a folder is new, it is counted at once.
const (
	countAfter = 30 * time.Second
	countLook  = 500 * time.Millisecond
)

// totals counts beside the backup; until it is done, what was counted when the sources were chosen stands for it, or
// the last backup's size.
func (a *App) totals(ctx context.Context, set profile.Settings, x *source.Exclude, c *backup.Counters) (*totals, func()) {
	t := &totals{}
	wait := time.Duration(0)
	if files, bytes, ok := a.countedOf(set.Sources, set.Excludes); ok {
		t.files.Store(files)
		t.bytes.Store(bytes)
		wait = countAfter
	} else if st := a.Status(); st.LastGood != nil && st.LastGood.Files > 0 {
		t.files.Store(st.LastGood.Files)
		t.bytes.Store(st.LastGood.Bytes)
		if len(st.NotBackedUp) == 0 {
			wait = countAfter
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		begin, look := time.Now(), time.NewTicker(countLook)
		defer look.Stop()
		for wait > 0 && time.Since(begin) < wait && c.Bytes.Load() <= t.bytes.Load() {
			select {
			case <-look.C:
			case <-ctx.Done():
				return
			}
		}
		files, bytes, err := source.Estimate(ctx, set.Sources, x, nil)
		if err == nil {
			t.files.Store(files)
			t.bytes.Store(bytes)
		}
	}()
	return t, func() { cancel(); <-done }
}
