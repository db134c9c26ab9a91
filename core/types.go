package core

import (
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/browse"
	"github.com/holdfast-backup/holdfast/core/meter"
)

// Protection says who can open a backup.
type Protection string

// The protections a backup can have.
const (
	// ProtectionNone: anybody who can read the destination can read the backup.
	ProtectionNone Protection = "none"
	// ProtectionKey: only holders of the 64-digit key can read it.
	ProtectionKey Protection = "key"
)

// Change names a change of protection that has begun and is not finished.
// Until it is, the older backups stay as they were.
type Change string

// The changes of protection.
const (
	ChangeNone    Change = ""
	ChangeTurnOn  Change = "turn-on"
	ChangeTurnOff Change = "turn-off"
	// One that is being given up; ResumeChange goes on with that.
	ChangeGiveUpOn  Change = "give-up-turn-on"
	ChangeGiveUpOff Change = "give-up-turn-off"
)

// Step is what long work is doing now.
type Step = meter.Step

// The steps of all kinds of long work, in the order in which a run meets them.
const (
	StepPreparing = meter.Preparing
	StepBackingUp = meter.BackingUp
	StepFinishing = meter.Finishing
	StepProving   = meter.Proving
	StepMoving    = meter.Moving
	StepDeleting  = meter.Deleting
	StepRestoring = meter.Restoring
	StepChecking  = meter.Checking
)

// Progress is one report of long work. It is a value: keep it, compare it.
type Progress = meter.Report

// Problem is one file that could not be read or written whole. It never stops a run.
type Problem struct {
	Path string `json:"path"`
	// Reason is a sentence for people.
	Reason string `json:"reason"`
}

// SetupRequest describes a new backup, or joins this computer to an existing one.
type SetupRequest struct {
	Destination string   // a folder
	Sources     []string // absolute or relative paths of folders and files
	Excludes    []string // gitignore-like patterns; "preset:caches" and the like turn a preset on
	// Key protects the backup. nil sets it up without encryption, or, when an
	// existing backup is joined with a password, takes the key from the vault.
	Key *backupkey.Key
	// Password, if not nil, is to open the backup too.
	Password *PasswordRequest
	// Existing says what to do when the destination already holds a backup:
	// false gives ErrExistingBackup, true joins it (the key must fit).
	Existing bool
}

// Status is all that the Backup screen and `holdfast status` show. It is read
// from the profile alone, without touching the destination.
type Status struct {
	SetUp       bool       `json:"set_up"`
	Destination string     `json:"destination"`
	Sources     []string   `json:"sources"`
	Excludes    []string   `json:"excludes"`
	Protection  Protection `json:"protection"`
	// Change is a change of protection to be resumed.
	Change Change `json:"change,omitempty"`
	// KeyConfirmed is when the person last proved to have the 64 digits; zero: never.
	KeyConfirmed time.Time `json:"key_confirmed,omitzero"`
	// Password: a vault holds the key behind a password.
	Password bool `json:"password"`
	// Vaults is how many vaults the password needs in all, and VaultsNeeded how many of them open the backup.
	Vaults       int `json:"vaults,omitempty"`
	VaultsNeeded int `json:"vaults_needed,omitempty"`
	// PasswordConfirmed is when the password was last shown to be known, and
	// PasswordCheckDue when it is time to ask again.
	PasswordConfirmed time.Time `json:"password_confirmed,omitzero"`
	PasswordCheckDue  time.Time `json:"password_check_due,omitzero"`
	// Vault is what the vault last said, nil: it has not been asked yet.
	Vault *VaultState `json:"vault,omitempty"`
	// Schedule is when backups run by themselves, and NextBackup when the next
	// one is due; zero: never by itself.
	Schedule   Schedule  `json:"schedule"`
	NextBackup time.Time `json:"next_backup,omitzero"`
	// UploadLimit is how many bytes a second may go to the destination; 0: no limit.
	UploadLimit int64 `json:"upload_limit,omitempty"`
	UploadHours Hours `json:"upload_hours,omitzero"` // when it holds
	// Last is the newest run of each kind that ended, nil: never.
	LastBackup *Run `json:"last_backup,omitempty"` // newest ended backup, whatever its outcome
	LastGood   *Run `json:"last_good,omitempty"`   // newest backup that made a snapshot
	LastCheck  *Run `json:"last_check,omitempty"`
	LastPrune  *Run `json:"last_prune,omitempty"`
	LastDrill  *Run `json:"last_drill,omitempty"`
	// Proven is the newest drill in which every file came back: "proven restorable on …". nil: none yet.
	Proven *Run `json:"proven,omitempty"`
	// NotBackedUp are the sources that are not in the newest backup: they were added since, or could not be read.
	NotBackedUp []string `json:"not_backed_up,omitempty"`
	// Running is the kind of work under way in this process ("" when idle).
	Running RunKind `json:"running,omitempty"`
}

// RunKind is what a run did.
type RunKind string

// The kinds of runs that the activity history keeps.
const (
	RunSetup     RunKind = "setup"
	RunBackup    RunKind = "backup"
	RunRestore   RunKind = "restore"
	RunVerify    RunKind = "verify"
	RunTurnOn    RunKind = "turn-on-encryption"
	RunTurnOff   RunKind = "turn-off-encryption"
	RunKeyChange RunKind = "key-change"
	RunPassword  RunKind = "password" // set, changed, checked or removed
	RunPrune     RunKind = "prune"    // also the deletion of single backups; Files: how many went, Bytes: what was freed
	RunDrill     RunKind = "drill"
	RunRepair    RunKind = "repair"
	RunGiveUp    RunKind = "give-up" // a change of encryption
	RunErase     RunKind = "erase"   // Files, Bytes: what was taken out of the backup that held most
)

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run.
const (
	OutcomeDone      Outcome = "done"
	OutcomePartly    Outcome = "partly" // done, but some files could not be read or written
	OutcomeCancelled Outcome = "cancelled"
	OutcomeFailed    Outcome = "failed"
	// OutcomeInterrupted: the process ended meanwhile, by a crash, a kill or a loss of power.
	OutcomeInterrupted Outcome = "interrupted"
)

// Run is one entry of the activity history.
type Run struct {
	ID       string    `json:"id"`
	Kind     RunKind   `json:"kind"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	Outcome  Outcome   `json:"outcome"`
	Error    string    `json:"error,omitempty"`    // the error's text for the details page; no secret
	Code     string    `json:"code,omitempty"`     // Code of the error, to word it again later
	Snapshot string    `json:"snapshot,omitempty"` // id of the snapshot made, restored or checked
	Target   string    `json:"target,omitempty"`   // where a restore went
	Files    int64     `json:"files"`
	Bytes    int64     `json:"bytes"`
	// BytesStored is what the destination grew by.
	BytesStored int64 `json:"bytes_stored"`
	// Wanted, of a backup that found the destination full, is how much there was to back up, as far as it is known.
	Wanted        int64     `json:"wanted,omitempty"`
	Problems      []Problem `json:"problems,omitempty"` // the first 1,000
	ProblemsTotal int       `json:"problems_total,omitempty"`
	// Emptied are the sources that a backup left out because they hold no file any more, as if their disks were away.
	Emptied []string `json:"emptied,omitempty"`
	// Sources are what a backup holds. Runs of older versions do not tell.
	Sources []string `json:"sources,omitempty"`
}

// BackupReport tells what a backup did. `backup --json` prints it as its last line.
type BackupReport struct {
	Snapshot     string  `json:"snapshot"`
	Files        int64   `json:"files"`
	FilesNew     int64   `json:"files_new"`
	FilesChanged int64   `json:"files_changed"`
	BytesRead    int64   `json:"bytes_read"`
	BytesNew     int64   `json:"bytes_new"`
	BytesStored  int64   `json:"bytes_stored"`
	Seconds      float64 `json:"seconds"`
	Errors       int     `json:"errors"`
	// Bytes is the size of all files in the snapshot.
	Bytes int64 `json:"bytes"`
	// OlderState: snapshots that this computer wrote were not there any more.
	OlderState bool `json:"older_state,omitempty"`
	// WrongGuesses were made at the vault, also before the password was right again,
	// and not before this backup told of them.
	WrongGuesses int       `json:"wrong_guesses,omitempty"`
	Problems     []Problem `json:"-"`
	Emptied      []string  `json:"-"` // as in Run
}

// Snapshot is one backup as lists show it.
type Snapshot struct {
	ID   string    `json:"id"` // 64 hex digits; any unique prefix names it
	Time time.Time `json:"time"`
	Host string    `json:"host"`
	User string    `json:"user"`
	// Writer names the profile that made it, 32 hexadecimal digits; "" where an earlier version made it.
	Writer  string   `json:"writer,omitempty"`
	Sources []string `json:"sources"`
	Files   int64    `json:"files"`
	Bytes   int64    `json:"bytes"`
	// Unread is how many files and folders could not be read, and are not in it.
	Unread int64 `json:"unread,omitempty"`
	// Original: all of it can be put back where it was, as far as its paths tell.
	Original bool `json:"-"`
	// Pinned: no rule of retention removes it.
	Pinned bool `json:"pinned,omitempty"`
}

// What browse finds in a backup.
type (
	Entry          = browse.Entry
	EntryKind      = browse.EntryKind
	Version        = browse.Version
	BackupRef      = browse.BackupRef
	Difference     = browse.Difference
	DifferenceKind = browse.DifferenceKind
)

// The kinds of entries and of differences.
const (
	EntryFile    = browse.EntryFile
	EntryFolder  = browse.EntryFolder
	EntrySymlink = browse.EntrySymlink
	EntryOther   = browse.EntryOther
	DiffAdded    = browse.DiffAdded
	DiffRemoved  = browse.DiffRemoved
	DiffChanged  = browse.DiffChanged
	DiffMeta     = browse.DiffMeta
)

// Conflict says what becomes of files that exist at the place of a restore.
type Conflict string

// The choices about existing files.
const (
	ConflictKeep      Conflict = "keep"      // leave the existing file as it is
	ConflictOverwrite Conflict = "overwrite" // replace it
	ConflictRename    Conflict = "rename"    // restore beside it as "name (restored)"
)

// RestoreRequest says what to restore and where.
type RestoreRequest struct {
	// Snapshot is an id, a unique prefix of one, or "latest".
	Snapshot string
	// Target is an existing or new folder; nothing is ever written outside it.
	Target string
	// Original puts everything back where it was when it was backed up, in place of a Target (Snapshot.Original).
	Original bool
	// Paths picks whole subtrees or files by their path in the snapshot; empty: everything.
	Paths []string
	// Include picks by gitignore-like pattern; empty: everything. Both given: both must fit.
	Include  []string
	Conflict Conflict
	// DevicesAndSetuid also restores device files, set-id bits of files and file
	// capabilities, which give rights over the computer.
	DevicesAndSetuid bool
}

// RestoreReport tells what a restore did.
type RestoreReport struct {
	Snapshot string `json:"snapshot"`
	Files    int64  `json:"files"`   // restored
	Kept     int64  `json:"kept"`    // existed and were left
	Differ   int64  `json:"differ"`  // of those kept, that are not what the backup holds
	Renamed  int64  `json:"renamed"` // restored beside an existing one
	Bytes    int64  `json:"bytes"`   // bytes written
	// LeftOut counts devices that were not made, and files that came back without
	// their set-id bits or capabilities.
	LeftOut int64 `json:"left_out,omitempty"`
	// Every byte written was authenticated on the way.
	Seconds  float64   `json:"seconds"`
	Errors   int       `json:"errors"`
	Problems []Problem `json:"-"`
}

// VerifyRequest says how much to check.
type VerifyRequest struct {
	// DataPercent of the stored data is read back, 0 (structure only) to 100. In a
	// profile's own backup it goes on where the last check ended.
	DataPercent float64
}

// VerifyReport tells what was checked and what was found.
type VerifyReport struct {
	Snapshots int     `json:"snapshots"`
	Objects   int64   `json:"objects"` // objects checked
	Bytes     int64   `json:"bytes"`   // bytes read back
	Seconds   float64 `json:"seconds"`
	// Damage lists what is wrong, in words, with the object's name; empty: all is well.
	Damage []string `json:"damage"`
	// Notes lists what is harmless, e.g. left-overs of interrupted runs.
	Notes []string `json:"notes,omitempty"`
	// LostFiles lists files (snapshot id prefix:path) that damage makes unrestorable; the first 1,000.
	LostFiles []string `json:"lost_files,omitempty"`
}
