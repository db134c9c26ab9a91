package ui

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
)

// A backup whose place claims that it is not encrypted is opened and joined only after the person said that this is what they expect.
func TestAnUnencryptedBackupIsAChoice(t *testing.T) {
	ctx := context.Background()
	dir, destination := treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast")
	profile := t.TempDir()
	a, err := core.Open(ctx, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}})
	if err != nil {
		t.Fatal(err)
	}
	err = a.Setup(ctx, core.SetupRequest{Destination: destination, Sources: []string{dir}})
	if err == nil {
		_, err = a.Backup(ctx, nil)
	}
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}

	other := sit(t, t.TempDir(), nil)
	other.choosePlaces(treeOf(t, someFiles), destination)
	other.Sees("This backup is not encrypted")
	if st := other.ui.core.Status(); st.SetUp {
		t.Fatal("it is set up before the person agreed")
	}
	other.press("I have a key or a password for it")
	other.Sees("Nothing was read from it and nothing was written.")
	other.press("Join it without encryption")
	other.Sees("You joined the backup")
	if st := other.ui.core.Status(); !st.SetUp || st.Protection != core.ProtectionNone {
		t.Errorf("%+v", st)
	}
	other.leave()

	third := sit(t, t.TempDir(), nil)
	third.door("Restore a backup")
	third.write(0, destination)
	third.press("Continue")
	third.Sees("This backup is not encrypted")
	third.press("Open it without encryption")
	third.Sees("From which day?")
	third.leave()
}
