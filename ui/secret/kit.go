package secret

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	fynetheme "fyne.io/fyne/v2/theme"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/privatefile"
	"github.com/holdfast-backup/holdfast/core/sheets"
	"github.com/holdfast-backup/holdfast/ui/kit"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// homepage is where Holdfast is to be had.
const homepage = "github.com/holdfast-backup/holdfast"

// recoveryKit words the page that opens a backup without this computer. place
// is where the backup is, "" while that is not known.
func (f *Feature) recoveryKit(key *backupkey.Key, place string, now time.Time) kit.Page {
	font := func(s fyne.TextStyle) []byte { return fynetheme.DefaultTheme().Font(s).Content() }
	st := f.core.Status()
	host, _ := os.Hostname() // "" where unknown
	date := now.Local().Format("2006-01-02")
	subtitle := lang.L("For the backup of {{.Computer}}, {{.Date}}", words.Values{"Computer": core.DisplayName(host), "Date": date})
	if host == "" {
		subtitle = date
	}
	where := lang.L("The place that you chose for the backup")
	if place != "" {
		where = core.DisplayName(place)
	}
	// Whoever restores years later must not be talked into a backup that claims to have no encryption.
	places := kit.Section{Heading: lang.L("Where the backup is"), Lines: []string{
		where, lang.L("This backup is encrypted. If a place says that it is not, it is not this backup: stop there."),
	}}
	sections := []kit.Section{places}
	if own := f.core.Passwords.Own(); st.Password && len(own) > 0 {
		sections = append(sections, vaultsOf(own))
	}
	steps := kit.Section{Heading: lang.L("To get your files back")}
	for i, s := range []string{
		lang.L("Install Holdfast on any computer, from {{.Address}}, and connect the disk or the cloud with the backup.",
			words.Values{"Address": homepage}),
		lang.L("Open Holdfast and choose “Restore a backup”."),
		lang.L("Choose the folder of the backup. The file holdfast.json is in it."),
		lang.L("Enter the 64 digits, or choose a picture of the code. A typing error or two are found and asked about."),
		lang.L("Choose a day, the files, and where they should go."),
	} {
		steps.Lines = append(steps.Lines, fmt.Sprintf("%d.  %s", i+1, s))
	}
	return kit.Page{
		Fonts:    kit.Fonts{Regular: font(fyne.TextStyle{}), Bold: font(fyne.TextStyle{Bold: true}), Mono: font(fyne.TextStyle{Monospace: true})},
		Title:    lang.L("Holdfast recovery kit"),
		Subtitle: subtitle,
		Groups:   key.Groups(),
		CodeNote: lang.L("The same 64 digits, to be read by a phone"),
		Warning:  lang.L("Whoever has this page can open the backup. Keep it with your papers, apart from the computer. If it is lost, nobody can replace it, not even we."),
		Sections: append(append([]kit.Section{steps}, sections...), kit.Section{
			Heading: lang.L("If Holdfast no longer exists"),
			Lines:   []string{lang.L("The format of the backup is published, and the script docs/rescue/restore.py in its source ({{.Address}}) restores with Python and this key alone.", words.Values{"Address": homepage})},
		}),
		Footer: lang.L("Key number {{.ID}}. It tells keys apart and opens nothing.", words.Values{"ID": key.ID()}),
	}
}

// vaultsOf is what a person compares on a new computer before they agree to the vaults that the place of the backup names.
func vaultsOf(all []core.VaultTrust) kit.Section {
	s := kit.Section{Heading: lang.L("The vault that checks the password"), Fine: true}
	if len(all) > 1 {
		s.Heading = lang.L("The vaults that check the password")
	}
	for _, v := range all {
		at := v.Host
		if at == "" {
			at = lang.L("a token")
		}
		s.Lines = append(s.Lines, core.DisplayName(v.Name)+" · "+core.DisplayName(at)+" · "+v.Fingerprint)
	}
	s.Lines = append(s.Lines, lang.L("On a new computer, compare these names and keys with what Holdfast shows before you agree."))
	return s
}

// pdfOf makes the page; the caller clears it.
func pdfOf(p kit.Page) ([]byte, error) {
	var b bytes.Buffer
	err := p.Write(&b)
	for _, g := range p.Groups {
		clear(g)
	}
	if err != nil {
		clear(b.Bytes())
		return nil, err
	}
	return b.Bytes(), nil
}

// saveKit writes the page to a file, for its owner alone to read.
func saveKit(path string, p kit.Page) error {
	pdf, err := pdfOf(p)
	if err != nil {
		return err
	}
	defer clear(pdf)
	return privatefile.Replace(path, pdf) // the dialog may have made it already, for everybody to read
}

// printKit hands the page to the printer.
func (f *Feature) printKit(ctx context.Context, p kit.Page) error {
	pdf, err := pdfOf(p)
	if err != nil {
		return err
	}
	defer clear(pdf)
	if err := f.print(ctx, p.Title, pdf); err != nil {
		return shell.Reasoned{What: lang.L("The page could not be printed."),
			Do: lang.L("Check the printer, or save the recovery kit and print it elsewhere."), Cause: err}
	}
	return nil
}

// sheetPages returns the pages of three sheets. Any two of them open the backup.
func (f *Feature) sheetPages(key *backupkey.Key, place string, now time.Time) []kit.Page {
	var pages []kit.Page
	for _, s := range sheets.Split(key) {
		p := f.recoveryKit(key, place, now)
		for _, g := range p.Groups {
			clear(g)
		}
		p.Title = lang.L("Holdfast sheet {{.Number}} of {{.Count}}", words.Values{"Number": s.Number(), "Count": sheets.Count})
		p.Groups = s.Groups()
		p.CodeNote = lang.L("The same digits, to be read by a phone")
		p.Warning = lang.L("Any two of the three sheets open the backup. This one alone tells nothing of the key. Keep the three apart. It fits only others with the number {{.Split}}.",
			words.Values{"Split": s.Split()})
		p.Sections[0].Lines[3] = "4.  " + lang.L("Where the 64 digits are asked for, enter the digits of two sheets, one after the other, or choose a picture of each. A typing error or two are mended.")
		p.Sections = p.Sections[:len(p.Sections)-1] // the script wants the 64 digits
		s.Clear()
		pages = append(pages, p)
	}
	return pages
}

// saveSheets writes them into a folder, each to a file of its own that is not there yet.
func saveSheets(folder string, pages []kit.Page) error {
	for _, p := range pages {
		pdf, err := pdfOf(p)
		if err != nil {
			return err
		}
		err = privatefile.Create(filepath.Join(folder, p.Title+".pdf"), pdf)
		clear(pdf)
		if err != nil {
			return shell.Reasoned{What: lang.L("The sheets could not be saved there."),
				Do: lang.L("Choose a folder that has no sheets yet."), Cause: err}
		}
	}
	return nil
}
