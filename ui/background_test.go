package ui

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// pass lets time pass: the scheduler looks, the computer has been awake for a
// while, and it looks again, until something begins. core's own clock stands
// still meanwhile.
func (d *desk) pass(t time.Duration) {
	d.t.Helper()
	d.clock += t
	for range 5 {
		d.ui.home.Scheduler.Tick()
		if d.ui.w.Job != nil {
			return
		}
		d.Loop.Drain()
		d.clock += core.ScheduleTick
	}
}

func (d *desk) backups() int {
	n := 0
	for _, r := range d.core.Activity() {
		if r.Kind == core.RunBackup {
			n++
		}
	}
	return n
}

// scheduled is a desk with a backup that was just made and proven, and a schedule.
func scheduled(t *testing.T, every string) (d *desk, destination string) {
	t.Helper()
	d, destination = unproven(t, every)
	d.row("Prove that").Tapped(nil)
	d.Until("the drill", func() bool { return d.ui.w.Job == nil && d.core.Status().Proven != nil })
	return d, destination
}

// unproven is a desk with a backup that was just made, and a schedule.
func unproven(t *testing.T, every string) (d *desk, destination string) {
	t.Helper()
	dir := treeOf(t, someFiles)
	destination = filepath.Join(t.TempDir(), "Holdfast")
	d = sit(t, t.TempDir(), nil)
	d.setUp(dir, destination)
	d.backUp()
	d.row("When").Tapped(nil)
	d.Sees("How often?")
	d.door(every)
	d.press("Save")
	d.Sees("What")
	return d, destination
}

func TestBackupsRunByThemselves(t *testing.T) {
	d, _ := scheduled(t, "Every hour")
	d.Sees("Every hour · next")
	d.pass(30 * time.Minute)
	if n := d.backups(); n != 1 {
		t.Fatalf("%d backups after half an hour", n)
	}
	// It sleeps for two days: what was missed is made up for once, and not at once on waking.
	d.clock += 48 * time.Hour
	d.ui.home.Scheduler.Tick()
	if d.ui.w.Job != nil {
		t.Fatal("it begins while the computer is waking")
	}
	d.pass(core.ScheduleTick)
	d.Until("the backup", func() bool { return d.backups() == 2 && d.ui.w.Job == nil })
	if len(d.told) != 0 {
		t.Errorf("a backup that worked was told of: %v", d.told)
	}
}

func TestAFailureIsToldOnceAndTriedAgain(t *testing.T) {
	d, destination := scheduled(t, "Every hour")
	if err := os.Rename(destination, destination+" unplugged"); err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= 4; n++ {
		d.pass(7 * time.Hour)
		d.Until("a try", func() bool { return d.backups() == n && d.ui.w.Job == nil })
	}
	failed := slices.DeleteFunc(slices.Clone(d.told), func(s string) bool {
		return !strings.HasPrefix(s, "The backup did not work: The place of your backup cannot be reached.")
	})
	if len(failed) != 1 {
		t.Errorf("told: %v", d.told)
	}
	d.Sees("The last backup did not work")
}

func TestOverdueIsToldOnceADay(t *testing.T) {
	d, _ := scheduled(t, "Only when you ask")
	d.pass(13 * 24 * time.Hour)
	if len(d.told) != 0 {
		t.Fatalf("told before two weeks: %v", d.told)
	}
	d.pass(2 * 24 * time.Hour)
	d.Sees("Overdue: 15 days")
	d.pass(time.Hour)
	if len(d.told) != 1 {
		t.Errorf("told: %v", d.told)
	}
	d.pass(25 * time.Hour)
	if len(d.told) != 2 {
		t.Errorf("told: %v", d.told)
	}
	if d.backups() != 1 {
		t.Error("it ran by itself")
	}
}

func TestARestoreIsTriedByItself(t *testing.T) {
	d, destination := unproven(t, "Every day")
	d.pass(0)
	if d.ui.w.Job == nil || d.ui.w.Job.Kind != core.RunDrill {
		t.Fatal("no drill began after the first backup")
	}
	d.Until("the drill", func() bool { return d.ui.w.Job == nil })
	d.Sees("Proven restorable")
	d.pass(time.Hour)
	if d.ui.w.Job != nil {
		t.Fatal("it tries again at once")
	}
	// What does not come back is red, and told.
	packs, err := filepath.Glob(filepath.Join(destination, "packs", "*", "*"))
	if err != nil || len(packs) == 0 {
		t.Fatal("no packs", err)
	}
	for _, p := range packs {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	d.row("Proven restorable").Tapped(nil)
	d.Until("the drill", func() bool { return d.ui.w.Job == nil })
	d.Sees("did not come back today")
	d.Sees("Part of the backup cannot be restored")
	d.nav("Activity")
	d.row("Restore drill").Tapped(nil)
	d.Sees("Parts of the backup are damaged.")
}

func TestOlderDatesAreThinnedOut(t *testing.T) {
	d, _ := scheduled(t, "Only when you ask")
	for range 4 {
		d.press("Back up now")
		n := d.backups() + 1
		d.Until("a backup", func() bool { return d.ui.w.Job == nil && d.backups() >= n })
	}
	d.nav("Settings")
	d.Sees("Every date is kept.")
	d.row("Older dates").Tapped(nil)
	d.door("Thin out older dates")
	d.Sees("every date stays")
	d.press("Save")
	d.Sees("Thinned out: the older, the fewer.") // where one came from
	d.Until("the end", func() bool { return d.ui.w.Job == nil && d.core.Status().LastPrune != nil })
	d.Sees("Thinned out: the older, the fewer.")
	d.nav("Backup")
	d.ui.schedule.EditRetention() // as from an error of a full place
	d.press("Save")
	d.Sees("Check the backup")
	d.Until("the end", func() bool { return d.ui.w.Job == nil })
}

func TestTray(t *testing.T) {
	d, _ := scheduled(t, "Every day")
	if !strings.HasPrefix(d.panel.menu.Items[0].Label, "Backed up today ") {
		t.Errorf("the tray says %q", d.panel.menu.Items[0].Label)
	}
	d.panel.item("Pause until tomorrow").Action()
	d.Sees("paused until tomorrow at 06:00")
	d.panel.item("Go on backing up").Action()
	d.Until("the end of the pause", func() bool { return d.panel.item("Pause for an hour") != nil })
	d.panel.item("Pause for an hour").Action()
	d.Sees("paused until")
	d.panel.item("Back up now").Action()
	d.Until("the backup", func() bool { return d.backups() == 2 && d.ui.w.Job == nil })
	if status, quit := d.panel.menu.Items[0], d.panel.menu.Items[len(d.panel.menu.Items)-1]; !status.Disabled || !quit.IsQuit {
		t.Error("the tray's first line can be chosen, or its last does not quit")
	}
}

func TestClosingKeepsRunningAskedOnce(t *testing.T) {
	d, _ := scheduled(t, "Every hour")
	d.close()
	d.Sees("Keep backing up?")
	d.press("Keep running")
	if !d.ui.w.Hidden || d.closed {
		t.Fatal("it did not go on without a window")
	}
	d.clock += 2 * time.Hour
	d.pass(0)
	d.Until("a backup without a window", func() bool { return d.backups() == 2 && d.ui.w.Job == nil })
	go d.ui.w.Raise() // as a second start does
	d.Until("its window", func() bool { return !d.ui.w.Hidden })
	d.Until("the window", func() bool { return !d.ui.w.Hidden })
	d.close()
	if !d.ui.w.Hidden {
		t.Fatal("it asks again")
	}
	d.panel.item("Quit").Action()
	d.Until("the end", func() bool { return d.closed })
}

func TestAPauseStopsTheBackupThatRuns(t *testing.T) {
	h := &held{begun: make(chan struct{}, 1)}
	d := sit(t, t.TempDir(), func(a *core.App) Core { h.App = a; return with(a, h) })
	d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
	d.press("Later")
	h.backup = true
	d.press("Back up now")
	<-h.begun
	d.panel.item("Pause for an hour").Action()
	d.Until("the end of the backup", func() bool { return d.ui.w.Job == nil })
	d.Sees("Backup stopped")
	d.pass(30 * time.Minute)
	if d.ui.w.Job != nil {
		t.Error("it began during the pause")
	}
}

// A folder that lost all its files is asked about, and only the person's word takes it for empty.
func TestAFolderThatIsEmptyIsAskedAbout(t *testing.T) {
	dir := treeOf(t, someFiles)
	d := sit(t, t.TempDir(), nil)
	d.setUp(dir, filepath.Join(t.TempDir(), "Holdfast"))
	d.backUp()
	if err := os.Rename(dir, dir+" elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ends := func(n int) { d.Until("the backup", func() bool { return d.backups() == n && d.ui.w.Job == nil }) }
	d.press("Back up now")
	ends(2)
	d.Sees("really empty?")
	d.Sees("so no backup was made")
	d.press("Back up again")
	ends(3)
	d.Sees("really empty?")
	d.press("It is really empty")
	ends(4)
	d.Sees("Backed up")
	for _, text := range d.Texts() {
		if strings.Contains(text, "really empty") {
			t.Errorf("it asks again: %s", text)
		}
	}
}

// Backups go on after a restart, unless the person does not want that: the last page of the set-up asks, and the question when the
// window is closed.
func TestStartAtLoginIsOffered(t *testing.T) {
	const ask = "Start Holdfast when I log in, so that backups go on after a restart"
	for _, wanted := range []bool{true, false} {
		d := sit(t, t.TempDir(), nil)
		uitest.LastWindow().Resize(fyne.NewSize(1000, 700))
		login := &atLogin{}
		d.ui.w.Login = login
		d.setUp(treeOf(t, someFiles), filepath.Join(t.TempDir(), "Holdfast"))
		bottom := func(o fyne.CanvasObject) float32 {
			return fyne.CurrentApp().Driver().AbsolutePositionForObject(o).Y + o.Size().Height
		}
		check := uitest.One(d.Desk, "check", func(c *widgets.Check) bool { return c.Text == ask })
		if foot := bottom(uitest.One(d.Desk, "column that scrolls", func(*container.Scroll) bool { return true })); bottom(check) > foot {
			t.Errorf("the question ends at %v, and the foot begins at %v", bottom(check), foot)
		}
		if !wanted {
			d.check(ask)
		}
		d.press("Later")
		d.Until("the answer", func() bool { on, _ := login.Enabled(); return on == wanted })
		d.Sees("Ready for the first backup")

		d.close()
		d.Sees("Keep backing up?")
		if b, ok := d.ui.w.Canvas().Focused().(*widgets.Button); !ok || b.Text != "Keep running" {
			t.Error("the focus is not on the answer that keeps the backups going")
		}
		d.press("Keep running")
		d.Until("the answer", func() bool { on, _ := login.Enabled(); return on })
		d.leave()
	}
}
