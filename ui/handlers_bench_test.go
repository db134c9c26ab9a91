package ui

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// BenchmarkPages is how long the window's goroutine is kept by a change of the
// page: building it, measuring its texts and laying it out, all but the drawing.
//
//	go test ./ui -run '^$' -bench Pages
func BenchmarkPages(b *testing.B) {
	b.Setenv("HOME", b.TempDir())
	profile := b.TempDir()
	a, err := core.Open(context.Background(), core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // nothing was written
	now := time.Now()
	s := &stage{App: a}
	for i := range 1000 {
		end := now.Add(-time.Duration(i) * time.Hour)
		s.runs = append(s.runs, core.Run{ID: fmt.Sprint(i), Kind: core.RunBackup, Started: end.Add(-time.Minute), Ended: end,
			Outcome: core.OutcomeDone, Snapshot: "9f3c2b7d1e4a55", Files: 12431, Bytes: 2_100_000_000})
	}
	s.status = core.Status{
		SetUp: true, Destination: "/media/anna/Backup disk/Holdfast",
		Sources:    []string{"/home/anna/Documents", "/home/anna/Signal", "/home/anna/Pictures"},
		Protection: core.ProtectionKey, KeyConfirmed: now, LastBackup: &s.runs[0], LastGood: &s.runs[0],
		Schedule: core.Schedule{Every: core.Daily},
	}
	l := newLoop()
	u := New(Params{Fyne: test.NewTempApp(b), Login: &atLogin{}, Core: s.core(), Profile: profile, Do: l.Do})
	defer func() { u.w.Work.Stop(); u.w.Work.Wait(); u.restore.Screen.Close() }()
	uitest.LastWindow().Resize(fyne.NewSize(1000, 700))
	d := &desk{Desk: &uitest.Desk{T: b, Loop: l}, ui: u}
	for _, page := range []struct {
		name string
		show func()
	}{
		{"Backup", func() { u.w.Open(u.home.Screen) }},
		{"Restore", func() { u.w.Open(u.restore.Screen) }},
		{"Activity", func() { u.w.Open(u.activity.Screen) }},
		{"Run", func() {
			u.w.Open(u.activity.Screen)
			uitest.Find(d.Desk, func(*widgets.SettingRow) bool { return true })[7].Tapped(nil)
		}},
		{"Settings", func() { u.w.Open(u.settings.Screen) }},
		{"Schedule", func() { u.schedule.Edit() }},
		{"OlderDates", func() { u.schedule.EditRetention() }},
		{"Sources", func() { u.sources.Edit() }},
		{"Welcome", func() { u.w.Flow(u.setup.Welcome()) }},
		{"SetupWhat", u.setup.Begin},
		{"Key", func() { u.secret.ShowKey(); d.Sees("This is your key") }},
	} {
		b.Run(page.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				page.show()
				l.Drain()
			}
		})
	}
}
