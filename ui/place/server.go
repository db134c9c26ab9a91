package place

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/theme"
	"github.com/holdfast-backup/holdfast/ui/widgets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// server is the page that asks for a server or a cloud, tries it, and puts its address into the field.
type server struct {
	field  *Field
	toRead bool
	kinds  *widgets.Choices
	forms  []form // one for each kind
	page   *shell.Page
	use    *widgets.Button
	leave  func()
	stop   func() // of a sign-in that is under way
}

// form is what one kind of place is asked for.
type form struct {
	title, about string
	rows         []*row
	address      func(f form) (address.Address, error)
	secret       func(f form) (address.Secret, error)
}

// row is one thing that is asked.
type row struct {
	label, hint string
	entry       *widgets.Field
	secret      *widgets.SecretEntry // in place of entry
}

// What is asked, by its place in a form's rows.
const (
	askHost = iota
	askUser
	askFolder
	askPassword
	askKey
)

const (
	askShare = askUser + 1 + iota
	askShareFolder
	askSharePassword
)

const (
	askEndpoint = iota
	askBucket
	askPrefix
	askRegion
	askAccess
	askSecret
)

const (
	askAccount = iota
	askContainer
	askFolderInIt
	askAccountKey
)

const (
	askB2Bucket = iota
	askB2Folder
	askB2KeyID
	askB2Key
)

const (
	askGoogleBucket = iota
	askGoogleFolder
	askKeyFile
)

// newServer shows the page. toRead: the place holds a backup already, and nothing is written there.
func newServer(f *Field, toRead bool) {
	s := &server{field: f, toRead: toRead, forms: []form{
		driveForm(), oneDriveForm(), dropboxForm(), sshForm(), smbForm(), davForm(), s3Form(), b2Form(), azureForm(), googleForm(),
	}}
	pairs := make([][2]string, len(s.forms))
	for i, f := range s.forms {
		pairs[i] = [2]string{f.title, f.about}
	}
	s.kinds = widgets.NewChoices(0, pairs...)
	for i := range s.forms {
		s.kinds.Below(i, s.forms[i].show(func() { s.use.Tapped(nil) }))
	}
	s.use = widgets.NewButton(lang.L("Use this place"), "", widgets.Main, s.tryOut)
	lead := lang.L("Holdfast tries it out first: it writes, reads and deletes a small file there.")
	if toRead {
		lead = lang.L("Where the backup is.")
	}
	s.page = f.w.NewPage(shell.PageParams{
		Name: lang.L("A cloud or a server"), Back: s.back, Title: lang.L("Which cloud or server?"), Lead: lead,
		Content: []fyne.CanvasObject{
			s.kinds,
			widgets.Notice(widgets.ToneNeutral, "lock",
				lang.L("Passwords are kept sealed on this computer. A second program without your backup key speaks with the cloud or the server.")),
		},
		Foot: []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, s.back), s.use},
	})
	s.kinds.OnChanged = func(int) { s.page.Relayout() }
	s.leave = shell.Over(f.w, s.page.Root)
	f.w.Canvas().Focus(s.forms[0].rows[0].entry)
}

// back gives up what is under way, and shows what was there before.
func (s *server) back() {
	if s.stop != nil {
		s.stop()
	}
	s.leave()
}

// show makes the fields of a form.
func (f form) show(submitted func()) fyne.CanvasObject {
	all := widgets.Column(theme.Space3)
	for _, r := range f.rows {
		var o fyne.CanvasObject = r.entry
		if r.secret != nil {
			r.secret.SetPlaceHolder(r.hint)
			r.secret.OnSubmitted = func(string) { submitted() }
			o = r.secret
		} else {
			r.entry.SetPlaceHolder(r.hint)
			r.entry.OnSubmitted = func(string) { submitted() }
		}
		all.Add(widgets.Column(theme.Space1, widgets.NewStrong(r.label), o))
	}
	return all
}

// text returns what was typed.
func (f form) text(i int) string { return strings.TrimSpace(f.rows[i].entry.Text) }

func asked(label, hint, text string) *row {
	r := &row{label: label, hint: hint, entry: widgets.NewField()}
	r.entry.SetText(text)
	return r
}

func askedSecret(label string) *row { return &row{label: label, secret: widgets.NewSecretEntry()} }

func sshForm() form {
	return form{
		title: lang.L("A server with SSH (SFTP)"), about: lang.L("A server of your own, a NAS, or storage that you rent."),
		rows: []*row{
			asked(lang.L("Server"), "server.example", ""), asked(lang.L("User"), "", ""), asked(lang.L("Folder there"), "", "~/Holdfast"),
			askedSecret(lang.L("Password")),
			asked(lang.L("Or a private key"), lang.L("Path of its file; empty for the SSH agent"), ""),
		},
		address: func(f form) (address.Address, error) {
			return written(address.SFTP, f.text(askUser), f.text(askHost), f.text(askFolder), nil)
		},
		secret: func(f form) (address.Secret, error) {
			password := string(f.rows[askPassword].secret.Peek())
			file := f.text(askKey)
			switch {
			case file == "" && password == "":
				return nil, nil
			case file == "":
				return address.Secret{address.Password: password}, nil
			}
			key, err := os.ReadFile(shell.Expand(file))
			if err != nil {
				return nil, err
			}
			defer clear(key)
			return address.Secret{address.Key: string(key), address.Passphrase: password}, nil
		},
	}
}

func smbForm() form {
	return form{
		title: lang.L("A Windows share or a NAS (SMB)"), about: lang.L("A folder that Windows, a NAS or a router shares on your network."),
		rows: []*row{
			asked(lang.L("Server"), "nas.local", ""), asked(lang.L("User"), "", ""), asked(lang.L("Share"), "", ""),
			asked(lang.L("Folder in it"), "", "Holdfast"),
			askedSecret(lang.L("Password")),
		},
		address: func(f form) (address.Address, error) {
			folder := f.text(askShare)
			if folder != "" {
				folder += "/" + f.text(askShareFolder)
			}
			return written(address.SMB, f.text(askUser), f.text(askHost), folder, nil)
		},
		secret: func(f form) (address.Secret, error) {
			return address.Secret{address.Password: string(f.rows[askSharePassword].secret.Peek())}, nil
		},
	}
}

func davForm() form {
	return form{
		title: lang.L("A WebDAV server"), about: lang.L("Nextcloud, ownCloud, and storage that many providers give."),
		rows: []*row{
			asked(lang.L("Address"), "https://cloud.example/remote.php/dav/files/you", ""), asked(lang.L("User"), "", ""),
			asked(lang.L("Folder there"), "", "Holdfast"),
			askedSecret(lang.L("Password")),
		},
		address: func(f form) (address.Address, error) {
			text := f.text(askHost)
			kind := address.WebDAV
			if strings.HasPrefix(text, "http://") {
				kind = address.WebDAVIn
			}
			_, rest, ok := strings.Cut(text, "://")
			if !ok {
				rest = text
			}
			host, path, _ := strings.Cut(rest, "/")
			return written(kind, f.text(askUser), host, path+"/"+f.text(askFolder), nil)
		},
		secret: func(f form) (address.Secret, error) {
			return address.Secret{address.Password: string(f.rows[askPassword].secret.Peek())}, nil
		},
	}
}

func s3Form() form {
	return form{
		title: lang.L("S3, or what speaks it"), about: lang.L("Amazon S3, and the object storage of many providers."),
		rows: []*row{
			asked(lang.L("Endpoint"), lang.L("https://…; empty for Amazon"), ""), asked(lang.L("Bucket"), "", ""),
			asked(lang.L("Folder in it"), "", "Holdfast"),
			asked(lang.L("Region"), lang.L("Empty where the provider names none"), ""), asked(lang.L("Access key ID"), "", ""),
			askedSecret(lang.L("Secret access key")),
		},
		address: func(f form) (address.Address, error) {
			q := url.Values{}
			if e := f.text(askEndpoint); e != "" {
				q.Set("endpoint", e)
			}
			if r := f.text(askRegion); r != "" {
				q.Set("region", r)
			}
			return written(address.S3, "", f.text(askBucket), f.text(askPrefix), q)
		},
		secret: func(f form) (address.Secret, error) {
			return address.Secret{"access_key_id": f.text(askAccess), "secret_access_key": string(f.rows[askSecret].secret.Peek())}, nil
		},
	}
}

func b2Form() form {
	return form{
		title: lang.L("Backblaze B2"), about: lang.L("The object storage of Backblaze. Their backup for computers is something else."),
		rows: []*row{
			asked(lang.L("Bucket"), "", ""), asked(lang.L("Folder in it"), "", "Holdfast"), asked(lang.L("Application key ID"), "", ""),
			askedSecret(lang.L("Application key")),
		},
		address: func(f form) (address.Address, error) {
			return written(address.B2, "", f.text(askB2Bucket), f.text(askB2Folder), nil)
		},
		secret: func(f form) (address.Secret, error) {
			return address.Secret{address.B2KeyID: f.text(askB2KeyID), address.B2Key: string(f.rows[askB2Key].secret.Peek())}, nil
		},
	}
}

func azureForm() form {
	return form{
		title: lang.L("Azure Blob Storage"), about: lang.L("Microsoft's object storage. OneDrive is something else."),
		rows: []*row{
			asked(lang.L("Storage account"), "", ""), asked(lang.L("Container"), "", ""), asked(lang.L("Folder in it"), "", "Holdfast"),
			askedSecret(lang.L("Access key")),
		},
		address: func(f form) (address.Address, error) {
			return written(address.Azure, "", f.text(askContainer), f.text(askFolderInIt), url.Values{"account": {f.text(askAccount)}})
		},
		secret: func(f form) (address.Secret, error) {
			return address.Secret{address.AccountKey: string(f.rows[askAccountKey].secret.Peek())}, nil
		},
	}
}

func googleForm() form {
	return form{
		title: lang.L("Google Cloud Storage"), about: lang.L("Google's object storage. Google Drive is something else."),
		rows: []*row{
			asked(lang.L("Bucket"), "", ""), asked(lang.L("Folder in it"), "", "Holdfast"),
			asked(lang.L("Key file of a service account"), lang.L("Path of the JSON file that Google gives"), ""),
		},
		address: func(f form) (address.Address, error) {
			return written(address.Google, "", f.text(askGoogleBucket), f.text(askGoogleFolder), nil)
		},
		secret: func(f form) (address.Secret, error) {
			file, err := os.ReadFile(shell.Expand(f.text(askKeyFile)))
			if err != nil {
				return nil, err
			}
			defer clear(file)
			return address.ReadSecret(address.Google, file)
		},
	}
}

// written returns an address as it is read back.
func written(k address.Kind, user, host, folder string, q url.Values) (address.Address, error) {
	a := address.Address{Kind: k, User: user, Host: host, Path: "/" + strings.TrimPrefix(folder, "/"), Query: q}
	return address.Parse(a.String())
}

// tryOut tries the server out, and goes back with its address where it can hold a backup.
func (s *server) tryOut() {
	s.page.Fail(nil)
	f := s.forms[s.kinds.Chosen()]
	a, err := f.address(f)
	var secret address.Secret
	if err == nil {
		secret, err = f.secret(f)
	}
	at := s.field.core.Elsewhere().Places
	if err == nil {
		err = at.Know(a.String(), secret)
	}
	if err != nil {
		s.page.Fail(core.Told(err))
		return
	}
	if a.Kind.SignsIn() {
		s.stop = s.field.signIn(s.page, s.use, at, a.String(), func() { s.try(at, a.String()) })
		return
	}
	s.try(at, a.String())
}

func (s *server) try(at places.Places, place string) {
	s.page.Wait(s.use, lang.L("Trying the place out…"), func(ctx context.Context) func() {
		err := s.tries(ctx, at, place)
		return func() {
			var shown *core.ServerError
			switch {
			case err == nil:
				s.back()
				s.field.Entry.SetText(place)
				s.field.w.Canvas().Focus(s.field.Entry)
			case errors.As(err, &shown) && !shown.Changed:
				s.ask(at, place, shown)
			default:
				s.page.Fail(core.Told(err))
			}
		}
	})
}

// tries returns nil if a place can do what is wanted of it.
func (s *server) tries(ctx context.Context, at places.Places, place string) error {
	if !s.toRead {
		return at.Test(ctx, place, true, func(places.Tried) {})
	}
	opened, err := at.Open(ctx, place, false)
	if err == nil {
		err = opened.Close()
	}
	return err
}

// ask shows a server's key. Who agrees has compared it, or trusts the network for this once.
func (s *server) ask(at places.Places, place string, shown *core.ServerError) {
	s.field.w.Ask(shell.Question{
		Title: lang.L("Is this your server?"),
		Text: lang.L("{{.Server}} shows this key: {{.Fingerprint}}. Compare it with what whoever runs the server tells you. Holdfast remembers it, and refuses another one later.",
			words.Values{"Server": shown.Server, "Fingerprint": shown.Fingerprint}),
		Yes: lang.L("Agree"), No: lang.L("Not now"),
	}, func() {
		s.page.Wait(nil, lang.L("Trying the place out…"), func(ctx context.Context) func() {
			err := at.Agree(ctx, place, shown.Fingerprint)
			return func() {
				if err != nil {
					s.page.Fail(core.Told(err))
					return
				}
				s.try(at, place)
			}
		})
	})
}
