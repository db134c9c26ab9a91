package ui

import (
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// A date is kept for good, and another deleted after a question.
func TestADateIsKeptAndAnotherDeleted(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Back up now")
	d.Until("the first backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastGood != nil })
	first := d.core.Status().LastGood.Snapshot
	d.press("Back up now")
	d.Until("the second backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastGood.Snapshot != first })

	dates := func() map[string]core.Snapshot {
		out := map[string]core.Snapshot{}
		r, err := d.core.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close() //nolint:errcheck // only read from
		all, err := r.Snapshots(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			out[s.ID] = s
		}
		return out
	}
	more := func() []*widgets.Button {
		return uitest.Find(d.Desk, func(b *widgets.Button) bool { return b.Icon == "more" })
	}
	d.nav("Restore")
	d.door("This backup")
	d.Until("the dates", func() bool { return len(more()) == 2 })
	test.Tap(more()[1]) // the older one
	keep := func() *widgets.Toggle { return trailing[*widgets.Toggle](d, "Keep this date") }
	keep().Tapped(nil)
	d.Until("the pin", func() bool { return keep().On() })
	if !dates()[first].Pinned {
		t.Error("the window says that a date is kept, the backup does not")
	}
	d.press("Back")
	d.Until("the dates again", func() bool { return len(more()) == 2 })
	test.Tap(more()[1])
	if !keep().On() {
		t.Error("the page forgot that the date is kept")
	}
	keep().Tapped(nil)
	d.Until("the end of the pin", func() bool { return !keep().On() })
	if dates()[first].Pinned {
		t.Error("the date is still kept")
	}

	d.row("Delete this date").Tapped(nil)
	d.press("Keep it")
	if len(dates()) != 2 {
		t.Error("a date went without a yes")
	}
	d.row("Delete this date").Tapped(nil)
	d.press("Delete")
	d.Until("the one that is left", func() bool { return len(more()) == 1 })
	if _, there := dates()[first]; there {
		t.Error("the date is still there")
	}

	// What stands in the way is said on the page.
	test.Tap(more()[0])
	if err := os.Rename(d.core.Status().Destination, d.core.Status().Destination+" unplugged"); err != nil {
		t.Fatal(err)
	}
	keep().Tapped(nil)
	d.Sees("cannot be reached")
	if keep().On() {
		t.Error("a date is said to be kept while its place is gone")
	}
}

// A backup that is not this computer's is only read.
func TestDatesOfAnotherBackupAreOnlyRead(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Back up now")
	d.Until("the backup", func() bool { return d.ui.w.Job == nil && d.core.Status().LastGood != nil })
	d.nav("Restore")
	d.door("A backup somewhere else")
	d.write(0, d.core.Status().Destination)
	d.press("Continue")
	d.Sees("This backup is not encrypted")
	d.press("Open it without encryption")
	d.Sees("From which day?")
	if n := len(uitest.Find(d.Desk, func(b *widgets.Button) bool { return b.Icon == "more" })); n != 0 {
		t.Errorf("%d dates of another backup can be changed", n)
	}
}

func TestUploadLimitInSettings(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	d.nav("Settings")
	d.pick("1 MB/s")
	d.Until("the limit", func() bool { return d.core.Status().UploadLimit == 1_000_000 })
	d.pick("From 8 to 18 o’clock")
	d.Until("the hours", func() bool { return d.core.Status().UploadHours == core.Hours{From: 8, To: 18} })
	if l := d.core.Status().UploadLimit; l != 1_000_000 {
		t.Errorf("the limit is %d", l)
	}
	d.nav("Backup")
	d.nav("Settings")
	d.pick("No limit") // the list that shows the limit in use is the same
	d.Until("no limit", func() bool { return d.core.Status().UploadLimit == 0 })
}

// Message programs are offered with their size and a warning until they are chosen.
func TestMessageProgramsAreOffered(t *testing.T) {
	d := sit(t, t.TempDir(), nil)
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	signal := filepath.Join(t.TempDir(), "Signal")
	if err := os.MkdirAll(signal, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(signal, "db.sqlite"), make([]byte, 3_000_000), 0o600); err != nil {
		t.Fatal(err)
	}
	d.ui.sources.FindApps = func() []core.FoundApp {
		return []core.FoundApp{{ID: "signal", Name: "Signal", Paths: []string{signal}}}
	}
	d.row("What").Tapped(nil)
	d.Sees("3 MB")
	d.Sees("keyring")
	test.Tap(trailing[*widgets.Button](d, "Signal"))
	d.Loop.Drain()
	if n := len(uitest.Find(d.Desk, func(r *widgets.SettingRow) bool { return r.Title() == "Signal" })); n != 1 ||
		d.row("Signal").Value() != signal {
		t.Errorf("Signal is shown %d times, with %q", n, d.row("Signal").Value())
	}
	d.press("Save")
	d.Until("the sources", func() bool { return len(d.core.Status().Sources) == 2 })
	d.Sees("Back up now")
	d.row("What").Tapped(nil)
	d.Loop.Drain()
	if n := len(uitest.Find(d.Desk, func(r *widgets.SettingRow) bool { return r.Title() == "Signal" })); n != 1 {
		t.Errorf("Signal is chosen and shown %d times", n)
	}
}
