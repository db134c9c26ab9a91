package secret

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/sheets"
	"github.com/holdfast-backup/holdfast/ui/scan"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// maxKeyFile is more than any way of writing the digits of two sheets takes.
const maxKeyFile = 4096

// FromFile puts into the field what a file says: digits as a text, or the QR code in a picture. A second sheet joins the first one
// that is there, if it fits.
func (k *KeyField) FromFile(path string) {
	if k.reading != nil {
		return
	}
	have := []byte(k.Entry.Text)
	k.Failed(nil)
	say := func(text string) {
		if text != "" {
			k.count.SetText(text)
			return
		}
		k.update()
	}
	k.reading = k.w.WaitFor(k.picture, say, lang.L("Reading the picture…"), func(ctx context.Context) func() {
		text, err := withSheet(ctx, have, path)
		cancelled := ctx.Err() != nil
		return func() {
			k.reading = nil
			if err == nil && !cancelled {
				k.Entry.SetText(string(text))
			}
			clear(text)
			k.update()
			if !cancelled {
				k.Failed(err)
			}
		}
	})
}

// withSheet is what a file says and, if that is a sheet and there is another one already, both of them.
func withSheet(ctx context.Context, have []byte, path string) ([]byte, error) {
	defer clear(have)
	name := filepath.Base(path)
	text, err := scan.File(ctx, path, name, maxKeyFile)
	if err != nil {
		return nil, pictureTrouble(err, name)
	}
	digits, err := backupkey.ReadDigits(text, sheets.Needed*sheets.Digits+4)
	several := len(digits) > backupkey.Digits+backupkey.GroupSize
	clear(digits)
	if err != nil || len(digits) < backupkey.Digits/2 {
		clear(text)
		return nil, shell.Reasoned{What: lang.L("{{.File}} holds no digits of a key.", words.Values{"File": core.DisplayName(name)}),
			Do: lang.L("Choose a picture of the recovery kit, or of one of its three sheets."), Cause: err}
	}
	first, err := sheets.Read(ctx, have)
	if err != nil || !several {
		return text, nil // all that there is of a key, or the first sheet
	}
	first.Clear()
	defer clear(text)
	both, err := sheets.Join(ctx, []sheets.Part{{Text: have}, {Name: name, Text: text}})
	if errors.Is(err, sheets.ErrApart) {
		return nil, shell.Reasoned{
			What: lang.L("The sheet in {{.File}} does not belong to the one that is there.", words.Values{"File": core.DisplayName(name)}),
			Do:   lang.L("Take two different sheets that have the same number on them."), Cause: err}
	}
	if err != nil {
		return nil, err
	}
	return both, nil
}

// pictureTrouble words why a file with a code could not be read.
func pictureTrouble(err error, name string) error {
	file := words.Values{"File": core.DisplayName(name)}
	switch {
	case errors.Is(err, scan.ErrNoCode):
		return shell.Reasoned{What: lang.L("No QR code can be read in {{.File}}.", file),
			Do: lang.L("Take the picture again, in good light, with the whole code in it. Or type the digits."), Cause: err}
	case errors.Is(err, scan.ErrPicture):
		return shell.Reasoned{What: lang.L("{{.File}} is no picture that Holdfast can read.", file),
			Do: lang.L("Choose a PNG or JPEG picture. Of anything else, take a photo or a screenshot."), Cause: err}
	case errors.Is(err, scan.ErrLong):
		return shell.Reasoned{What: lang.L("{{.File}} is too long.", file),
			Do: lang.L("Choose a picture of the code, or a file with its digits alone."), Cause: err}
	}
	return err
}

// readCard reads a vault card's file, or a picture of its QR code.
func readCard(ctx context.Context, path string) (card core.TypedVault, name string, err error) {
	b, err := scan.File(ctx, path, filepath.Base(path), maxCardFile)
	if errors.Is(err, scan.ErrNoCode) || errors.Is(err, scan.ErrPicture) {
		return core.TypedVault{}, "", pictureTrouble(err, filepath.Base(path))
	}
	if err != nil && !errors.Is(err, scan.ErrLong) {
		return core.TypedVault{}, "", err
	}
	defer clear(b)
	typed, parseErr := core.ParseVault(strings.ToValidUTF8(string(b), "\uFFFD"))
	c, isCard := typed.Card()
	switch {
	case errors.Is(parseErr, core.ErrNewerFormat):
		return core.TypedVault{}, "", parseErr
	case err != nil, parseErr != nil, !isCard:
		return core.TypedVault{}, "", shell.Reasoned{What: lang.L("This file is no vault card."),
			Do: lang.L("Choose the file that you got from whoever runs the vault.")}
	}
	return typed, core.DisplayName(c.Name) + " · " + core.DisplayName(string(c.URL)), nil
}
