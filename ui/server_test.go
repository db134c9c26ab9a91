package ui

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/remote/wire"
	"github.com/holdfast-backup/holdfast/remote/serve"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/sftp"
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
