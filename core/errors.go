package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/holdfast-backup/holdfast/core/account"
	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/browse"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/restore"
	"github.com/holdfast-backup/holdfast/core/retention"
	"github.com/holdfast-backup/holdfast/core/source"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// What a caller decides on. Each is wrapped with details; use errors.Is. The
// sentences for people are in ui/words.
var (
	ErrNotSetUp       = errors.New("no backup is set up in this profile")
	ErrAlreadySetUp   = errors.New("a backup is already set up in this profile")
	ErrProfileInUse   = errors.New("another holdfast process uses this profile")
	ErrBusy           = errors.New("other work is under way")
	ErrNoKeyring      = errors.New("no keyring on this computer")
	ErrKeyringDenied  = errors.New("the keyring did not give the device key")
	ErrSecretsDamaged = errors.New("the sealed secrets of this profile cannot be opened")
	// ErrSettingsDamaged: the profile's settings file cannot be understood. Nothing is changed.
	ErrSettingsDamaged = errors.New("the settings file of this profile is damaged")
	ErrNoBackup        = errors.New("there is no backup at this place")
	ErrExistingBackup  = errors.New("this place already holds a backup")
	ErrNewerFormat     = errors.New("the backup was written by a newer version")
	ErrDamaged         = errors.New("the backup is damaged")
	ErrWrongKey        = errors.New("the key does not open this backup")
	ErrKeyNeeded       = errors.New("the backup is encrypted and needs its key")
	ErrNotEncrypted    = errors.New("the backup is not encrypted")
	ErrEncrypted       = errors.New("the backup is encrypted already")
	ErrDowngraded      = errors.New("the backup at the destination is not the one this computer protects")
	// ErrKeyChanged is within ErrWrongKey: another computer has changed the key, or the destination shows another state of it.
	ErrKeyChanged = fmt.Errorf("this computer keeps another key: %w", ErrWrongKey)
	// ErrUnprotected is within ErrNotEncrypted: a key or a password was given, and the destination claims that its backup has none.
	ErrUnprotected = fmt.Errorf("a key was given, and %w", ErrNotEncrypted)
	// ErrOlderKey: the destination shows a state of the key from before what this computer has seen: nothing is read or written.
	ErrOlderKey        = errors.New("the destination shows an older state of the key than this computer has seen")
	ErrTooManyKeys     = errors.New("the key was changed too often for this backup")
	ErrOlderState      = errors.New("the destination shows an older state than this computer left there")
	ErrChangePending   = errors.New("a change of encryption is not finished")
	ErrChangeMade      = errors.New("the change of encryption is made and can only be finished")
	ErrGivenUp         = errors.New("the change of encryption is being given up")
	ErrIncomplete      = errors.New("some files could not be read, so the older backup was kept")
	ErrDestinationGone = errors.New("the destination cannot be reached")
	ErrNoSpace         = errors.New("the destination is full")
	// ErrStaleLists: the destination does not list what was just stored there. Nothing that rests on its lists was done.
	ErrStaleLists = repo.ErrStale
	// ErrNoClient: this build has no client id for the service, and the place's address names none.
	ErrNoClient = address.ErrNoClient
	// ErrSignIn: the destination does not accept the password or key that this computer keeps for it.
	ErrSignIn = errors.New("the destination asks to sign in")
	// ErrServerUnknown, ErrServerChanged: a *store.IdentityError has the server's key.
	ErrServerUnknown = errors.New("nobody has agreed to the key of the destination's server")
	ErrServerChanged = errors.New("the destination's server shows another key than before")
	ErrPermission    = errors.New("no permission")
	ErrNoSnapshot    = errors.New("no such snapshot")
	ErrNoEntry       = errors.New("no such file in the snapshot")
	ErrNoSource      = errors.New("none of the sources can be read")
	// ErrEmptySource: the sources hold no file any more, and held some at the last backup. No backup was made.
	ErrEmptySource = errors.New("what is backed up holds no file any more")
	// ErrNoAnswer: the disk or server of a source does not answer, and nothing else could be backed up. No backup was made.
	ErrNoAnswer   = errors.New("what is to be backed up does not answer")
	ErrTarget     = errors.New("the folder to restore to cannot be used")
	ErrTargetFull = errors.New("the disk to restore to is full")
	ErrInvalid    = errors.New("invalid request")
	// ErrPlaceInside is an ErrInvalid: the destination lies in a source, so that the backup would back itself up.
	ErrPlaceInside = fmt.Errorf("%w: the destination lies in what is backed up; choose another place", ErrInvalid)

	// Of a vault. A *VaultError is around each.
	ErrWrongPassword    = vaults.ErrWrongPassword
	ErrPasswordGone     = vaults.ErrPasswordGone
	ErrVaultUnreachable = vaults.ErrUnreachable
	ErrVaultCertificate = vaults.ErrCertificate
	ErrVaultElsewhere   = vaults.ErrElsewhere
	ErrVaultWait        = vaults.ErrWait
	ErrVaultRefused     = vaults.ErrRefused
	ErrVaultSuspect     = vaults.ErrSuspect
	ErrTokenPIN         = vaults.ErrPIN
	ErrVaultEnrolment   = vaults.ErrEnrolment
	ErrVaultNotTrusted  = vaults.ErrNotTrusted
	// ErrWeakPassword: too easily guessed to be protected by ten guesses.
	ErrWeakPassword = account.ErrWeak
	// ErrSamePassword: where a password moves from one vault to several, the old one would protect nothing from that vault.
	ErrSamePassword = errors.New("the password is the one that the vault has already")
	// ErrNoPassword: no vault holds the key of this backup.
	ErrNoPassword = errors.New("this backup has no password")
	ErrHasVault   = errors.New("this backup has a password, which the new key must be put behind, or which must be removed first")
)

// ServerError is around a server's key that nobody has agreed to, or that is another than before.
type ServerError = store.IdentityError

// codes name the errors in the history, for good.
var codes = []struct {
	code string
	err  error
}{
	{"not-set-up", ErrNotSetUp}, {"already-set-up", ErrAlreadySetUp}, {"profile-in-use", ErrProfileInUse}, {"busy", ErrBusy},
	{"no-keyring", ErrNoKeyring}, {"keyring-denied", ErrKeyringDenied}, {"secrets-damaged", ErrSecretsDamaged},
	{"settings-damaged", ErrSettingsDamaged},
	{"no-backup", ErrNoBackup}, {"existing-backup", ErrExistingBackup}, {"newer-format", ErrNewerFormat},
	{"key-changed", ErrKeyChanged}, {"wrong-key", ErrWrongKey}, {"key-needed", ErrKeyNeeded}, {"unprotected", ErrUnprotected},
	{"not-encrypted", ErrNotEncrypted},
	{"encrypted", ErrEncrypted}, {"downgraded", ErrDowngraded}, {"older-state", ErrOlderState},
	{"older-key", ErrOlderKey}, {"too-many-keys", ErrTooManyKeys},
	{"change-pending", ErrChangePending}, {"change-made", ErrChangeMade}, {"given-up", ErrGivenUp}, {"incomplete", ErrIncomplete},
	{"sign-in", ErrSignIn}, {"no-client", ErrNoClient}, {"stale-lists", ErrStaleLists},
	{"server-unknown", ErrServerUnknown}, {"server-changed", ErrServerChanged},
	{"destination-gone", ErrDestinationGone}, {"target-full", ErrTargetFull}, {"no-space", ErrNoSpace}, {"permission", ErrPermission},
	{"no-snapshot", ErrNoSnapshot}, {"no-entry", ErrNoEntry}, {"source-silent", ErrNoAnswer}, {"empty-source", ErrEmptySource},
	{"no-source", ErrNoSource}, {"target", ErrTarget},
	{"wrong-password", ErrWrongPassword}, {"password-gone", ErrPasswordGone}, {"vault-certificate", ErrVaultCertificate},
	{"vault-elsewhere", ErrVaultElsewhere}, {"vault-unreachable", ErrVaultUnreachable},
	{"vault-wait", ErrVaultWait}, {"vault-refused", ErrVaultRefused}, {"vault-suspect", ErrVaultSuspect}, {"token-pin", ErrTokenPIN},
	{"vault-not-trusted", ErrVaultNotTrusted}, {"vault-enrolment", ErrVaultEnrolment},
	{"weak-password", ErrWeakPassword}, {"same-password", ErrSamePassword}, {"no-password", ErrNoPassword}, {"has-vault", ErrHasVault},
	{"damaged", ErrDamaged}, {"place-inside", ErrPlaceInside}, {"invalid", ErrInvalid}, {"cancelled", context.Canceled},
}

// Code returns the lasting name of an error, "" for one that has none.
func Code(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return ""
}

// ErrorOf returns the error that Code named, nil for an unknown code.
func ErrorOf(code string) error {
	for _, c := range codes {
		if c.code == code {
			return c.err
		}
	}
	return nil
}

// below maps what the packages below say to what callers decide on.
var below = []struct{ from, to error }{
	{profile.ErrInUse, ErrProfileInUse},
	{profile.ErrDamaged, ErrSettingsDamaged},
	{profile.ErrSecretsDamaged, ErrSecretsDamaged},
	{keyring.ErrUnavailable, ErrNoKeyring},
	{keyring.ErrNotFound, ErrKeyringDenied},
	{keyring.ErrMalformed, ErrKeyringDenied},
	{account.ErrRequest, ErrInvalid},
	{vaultcard.ErrNewer, ErrNewerFormat},
	{vaultcard.ErrCard, ErrDamaged},
	{places.ErrUnknown, ErrInvalid},
	{address.ErrInvalid, ErrInvalid},
	{address.ErrSecretFile, ErrInvalid},
	{store.ErrSignIn, ErrSignIn},
	{store.ErrIdentity, ErrServerUnknown},
	{store.ErrImpostor, ErrServerChanged},
	{repo.ErrNotRepository, ErrNoBackup},
	{repo.ErrExists, ErrExistingBackup},
	{repo.ErrNewerFormat, ErrNewerFormat},
	{repo.ErrWrongKey, ErrWrongKey},
	{repo.ErrKeyNeeded, ErrKeyNeeded},
	{repo.ErrUnprotected, ErrUnprotected},
	{repo.ErrNotEncrypted, ErrNotEncrypted},
	{repo.ErrDamaged, ErrDamaged},
	{repo.ErrNoSnapshot, ErrNoSnapshot},
	{repo.ErrAmbiguous, ErrNoSnapshot},
	{repo.ErrNoEntry, ErrNoEntry},
	{browse.ErrPattern, ErrInvalid},
	{repo.ErrChanging, ErrChangePending},
	{repo.ErrGivenUp, ErrGivenUp},
	{repo.ErrChanged, ErrDowngraded},
	{repo.ErrOlder, ErrOlderKey},
	{repo.ErrTooManyKeys, ErrTooManyKeys},
	{source.ErrNoAnswer, ErrNoAnswer},
	{backup.ErrEmptySource, ErrEmptySource},
	{backup.ErrNoSource, ErrNoSource},
	{restore.ErrTarget, ErrTarget},
	{restore.ErrTargetFull, ErrTargetFull},
	{retention.ErrInvalid, ErrInvalid},
	{vaults.ErrCard, ErrInvalid},
	{vaults.ErrNoPIN, ErrInvalid},
	{store.ErrNoSpace, ErrNoSpace},
	{store.ErrUnreachable, ErrDestinationGone},
	{store.ErrPermission, ErrPermission},
}

// raise wraps an error of a package below with what callers decide on.
func raise(err error) error {
	if err == nil || Code(err) != "" {
		return err
	}
	for _, m := range below {
		if errors.Is(err, m.from) {
			return &raised{m.to, err}
		}
	}
	var place *store.Error
	if errors.As(err, &place) && errors.Is(err, context.DeadlineExceeded) {
		return &raised{ErrDestinationGone, err}
	}
	var pattern *source.PatternError
	if errors.As(err, &pattern) {
		return &raised{ErrInvalid, err}
	}
	return err
}

// Told returns an error of places as one that has a Code.
func Told(err error) error { return raise(err) }

// raised says the kind and the detail without saying the kind twice.
type raised struct{ kind, detail error }

func (r *raised) Error() string   { return r.kind.Error() + ": " + r.detail.Error() }
func (r *raised) Unwrap() []error { return []error{r.kind, r.detail} }

// reason words why one file could not be read or written.
func reason(err error) string {
	var missing *restore.Missing
	var silent *source.NoAnswerError
	switch {
	case errors.As(err, &silent):
		return silent.Error()
	case errors.As(err, &missing):
		return missing.Error()
	case errors.Is(err, fs.ErrPermission):
		return "no permission"
	case errors.Is(err, fs.ErrNotExist):
		return "it is not there"
	case errors.Is(err, repo.ErrDamaged):
		return "damaged in the backup: " + err.Error()
	}
	return err.Error()
}
