package words

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/sheets"
)

// Sentence says one thing that went otherwise than wished.
type Sentence struct {
	Code    string // core.Code of the error, "" for one without
	What    string // what happened
	Safe    string // what is safe; may be empty
	Do      string // what the person can do
	Details string // the raw text, for a page of details only; no secret
}

// CodeMalformedKey is the Code of a text that is no 64-digit key.
const CodeMalformedKey = "malformed-key"

// The Codes of texts that are not two sheets of a key, or two that do not fit.
const (
	CodeMalformedSheets = "malformed-sheets"
	CodeSheetsApart     = "sheets-apart"
)

// codeNoAnswer is the Code of a time limit of somebody who is not known.
const codeNoAnswer = "no-answer"

type template struct{ what, safe, do string }

const (
	backupsSafe   = "Nothing was lost: the backups made so far are complete."
	nothingDone   = "Nothing was changed."
	originalsSafe = "Your files on this computer are untouched."
)

// sentences are keyed by core.Code.
var sentences = map[string]template{
	"not-set-up":     {"No backup is set up yet.", nothingDone, "Set up a backup first: choose what to keep and where."},
	"already-set-up": {"A backup is already set up on this computer.", "It stays as it is.", "Use it, or start with another profile."},
	"profile-in-use": {"Holdfast is already open with this profile.", "Its work goes on undisturbed.",
		"Use the window that is open, or close it and try again."},
	"busy": {"Other work is under way.", "It goes on undisturbed.", "Wait for it to end, or cancel it, then try again."},
	"no-keyring": {"No keyring answers on this computer, so there is no safe place for the key.", nothingDone,
		"Unlock or install a keyring, then try again."},
	"keyring-denied": {"The keyring did not hand out this computer's device key.", backupsSafe,
		"Unlock the keyring and try again. With the 64-digit key you can always restore on any computer."},
	"secrets-damaged": {"This computer's copy of the key cannot be opened any more.", backupsSafe + " Your 64-digit key still opens them.",
		"Restore with your 64-digit key, or set this backup up again with it."},
	"settings-damaged": {"The settings file of this computer is damaged.", backupsSafe + " The file stays as it is.",
		"Put `settings.json` back from a copy. Or move it away and set this backup up again, with its key or password."},
	"no-backup": {"There is no Holdfast backup at this place.", nothingDone,
		"Choose the folder you chose for your backup: the file holdfast.json is in it. Is the disk plugged in?"},
	"existing-backup": {"This place already holds a backup.", "It stays as it is.",
		"Join it with its 64-digit key, or choose another folder."},
	"newer-format": {"This backup was written by a newer Holdfast.", "It stays as it is.",
		"Update Holdfast on this computer, then try again."},
	"key-changed": {"The key of this backup is not the one that this computer has.",
		"Nothing was read and nothing was written. " + originalsSafe,
		"If you changed the key on another computer, enter the new one here: `holdfast key enter --key-in FILE`. Otherwise check who can change this place."},
	"wrong-key": {"This key does not open the backup.", nothingDone + " You can try as often as you like.",
		"Compare the digits with what you saved. Is it the key of this backup?"},
	"key-needed": {"This backup is end-to-end encrypted.", "It stays as it is.", "Enter its 64-digit key to open it."},
	"not-encrypted": {"This backup is not encrypted, so it has no key.", nothingDone,
		"Go on without a key. If you expected encryption, check that this is your backup."},
	"unprotected": {"This place says that its backup is not encrypted, but you gave a key or a password.",
		"Nothing was read from it and nothing was written.",
		"If encryption was turned off on one of your computers, go on without a key. Otherwise somebody has changed this place: look for another copy."},
	"older-key": {"This place shows an older state than this computer has seen: from before the key was last changed.",
		"Nothing was read from it and nothing was written. " + originalsSafe,
		"If you put an older copy back yourself, set this backup up again. Otherwise check who can change this place."},
	"too-many-keys": {"The key of this backup cannot be changed any more.", "The key you have still opens it.",
		"Start a fresh backup at another place."},
	"encrypted": {"This backup is end-to-end encrypted already.", "It stays as it is.", "There is nothing left to do."},
	"downgraded": {"The backup at this place is not the one that this computer protects.", "Nothing was written there. " + originalsSafe,
		"Check that the right disk or folder is connected. If someone else can write there, ask them."},
	"older-state": {"This place shows an older state than this computer left there: newer backups are missing.",
		originalsSafe + " This backup was made in full.",
		"If you did not put an older copy back yourself, check who can change this place."},
	"change-pending": {"A change of encryption is not finished yet.", "The backups from before it are still there.",
		"Go on with it first; it takes up where it stopped."},
	"change-made": {"The change of encryption is made already.", "The new backup is proven and in force.",
		"Go on with it: all that is left is to delete what was before."},
	"given-up": {"This change of encryption is being given up.", "The backups from before it are still there.",
		"Give it up here too, then begin again."},
	"incomplete": {"Some files could not be read, so the new backup is not complete.", "The older backup was kept as it was.",
		"See the list of files. Make them readable or leave them out, then go on."},
	"sign-in": {"The place of your backup does not let Holdfast in any more.", backupsSafe,
		"Sign in again, or give the right password or key for this place. Then try again."},
	"stale-lists": {"The place of your backup does not show yet what was just stored there.", backupsSafe,
		"Try again later. If it stays like this, keep the backup at another place."},
	"no-client": {"This build of Holdfast is not known to the service.", backupsSafe,
		"Enter a client ID of your own, which the service gives to developers."},
	"server-unknown": {"Nobody has agreed to the key of the server {{.Server}} yet. It is {{.Fingerprint}}.", "Nothing was sent there.",
		"Compare the key with what whoever runs the server tells you, then agree to it."},
	"server-changed": {"The server {{.Server}} shows another key than the one you agreed to: {{.Fingerprint}}.", "Nothing was sent there.",
		"Ask whoever runs the server whether its key was changed. If it was not, somebody stands between you and the server."},
	"destination-gone": {"The place of your backup cannot be reached.", backupsSafe,
		"Plug the disk in or connect the network, then try again."},
	"target-full": {"The disk to restore to is full.", "What was restored so far is complete. The backup is untouched.",
		"Free some space, or restore to another place."},
	"no-space":    {"The place of your backup is full.", backupsSafe, "Free some space, or choose another place."},
	"permission":  {"{{.Denied}}", backupsSafe, "Give yourself access to the folder, or choose another one."},
	"no-snapshot": {"This backup date is not there.", "The other dates stay as they are.", "Choose another date from the list."},
	"no-entry":    {"This file is not in the backup of that date.", nothingDone, "Look at another date, or search for the name."},
	"empty-source": {"What is backed up holds no file any more, so no backup was made.", backupsSafe,
		"Check that its disk is connected. If it is really empty, say so, and back up again."},
	"source-silent": {"What is backed up is on a disk or a server that does not answer, so no backup was made.", backupsSafe,
		"Check that the disk or the network is connected, then try again."},
	"no-source": {"None of the folders to back up can be read.", backupsSafe,
		"Check that they exist and that their disk is connected, or choose others."},
	"target": {"Files cannot be restored into this folder.", nothingDone, "Choose another folder, or give yourself access to it."},
	"damaged": {"A part of this backup is damaged.", originalsSafe + " What is not damaged can still be restored.",
		"Restore what you need to another folder, then back up to a new place."},
	"wrong-password": {"That password is not right.{{.Guesses}}", "The backup is untouched.",
		"Try again when you are sure. The 64-digit key opens the backup too."},
	"password-gone": {"{{.Gone}}", "The backup itself is untouched.",
		"Open it with the 64-digit key. On a computer that still backs up, you can also set a new password."},
	"vault-certificate": {"The certificate of the vault's server is not valid: it has expired, or nobody vouches for it.",
		"No guess was used, and the backup is untouched.",
		"Ask who runs the vault to renew it. A network that wants you to sign in first can be the cause, too."},
	"vault-elsewhere": {"This password was kept on one computer only, and it is not this one.",
		"No guess was used, and the backup is untouched.",
		"Use the 64-digit key here. Or open the backup on the computer where the password was set, or plug its token in."},
	"vault-unreachable": {"The vault cannot be reached.", "The backup is untouched. At most one guess was used.",
		"Check the connection and try again, or use the 64-digit key."},
	"vault-wait": {"The vault asks to wait after wrong guesses.{{.Until}}", "No guess was used.",
		"Try again then, or use the 64-digit key now."},
	"vault-refused": {"The vault did not accept this.", nothingDone, "Check that it is the right vault, and ask who runs it."},
	"vault-suspect": {"The vault gave back something that is not the key of this backup.", "Nothing was set and nothing was opened.",
		"Do not type this password again here. Use the 64-digit key, and ask who runs the vault."},
	"vault-not-trusted": {"Only the place of this backup names the vault {{.Vault}}, and nobody has agreed to ask it.",
		"The vault was not contacted, and no password was tried.",
		"Compare its host and its key with what you know of your vault, then agree to ask it. The 64-digit key opens the backup too."},
	"vault-enrolment": {"This vault takes new accounts only with an enrolment token, and this one does not fit or is missing.", nothingDone,
		"Ask who runs the vault for its enrolment token."},
	"token-pin": {"The token does not accept this PIN.", "No guess was used, and the backup is untouched.",
		"Try again when you are sure of the PIN: a token locks itself after a few wrong ones. The 64-digit key opens the backup too."},
	"same-password": {"This is the password that the vault has already. Whoever runs that vault can try out what was protected by it.", nothingDone,
		"Choose another one for the vaults that are to share it."},
	"weak-password": {"This password is among the first that anybody would guess.", nothingDone,
		"Choose another one: three or four words that do not belong together are good."},
	"no-password": {"This backup has no password.", nothingDone, "Open it with its 64-digit key."},
	"has-vault": {"This backup has a password, and the vault holds the key that is to be changed.", nothingDone,
		"Give a password for the new key too, or remove the password first."},
	"place-inside": {"The backup cannot be kept inside of {{.Where}}, which it backs up.", nothingDone,
		"Choose another folder, on another disk if you can."},
	"invalid": {"This cannot be done as asked: {{.Detail}}.", nothingDone, "Change it and try again."},
	codeNoAnswer: {"Something did not answer in time.", nothingDone,
		"Try again. If it comes back, copy the details and ask for help with them."},
	"cancelled": {"You stopped it.", "What was backed up before is complete.",
		"Start again whenever you like; it takes up what is there already."},
	CodeMalformedSheets: {"These are not two whole sheets of a key.", nothingDone,
		"Enter the digits of two sheets, one after the other, and compare them with the paper."},
	CodeSheetsApart: {"These two sheets do not belong together.", nothingDone,
		"Take two different sheets that have the same number on them."},
	CodeMalformedKey: {"This is not a whole 64-digit key.", nothingDone,
		"It has 16 groups of 4, with the digits 0 to 9 and a to f. Compare it with what you saved."},
	"": {"Something happened that Holdfast has no words for.", "The backups made so far stay as they are.",
		"Try again. If it comes back, copy the details and ask for help with them."},
}

// malformed words what is odd about a typed key.
const (
	keyDigits = "A key has 64 digits; here are {{.Count}}."
	keyChar   = "Group {{.Group}} holds {{.Char}}, which is no digit of a key."
	keyMeant  = "Group {{.Group}} holds {{.Char}}. Did you mean the digit {{.Meant}}?"
)

// For words an error. It never returns an empty What.
func (w Words) For(err error) Sentence {
	code := core.Code(err)
	switch {
	case code != "":
	case errors.Is(err, sheets.ErrApart):
		code = CodeSheetsApart
	case errors.Is(err, sheets.ErrMalformed):
		code = CodeMalformedSheets
	case errors.Is(err, backupkey.ErrMalformed):
		code = CodeMalformedKey
	}
	if code == "" && errors.Is(err, context.DeadlineExceeded) {
		code = codeNoAnswer // of whom is not known: nothing is guessed
	}
	t, ok := sentences[code]
	if !ok {
		t = sentences[""]
	}
	if w.nothing && strings.HasPrefix(t.safe, backupsSafe) {
		t.safe = originalsSafe
	}
	s := Sentence{Code: code}
	if err != nil {
		s.Details = err.Error()
	}
	s.What, s.Safe, s.Do = w.Say(t.what, w.values(code, err)), w.Say(t.safe, nil), w.Say(t.do, nil)
	if v := (*core.VaultError)(nil); errors.As(err, &v) && v.Repeated {
		s.What = w.Say(typedBefore, w.vaultValues(v))
	}
	if what := w.malformed(err); what != "" {
		s.What = what
	}
	return s
}

// How a vault's answers are told.
const (
	guessesLeft  = " {{.Count}} guesses left. After the last one, the vault destroys the key and only the 64 digits open this backup."
	guessLeft    = " One guess left. If it is wrong, the vault destroys the key and only the 64 digits open this backup."
	goneBefore   = "The vault has destroyed its copy of the key after ten wrong guesses. No password opens this backup any more."
	goneNow      = "That was the last guess. The vault has destroyed its copy of the key: no password opens this backup any more."
	goneRestored = "The vault had to be restored from an older copy, and keeps no password from before."
	typedBefore  = "You typed this password before, and it was wrong. No guess was used.{{.Guesses}}"
	waitUntil    = " It takes the next one {{.When}}."
)

// values are what a sentence tells of the error itself.
func (w Words) values(code string, err error) Values {
	var v *core.VaultError
	switch {
	case errors.As(err, &v):
		return w.vaultValues(v)
	case code == "place-inside":
		v := Values{"Where": w.Say("a folder", nil)}
		var at *fs.PathError
		if errors.As(err, &at) {
			v["Where"] = core.DisplayName(at.Path)
		}
		return v
	case code == "permission":
		return w.permissionValues(err)
	case code == "vault-not-trusted":
		return Values{"Vault": untrustedName(err)}
	case code == "server-unknown", code == "server-changed":
		v := Values{"Server": w.Say("of this place", nil), "Fingerprint": "?"}
		var at *core.ServerError
		if errors.As(err, &at) {
			v["Server"], v["Fingerprint"] = at.Server, at.Fingerprint
		}
		return v
	case code == "wrong-password":
		return Values{"Guesses": ""}
	case code == "password-gone":
		return Values{"Gone": w.Say(goneBefore, nil)}
	case code == "vault-wait":
		return Values{"Until": ""}
	case code != "invalid" || err == nil:
		return nil
	}
	detail := strings.TrimPrefix(err.Error(), core.ErrInvalid.Error())
	detail = strings.TrimRight(strings.TrimPrefix(detail, ": "), ".")
	if detail == "" {
		detail = "it does not fit together"
	}
	return Values{"Detail": detail}
}

// permissionValues name the place that may not be read or written, as far as the error does.
func (w Words) permissionValues(err error) Values {
	v := Values{"Where": w.Say("this place", nil)}
	var at *fs.PathError
	if errors.As(err, &at) && at.Path != "" {
		v["Where"] = core.DisplayName(at.Path)
	}
	if errors.Is(err, syscall.EROFS) {
		return Values{"Denied": w.Say("Holdfast cannot write to {{.Where}}: it is read-only.", v)}
	}
	return Values{"Denied": w.Say("Holdfast has no right to use {{.Where}}.", v)}
}

// untrustedName is how a vault calls itself, and where it is.
func untrustedName(err error) string {
	var u *core.VaultNotTrustedError
	if !errors.As(err, &u) {
		return ""
	}
	at := u.Host
	if at == "" {
		at = u.Address
	}
	return "“" + u.Name + "” (" + at + ")"
}

func (w Words) vaultValues(v *core.VaultError) Values {
	guesses, gone, until := "", w.Say(goneBefore, nil), ""
	switch {
	case v.GuessesLeft == 1:
		guesses = w.Say(guessLeft, nil)
	case v.GuessesLeft > 1:
		guesses = w.Say(guessesLeft, Values{"Count": v.GuessesLeft})
	}
	switch {
	case v.Restored:
		gone = w.Say(goneRestored, nil)
	case v.LastGuess:
		gone = w.Say(goneNow, nil)
	}
	if !v.Until.IsZero() {
		until = w.Say(waitUntil, Values{"When": w.Until(v.Until)})
	}
	return Values{"Guesses": guesses, "Gone": gone, "Until": until}
}

func (w Words) malformed(err error) string {
	var char *backupkey.SyntaxError
	var count *backupkey.CountError
	switch {
	case errors.As(err, &char) && char.Meant != 0:
		return w.Say(keyMeant, Values{"Group": char.Group, "Char": "“" + string(char.Char) + "”", "Meant": string(char.Meant)})
	case errors.As(err, &char):
		return w.Say(keyChar, Values{"Group": char.Group, "Char": "“" + string(char.Char) + "”"})
	case errors.As(err, &count):
		return w.Say(keyDigits, Values{"Count": count.Digits})
	}
	return ""
}

// For words an error in English.
func For(err error) Sentence { return Words{}.For(err) }

// Templates returns the templates that stand in tables, for the translations;
// the others are literals in calls of Say.
func Templates() []string {
	out := []string{keyDigits, keyChar, keyMeant, guessesLeft, guessLeft, goneBefore, goneNow, goneRestored, waitUntil, typedBefore}
	for _, t := range sentences {
		out = append(out, t.what, t.safe, t.do)
	}
	for _, r := range reasons {
		out = append(out, r.text)
	}
	for _, table := range []iter.Seq[string]{maps.Values(advice), maps.Values(steps), maps.Values(deletions)} {
		out = slices.AppendSeq(out, table)
	}
	for _, u := range byteUnits {
		out = append(out, "{{.Number}} "+u)
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		out = append(out, d.String())
	}
	for m := time.January; m <= time.December; m++ {
		out = append(out, m.String())
	}
	return out
}
