package ui

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/remote/drive"
	"github.com/holdfast-backup/holdfast/remote/oauth"
	"github.com/holdfast-backup/holdfast/remote/serve"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/sftp"
	"github.com/holdfast-backup/holdfast/remote/web"
)

// besides reaches SFTP servers in this process, as holdfast-remote does in its own.
func besides(t *testing.T) places.Places {
	return places.Through(func(context.Context) (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		go func() {
			if err := serve.Serve(there, serve.Places{Open: openSSH}); err != nil {
				t.Errorf("serve: %v", err)
			}
		}()
		return here, nil
	})
}

func openSSH(ctx context.Context, o wire.Open, _ func(json.RawMessage)) (store.Store, error) {
	a, err := address.Parse(o.Place)
	if err != nil {
		return nil, err
	}
	var secret address.Secret
	if err := json.Unmarshal(o.Secret, &secret); err != nil {
		return nil, err
	}
	s, err := sftp.Open(ctx, a, secret, o.Create)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// A newcomer sets a backup to a server up, and restores it on another computer.
func TestAServerFromNothingToRestored(t *testing.T) {
	s := servers.OpenSSH(t)
	key := servers.Write(t, filepath.Join(t.TempDir(), "id"), s.Key)
	dir := treeOf(t, someFiles)
	fill := func(d *desk, folder string) {
		d.Sees("Which cloud or server?")
		d.door("A server with SSH (SFTP)")
		d.write(0, s.Addr)
		d.write(1, s.User)
		d.write(2, folder)
		d.write(4, key)
		d.press("Use this place")
		d.Sees("Is this your server?")
		d.press("Agree")
	}
	params := func() core.Params {
		profile := t.TempDir()
		return core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}, Places: besides(t)}
	}
	d := sitIn(t, params(), nil)
	d.door("Set up a backup")
	d.files.folderAnswer = dir
	d.press("Add folder…")
	d.press("Continue")
	d.press("Cloud or server…")
	d.Sees("Which cloud or server?")
	d.door("A server with SSH (SFTP)")
	d.write(0, "127.0.0.1:"+servers.Port(t))
	d.press("Use this place")
	d.Sees("does not let Holdfast in")
	d.write(4, key)
	d.press("Use this place")
	d.Sees("The place of your backup cannot be reached.")
	fill(d, s.Root+"/Holdfast")
	d.Sees("Where should it be kept?")
	d.press("Continue")
	d.Sees("Who may open it?")
	d.door("Not encrypted")
	d.press("Continue")
	d.Sees("Everything is set")
	d.backUp()
	if found, err := os.ReadDir(filepath.Join(s.Root, "Holdfast", "snapshots")); err != nil || len(found) != 1 {
		t.Errorf("on the server are %d backups: %v", len(found), err)
	}
	d.leave()

	other := sitIn(t, params(), nil)
	other.door("Restore a backup")
	other.press("Cloud or server…")
	fill(other, s.Root+"/Holdfast")
	other.Sees("Where is the backup?")
	other.press("Continue")
	other.Sees("This backup is not encrypted")
}

// drives reaches Google Drive in this process, as holdfast-remote does in its own.
func drives(t *testing.T, d *servers.Drive) places.Places {
	options := web.Options{Connections: 4, Proxy: d.Proxy, Roots: d.Roots}
	read := func(place string, text json.RawMessage) (address.Address, address.Secret, error) {
		a, err := address.Parse(place)
		var secret address.Secret
		return a, secret, errors.Join(err, json.Unmarshal(text, &secret))
	}
	return places.Through(func(context.Context) (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		go func() {
			err := serve.Serve(there, serve.Places{
				Open: func(ctx context.Context, o wire.Open, changed func(json.RawMessage)) (store.Store, error) {
					a, secret, err := read(o.Place, o.Secret)
					if err != nil {
						return nil, err
					}
					s, err := drive.Open(ctx, drive.Params{Address: a, Secret: secret, Create: o.Create, Web: options, Changed: func(s address.Secret) {
						if text, err := json.Marshal(s); err == nil {
							changed(text)
						}
					}})
					if err != nil {
						return nil, err
					}
					return s, nil
				},
				SignIn: func(ctx context.Context, q wire.SignIn, show func(string) error) (json.RawMessage, error) {
					a, secret, err := read(q.Place, q.Secret)
					if err != nil {
						return nil, err
					}
					w := web.NewClient(options)
					defer w.Close()
					client := oauth.Client{ID: a.Query.Get("client"), Secret: secret[address.ClientSecret]}
					token, err := oauth.SignIn(ctx, w, drive.Provider(client), show)
					if err != nil {
						return nil, err
					}
					text, err := json.Marshal(token)
					if err != nil {
						return nil, err
					}
					secret[address.Token] = string(text)
					return json.Marshal(secret)
				},
			})
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		}()
		return here, nil
	})
}

// A newcomer signs in to Google Drive and backs up there. When Google takes that back, the window asks to sign in again, and
// goes on.
func TestGoogleDriveFromNothing(t *testing.T) {
	g := servers.GoogleDrive(t)
	profile := t.TempDir()
	d := sitIn(t, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}, Places: drives(t, g)}, nil)
	browsed := 0
	d.ui.place.Browse = func(page *url.URL) error {
		browsed++
		if _, shown := g.Browse(t, page.String(), "en"); !strings.Contains(shown, "igned in") {
			t.Errorf("the browser shows %s", shown)
		}
		return nil
	}
	d.door("Set up a backup")
	d.files.folderAnswer = treeOf(t, someFiles)
	d.press("Add folder…")
	d.press("Continue")
	d.press("Cloud or server…")
	d.Sees("Which cloud or server?")
	d.press("Use this place")
	d.Sees("This build of Holdfast is not known to the service.")
	d.write(1, g.Client.ID)
	d.write(2, g.Client.Secret)
	d.press("Use this place")
	d.Sees("Where should it be kept?")
	d.press("Continue")
	d.Sees("Who may open it?")
	d.door("Not encrypted")
	d.press("Continue")
	d.Sees("Everything is set")
	d.backUp()
	d.Sees(" free")

	filetest.Write(t, filepath.Join(d.files.folderAnswer, "large"), filetest.Noise(1, 3_000_000))
	g.Quota(1_000_000)
	d.press("Back up now")
	d.Sees("The place of your backup is full.")
	d.Sees("999 KB are free there.")
	g.Quota(1 << 40)
	d.press("Back up now")
	d.Until("the end of the backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastBackup.Outcome == core.OutcomeDone })

	g.Revoke()
	d.press("Back up now")
	d.Sees("The place of your backup does not let Holdfast in any more.")
	d.Sees("asks to sign in")
	d.press("Sign in again")
	d.Sees("Sign in with the same account as before")
	d.press("Open the browser")
	d.Until("the screen", d.atScreen)
	d.backUp()
	if browsed != 2 {
		t.Errorf("the browser was opened %d times", browsed)
	}
}

// A disk that is found is chosen with one press, and gets a folder of its own.
func TestFoundPlaces(t *testing.T) {
	disk := t.TempDir()
	profile := t.TempDir()
	d := sitIn(t, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}}, nil)
	d.found = []places.Nearby{{Path: disk, Kind: places.NearbyDisk, Name: "Backup disk", Free: 1 << 40}}
	d.door("Set up a backup")
	d.files.folderAnswer = treeOf(t, someFiles)
	d.press("Add folder…")
	d.press("Continue")
	d.Sees("Found on this computer")
	d.row("Backup disk").Tapped(nil)
	d.press("Continue")
	d.Sees("Who may open it?")
	d.door("Not encrypted")
	d.press("Continue")
	d.Sees("Everything is set")
	d.backUp()
	if found, err := os.ReadDir(filepath.Join(disk, "Holdfast", "snapshots")); err != nil || len(found) != 1 {
		t.Errorf("on the disk are %d backups: %v", len(found), err)
	}
}
