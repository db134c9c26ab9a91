package core

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// Reader reads one backup. It is safe for concurrent use.
type Reader struct {
	r     *repo.Repository
	s     store.Store
	app   *App // nil: no profile, no history
	known []string

	mu     sync.Mutex
	loaded map[repo.Name]bool // snapshots of which the index is in memory
}

// openPlace opens a destination without a profile. Tests put a store of their own here.
var openPlace = OpenFolder

// Found is what anybody can tell about a backup.
type Found struct {
	RepositoryID string
	Protection   Protection
	KeyID        backupkey.ID // of an encrypted backup: for backupkey.Repair
	Changing     bool         // a change of encryption is under way
	NextKeyID    backupkey.ID
	// VaultCard is that of the vault that checks the password, nil: there is none.
	VaultCard []byte
}

// Inspect looks at a place without a key. Errors: ErrNoBackup,
// ErrNewerFormat, ErrDamaged, ErrDestinationGone, ErrPermission.
func Inspect(ctx context.Context, destination string) (Found, error) {
	s, err := openPlace(ctx, destination, false)
	if err != nil {
		return Found{}, raise(err)
	}
	defer s.Close() //nolint:errcheck // only read from
	f, err := repo.Inspect(ctx, s)
	if err != nil {
		return Found{}, raise(err)
	}
	return Found{RepositoryID: f.Repository, Protection: Protection(f.Protection), KeyID: f.KeyID, Changing: f.Changing, NextKeyID: f.NextKeyID, VaultCard: f.VaultCard}, nil
}

// OpenReader opens a backup somewhere, as on a new computer. A key demands that it is encrypted under it; nil says
// that the person takes what is not encrypted, and so vouched for by nobody. Errors: those of Inspect, ErrKeyNeeded, ErrWrongKey, ErrNotEncrypted.
func OpenReader(ctx context.Context, destination string, key *backupkey.Key) (*Reader, error) {
	s, err := openPlace(ctx, destination, false)
	if err != nil {
		return nil, raise(err)
	}
	r, err := repo.Open(ctx, s, repo.By(key))
	if err != nil {
		return nil, errors.Join(raise(err), s.Close())
	}
	return &Reader{r: r, s: s, loaded: make(map[repo.Name]bool)}, nil
}

// Reader opens the profile's own backup.
func (a *App) Reader(ctx context.Context) (*Reader, error) {
	r, err := a.openToRead(ctx)
	if err != nil {
		return nil, raise(err)
	}
	return &Reader{r: r, s: r.Store(), app: a, known: a.profile.Settings().Known, loaded: make(map[repo.Name]bool)}, nil
}

// Close ends reading.
func (r *Reader) Close() error { return r.s.Close() }

// Snapshots returns all backups, newest first. Damaged ones are left out as
// long as others can be read; Verify names them.
func (r *Reader) Snapshots(ctx context.Context) ([]Snapshot, error) {
	all, bad, err := r.r.Snapshots(ctx)
	if err != nil {
		return nil, raise(err)
	}
	if len(all) == 0 && len(bad) > 0 {
		return nil, raise(bad[0])
	}
	pinned, err := r.r.Pinned(ctx)
	if err != nil && !errors.Is(err, repo.ErrDamaged) { // Verify names that
		return nil, raise(err)
	}
	out := make([]Snapshot, 0, len(all))
	for _, s := range slices.Backward(all) {
		shown := toSnapshot(s)
		shown.Pinned = pinned[s.Name]
		out = append(out, shown)
	}
	return out, nil
}

// Latest returns which of some snapshots, newest first, "latest" means: the first that is not dated in the future, and the first where
// all are; -1 of none.
func Latest(all []Snapshot, now time.Time) int {
	i := slices.IndexFunc(all, func(s Snapshot) bool { return !s.Time.After(now.Add(repo.ClockSlack)) })
	if i < 0 && len(all) > 0 {
		return 0
	}
	return i
}

func toSnapshot(s *repo.Snapshot) Snapshot {
	out := Snapshot{ID: s.ID(), Time: shownTime(s.Begin), Host: s.Host, User: s.User, Files: s.Files, Bytes: s.Bytes, Unread: s.Unread}
	if s.Sequence > 0 {
		out.Writer = hex.EncodeToString(s.Writer[:])
	}
	out.Original = len(s.Sources) > 0
	for _, src := range s.Sources {
		out.Sources = append(out.Sources, src.Path)
		out.Original = out.Original && hasPlace(src)
	}
	return out
}

// hasPlace reports whether a source can be put back where it was: its name in the backup is that of its path on this kind of system.
func hasPlace(src repo.Source) bool {
	return filepath.IsAbs(src.Path) && filepath.Base(src.Path) == src.Name
}

// find returns a snapshot with the index ready.
func (r *Reader) find(ctx context.Context, id string) (*repo.Snapshot, error) {
	s, err := r.r.FindSnapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	return s, r.load(ctx, s)
}

// load makes the index ready for snapshots, of which some may be newer than
// what it holds.
func (r *Reader) load(ctx context.Context, snapshots ...*repo.Snapshot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.ContainsFunc(snapshots, func(s *repo.Snapshot) bool { return !r.loaded[s.Name] }) {
		return nil
	}
	// A damaged index costs only what it held; reading says so.
	if _, err := r.r.LoadIndex(ctx); err != nil {
		return err
	}
	for _, s := range snapshots {
		r.loaded[s.Name] = true
	}
	return nil
}

// List returns one folder of a snapshot, by name. "" is the root, whose
// entries are the sources; a file's path gives the file alone.
// Errors: ErrNoSnapshot, ErrNoEntry, ErrDamaged.
func (r *Reader) List(ctx context.Context, snapshot, at string) ([]Entry, error) {
	s, err := r.find(ctx, snapshot)
	if err != nil {
		return nil, raise(err)
	}
	content, prefix := s.Root, ""
	for rest := strings.Trim(at, "/"); rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		n, err := r.lookup(ctx, content, name)
		if err != nil {
			return nil, raise(err)
		}
		if n == nil || rest != "" && n.Kind != repo.NodeDir {
			return nil, fmt.Errorf("%w: %s", ErrNoEntry, DisplayName(at))
		}
		if n.Kind != repo.NodeDir {
			return []Entry{toEntry(s, n, prefix)}, nil
		}
		content, prefix = n.Content, prefix+name+"/"
	}
	var out []Entry
	err = r.r.Tree(ctx, content, func(n *repo.Node) error {
		out = append(out, toEntry(s, n, prefix))
		return nil
	})
	return out, raise(err)
}

func (r *Reader) lookup(ctx context.Context, c repo.Content, name string) (*repo.Node, error) {
	var found *repo.Node
	stop := errors.New("found")
	err := r.r.Tree(ctx, c, func(n *repo.Node) error {
		if n.Name == name {
			found = n
			return stop
		}
		return nil
	})
	if errors.Is(err, stop) {
		err = nil
	}
	return found, err
}

// The first and the last moment that are shown. Files can have times far outside of the years that JSON
// and people have, by mistake or on purpose; one of them must not spoil the list.
var (
	firstTime = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
)

func shownTime(t time.Time) time.Time {
	// time.Time wraps around far from now: the seconds do not.
	switch s := t.Unix(); {
	case s < firstTime.Unix():
		return firstTime
	case s > lastTime.Unix():
		return lastTime
	}
	return t
}

func toEntry(s *repo.Snapshot, n *repo.Node, prefix string) Entry {
	e := Entry{
		Name: n.Name, Path: prefix + n.Name, Size: n.Size, Mode: n.Mode, Link: n.Target,
		Modified: shownTime(time.Unix(n.MTime, int64(n.MNanos))), Files: n.Files,
	}
	switch n.Kind {
	case repo.NodeFile:
		e.Kind = EntryFile
	case repo.NodeDir:
		e.Kind = EntryFolder
	case repo.NodeSymlink:
		e.Kind = EntrySymlink
	default:
		e.Kind = EntryOther
	}
	top, rest, _ := strings.Cut(e.Path, "/")
	for _, src := range s.Sources {
		if src.Name == top {
			e.Original = path.Join(filepath.ToSlash(src.Path), rest)
		}
	}
	return e
}

// Verify checks the backup. Damage is in the report, and no error.
func (r *Reader) Verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (VerifyReport, error) {
	run, end := &Run{}, raise
	if r.app != nil {
		var err error
		if run, end, err = r.app.begin(RunVerify); err != nil {
			return VerifyReport{}, err
		}
	}
	report, err := r.verify(ctx, req, progress)
	run.Bytes = report.Bytes
	for _, d := range report.Damage {
		run.Problems = append(run.Problems, Problem{Reason: d})
	}
	run.ProblemsTotal = len(run.Problems)
	return report, end(err)
}

func (r *Reader) verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (VerifyReport, error) {
	if req.DataPercent < 0 || req.DataPercent > 100 {
		return VerifyReport{}, fmt.Errorf("%w: %v per cent of the data", ErrInvalid, req.DataPercent)
	}
	begin := time.Now()
	var known []repo.Name
	for _, id := range r.known {
		if n, ok := repo.ParseName(id); ok {
			known = append(known, n)
		}
	}
	var counts verifyCounts
	m := startMeter(ctx, progress, func() Progress {
		return Progress{Step: StepChecking, BytesDone: counts.done.Load(), BytesTotal: counts.total.Load()}
	})
	o := repo.VerifyOptions{DataPercent: req.DataPercent, Known: known, Progress: counts.set}
	if r.app != nil {
		o.After, _ = repo.ParseName(r.app.profile.Settings().VerifiedTo)
	}
	v, err := r.r.Fresh().Verify(ctx, o)
	m.end()
	if err == nil && r.app != nil && v.Last != (repo.Name{}) {
		err = r.app.profile.Update(func(s *profile.Settings) { s.VerifiedTo = v.Last.String() })
	}
	return VerifyReport{
		Snapshots: v.Snapshots, Objects: v.Objects, Bytes: v.Bytes, Seconds: time.Since(begin).Seconds(),
		Damage: v.Damage, Notes: v.Notes, LostFiles: v.LostFiles,
	}, err
}

// Verify checks the profile's own backup.
func (a *App) Verify(ctx context.Context, req VerifyRequest, progress func(Progress)) (VerifyReport, error) {
	r, err := a.Reader(ctx)
	if err != nil {
		return VerifyReport{}, err
	}
	defer r.Close() //nolint:errcheck // only read from
	return r.Verify(ctx, req, progress)
}

// DisplayName makes a raw name or path printable: control characters and
// bytes that are no UTF-8 are escaped as in Go strings.
func DisplayName(raw string) string {
	ok := utf8.ValidString(raw) && !strings.ContainsFunc(raw, func(r rune) bool { return !unicode.IsPrint(r) })
	if ok {
		return raw
	}
	q := strconv.Quote(raw)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
