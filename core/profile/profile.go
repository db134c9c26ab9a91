package profile

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/privatefile"
	"github.com/holdfast-backup/holdfast/core/retention"
	"github.com/holdfast-backup/holdfast/core/schedule"
)

// ErrInUse: another process has the profile open.
var ErrInUse = errors.New("the profile is in use")

// ErrDamaged: the settings file is there and cannot be understood. It is left as it is.
var ErrDamaged = errors.New("the settings file is damaged")

// Keyring keeps the device key (package keyring has two).
type Keyring interface {
	Get(ctx context.Context, profile string) ([]byte, error)
	Set(ctx context.Context, profile string, key []byte) error
	Delete(ctx context.Context, profile string) error
}

// Settings are what a profile remembers in the clear.
type Settings struct {
	// ID names the device key in the system's keyring.
	ID          string   `json:"id"`
	Destination string   `json:"destination,omitempty"`
	Sources     []string `json:"sources,omitempty"`
	Excludes    []string `json:"excludes,omitempty"`
	// KeyFile: the device key is in a file of the profile, since no keyring answers on this computer and the person chose that.
	KeyFile bool `json:"key_file,omitempty"`
	// Repository is the id of the backup, 64 hex digits; "" before set-up.
	Repository string `json:"repository,omitempty"`
	// Protection is what the backup must have; a destination that claims less is refused.
	Protection string `json:"protection,omitempty"`
	// Change is a change of protection that is not finished.
	Change string `json:"change,omitempty"`
	// Seen is the state of the key that the destination showed last, as core/repo writes it; an older one is refused.
	Seen json.RawMessage `json:"seen,omitempty"`
	// Writer names this profile in the snapshots that it makes, 32 hexadecimal digits, and Sequence numbers them.
	Writer   string `json:"writer,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	// Known are the snapshots, by id, that this profile wrote and that must be there.
	Known []string `json:"known,omitempty"`
	// PlaceSince is when the destination was begun afresh; zero: at the set-up.
	PlaceSince time.Time `json:"place_since,omitzero"`
	// KeyConfirmed is when the person last showed to have the digits.
	KeyConfirmed time.Time `json:"key_confirmed,omitzero"`
	// VaultCard is the vault that holds the key, public JSON; nil: none.
	VaultCard json.RawMessage `json:"vault_card,omitempty"`
	// VaultAddress is how the person named the vault's token on this computer:
	// its URI with module and PIN file, but no PIN. It is never written elsewhere.
	VaultAddress string `json:"vault_address,omitempty"`
	// VaultState is what the vault last said, as core keeps it.
	VaultState json.RawMessage `json:"vault_state,omitempty"`
	// PasswordConfirmed is when the password was last right, PasswordChecks how
	// often in a row since it was set.
	PasswordConfirmed time.Time `json:"password_confirmed,omitzero"`
	PasswordChecks    int       `json:"password_checks,omitempty"`
	// Retention are the rules of pruning, nil: the usual ones.
	Retention *retention.Rules `json:"retention,omitempty"`
	// VerifiedTo is the object, by name, up to which verify has read the data
	// back; DrilledTo the path of the last file that a drill has read.
	VerifiedTo string `json:"verified_to,omitempty"`
	DrilledTo  string `json:"drilled_to,omitempty"`
	// Schedule is when backups run by themselves.
	Schedule schedule.Schedule `json:"schedule,omitzero"`
	// UploadLimit is in bytes a second, 0: none.
	UploadLimit int64 `json:"upload_limit,omitempty"`
	// UploadHours is when it holds.
	UploadHours schedule.Hours `json:"upload_hours,omitzero"`
	// SourceStates is how each source was at the last backup that held it.
	SourceStates []SourceState `json:"source_states,omitempty"`
}

// SourceState is how a source was at the last backup that held it.
type SourceState struct {
	Path  Bytes  `json:"path"`
	Files int64  `json:"files,omitempty"`
	Disk  string `json:"disk,omitempty"` // the file system that it was on, "" where that is not known
}

// Profile is an open profile folder.
type Profile struct {
	dir     string
	lock    *flock.Flock
	keyring Keyring

	mu       sync.Mutex
	settings Settings

	placesMu sync.Mutex // while the secrets of places change
}

// Open opens the profile in a folder, which is made if need be, and locks it.
// Errors: ErrInUse, ErrDamaged, those of the file system.
func Open(dir string, ring Keyring) (*Profile, error) {
	if ring == nil {
		panic("profile.Open: Keyring is missing")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	}
	p := &Profile{dir: dir, lock: lock, keyring: ring}
	if err := p.load(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return p, nil
}

// ring is where the device key is kept, by the person's choice.
func (p *Profile) ring() Keyring {
	if p.Settings().KeyFile {
		return keyring.File{Path: filepath.Join(p.dir, "device.key")}
	}
	return p.keyring
}

// KeyringAnswers returns nil if the keyring can be asked. Errors: those of the keyring.
func (p *Profile) KeyringAnswers(ctx context.Context) error {
	key, err := p.ring().Get(ctx, p.Settings().ID)
	clear(key)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

// UseKeyFile keeps the device key in a file that only its owner may read, from now on. There must be no secrets yet.
func (p *Profile) UseKeyFile() error {
	if p.sealed() {
		return errors.New("the secrets of this profile are sealed under another key already")
	}
	return p.Update(func(s *Settings) { s.KeyFile = true })
}

// Close gives the lock back.
func (p *Profile) Close() error { return p.lock.Unlock() }

// Dir is the profile's folder.
func (p *Profile) Dir() string { return p.dir }

// Cache is the path of what is kept about a repository and may be lost.
func (p *Profile) Cache(repository, name string) string {
	return filepath.Join(p.dir, "cache", repository[:16], name)
}

func (p *Profile) settingsPath() string { return filepath.Join(p.dir, "settings.json") }

func (p *Profile) load() error {
	b, err := os.ReadFile(p.settingsPath())
	if errors.Is(err, fs.ErrNotExist) {
		var id [8]byte
		_, _ = rand.Read(id[:]) // documented never to fail
		p.settings.ID = hex.EncodeToString(id[:])
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &p.settings); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, p.settingsPath(), err)
	}
	return nil
}

// Settings returns a copy of the settings.
func (p *Profile) Settings() Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settings.clone()
}

// clone shares nothing with s.
func (s Settings) clone() Settings {
	s.Sources, s.Excludes, s.Known, s.SourceStates = slices.Clone(s.Sources), slices.Clone(s.Excludes), slices.Clone(s.Known),
		slices.Clone(s.SourceStates)
	s.Seen, s.VaultCard, s.VaultState = slices.Clone(s.Seen), slices.Clone(s.VaultCard), slices.Clone(s.VaultState)
	if s.Retention != nil {
		rules := *s.Retention
		s.Retention = &rules
	}
	return s
}

// Update changes the settings and saves them. When saving fails the settings
// stay as they were.
func (p *Profile) Update(change func(*Settings)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.settings.clone()
	change(&next)
	b, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return err
	}
	if err := privatefile.Replace(p.settingsPath(), append(b, '\n')); err != nil {
		return err
	}
	p.settings = next
	return nil
}

// keepRuns is how many runs the history holds when it is tidied.
const keepRuns = 1000

// AppendRun adds a run, as JSON, to the history.
func (p *Profile) AppendRun(run any) error {
	b, err := json.Marshal(run)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f, err := os.OpenFile(p.activityPath(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

// SetUnderWay remembers a run, as JSON, until EndUnderWay: the next Open learns of a run that was cut off.
func (p *Profile) SetUnderWay(run any) error {
	b, err := json.Marshal(run)
	if err != nil {
		return err
	}
	return os.WriteFile(p.underWayPath(), b, 0o600)
}

// EndUnderWay forgets it.
func (p *Profile) EndUnderWay() error {
	if err := os.Remove(p.underWayPath()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// UnderWay returns the run that was under way when the last process with this profile ended; nil if there was none.
func (p *Profile) UnderWay() []byte {
	b, err := os.ReadFile(p.underWayPath())
	if err != nil || !json.Valid(b) {
		return nil
	}
	return b
}

func (p *Profile) underWayPath() string { return filepath.Join(p.dir, "under-way.json") }

func (p *Profile) activityPath() string { return filepath.Join(p.dir, "activity.jsonl") }

// Runs calls fn with each run of the history, the oldest first. Lines that a
// crash cut short are left out. A history that has grown long is cut to its newest thousand.
func (p *Profile) Runs(fn func(line []byte)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := os.ReadFile(p.activityPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
	if len(lines) > 2*keepRuns {
		lines = lines[len(lines)-keepRuns:]
		if err := privatefile.Replace(p.activityPath(), append(bytes.Join(lines, []byte("\n")), '\n')); err != nil {
			return err
		}
	}
	for _, l := range lines {
		if json.Valid(l) {
			fn(l)
		}
	}
	return nil
}
