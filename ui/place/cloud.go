package place

import (
	"context"
	"net/url"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/ui/shell"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// What is asked of a cloud that the person signs in to.
const (
	askCloudFolder = iota
	askClient
	askClientSecret
)

func driveForm() form {
	return cloudForm(address.Drive, lang.L("Google Drive"),
		lang.L("The storage of your Google account. Holdfast sees nothing there but what it stored itself."))
}

func oneDriveForm() form {
	return cloudForm(address.OneDrive, lang.L("OneDrive"),
		lang.L("The storage of your Microsoft account. Holdfast gets a folder of its own, and sees nothing else."))
}

func dropboxForm() form {
	return cloudForm(address.Dropbox, lang.L("Dropbox"), lang.L("Holdfast gets a folder of its own there, and sees nothing else."))
}

// cloudForm asks for a folder. Who signs in does that in the browser.
func cloudForm(kind address.Kind, title, about string) form {
	return form{
		title: title, about: about,
		rows: []*row{
			asked(lang.L("Folder there"), "", "Holdfast"),
			asked(lang.L("Client ID of your own"), lang.L("Empty for the one of Holdfast"), ""),
			askedSecret(lang.L("Secret of that client, if it has one")),
		},
		address: func(f form) (address.Address, error) {
			q := url.Values{}
			if id := f.text(askClient); id != "" {
				q.Set("client", id)
			}
			return written(kind, "", "", f.text(askCloudFolder), q)
		},
		secret: func(f form) (address.Secret, error) {
			secret := string(f.rows[askClientSecret].secret.Peek())
			if secret == "" {
				return nil, nil
			}
			return address.Secret{address.ClientSecret: secret}, nil
		},
	}
}

// signIn signs in to a place, and does what is next then. Who leaves the page gives the sign-in up.
func (f *Feature) signIn(p *shell.Page, b *widgets.Button, at places.Places, place string, then func()) (stop func()) {
	return p.Wait(b, lang.L("Agree in your browser. Holdfast waits for that, five minutes at most."), func(ctx context.Context) func() {
		err := at.SignIn(ctx, place, func(page string) error {
			u, err := url.Parse(page)
			if err != nil {
				return err
			}
			if err := f.Browse(u); err != nil {
				return shell.Reasoned{What: lang.L("No browser can be opened here."),
					Do: lang.L("Set a standard browser for this computer, then try again."), Cause: err}
			}
			return nil
		})
		return func() {
			if err != nil {
				p.Fail(core.Told(err))
				return
			}
			then()
		}
	})
}

// SignIn signs in to the place of the backup once more.
func (f *Feature) SignIn() {
	place := f.core.Status().Destination
	var p *shell.Page
	var b *widgets.Button
	stop := func() {}
	leave := func() {
		stop()
		f.w.LeaveFlow()
	}
	b = widgets.NewButton(lang.L("Open the browser"), "", widgets.Main, func() {
		p.Fail(nil)
		stop = f.signIn(p, b, f.core.Elsewhere().Places, place, func() {
			f.w.Outdated(true)
			f.w.LeaveFlow()
		})
	})
	p = f.w.NewPage(shell.PageParams{
		Name: lang.L("Sign in again"), Back: leave, Title: lang.L("Sign in again"),
		Lead:     lang.L("The place of your backup asks who you are. Sign in with the same account as before, and agree once more."),
		Foot:     []fyne.CanvasObject{widgets.NewButton(lang.L("Cancel"), "", widgets.Second, leave), b},
		Remedies: shell.Remedies{shell.WaySignIn: nil}, // it is this page
	})
	f.w.Flow(p.Root)
}

// SignsIn reports whether people sign in to a place in a browser.
func SignsIn(place string) bool {
	if places.IsPath(place) {
		return false
	}
	a, err := address.Parse(place)
	return err == nil && a.Kind.SignsIn()
}
