package ui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// BenchmarkRestoreTree is the time from the choice of a date, of a backup of 100,000
// files, until their tree stands there, laid out; with the reading, without the drawing.
//
//	go test ./ui -run '^$' -bench RestoreTree
func BenchmarkRestoreTree(b *testing.B) {
	for _, shape := range []struct {
		name           string
		folders, files int
	}{{"in1000folders", 1000, 100}, {"inOneFolder", 1, 100_000}} {
		b.Run(shape.name, func(b *testing.B) {
			b.Setenv("HOME", b.TempDir())
			ctx, profile, dir := context.Background(), b.TempDir(), filepath.Join(b.TempDir(), "Documents")
			for folder := range shape.folders {
				path := dir
				if shape.folders > 1 {
					path = filepath.Join(dir, fmt.Sprintf("folder %04d", folder))
				}
				if err := os.MkdirAll(path, 0o700); err != nil {
					b.Fatal(err)
				}
				for i := range shape.files {
					if err := os.WriteFile(filepath.Join(path, fmt.Sprintf("letter %06d.txt", i)), []byte{byte(i)}, 0o600); err != nil {
						b.Fatal(err)
					}
				}
			}
			a, err := core.Open(ctx, core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")}})
			if err != nil {
				b.Fatal(err)
			}
			defer a.Close() //nolint:errcheck // a stage set
			if err := a.Setup(ctx, core.SetupRequest{Destination: filepath.Join(b.TempDir(), "Holdfast"), Sources: []string{dir},
				Key: exampleKey()}); err != nil {
				b.Fatal(err)
			}
			if _, err := a.Backup(ctx, nil); err != nil {
				b.Fatal(err)
			}
			l := newLoop()
			u := New(Params{Fyne: test.NewTempApp(b), Login: &atLogin{}, Core: CoreOf(a), Profile: profile, Do: l.Do})
			defer func() { u.w.Work.Stop(); u.w.Work.Wait(); u.restore.Screen.Close() }()
			uitest.LastWindow().Resize(fyne.NewSize(1000, 700))
			u.w.Open(u.restore.Screen)
			d := &uitest.Desk{T: b, Loop: l}
			uitest.One(d, "door", func(c *widgets.Choice) bool { return c.Title() == "This backup" }).Tapped(nil)
			d.Sees("newest")
			b.ReportAllocs()
			for b.Loop() {
				uitest.One(d, "date", func(r *widgets.SettingRow) bool { return strings.HasSuffix(r.Title(), "newest") }).Tapped(nil)
				for len(uitest.Find(d, func(x *widgets.Text) bool {
					return slices.Contains([]string{"folder 0000", "letter 000000.txt"}, x.Text)
				})) == 0 {
					<-l.Wake
					l.Drain()
				}
				b.StopTimer()
				uitest.One(d, "way back", func(x *widgets.Button) bool { return x.Text == "Back" }).Tapped(nil)
				b.StartTimer()
			}
		})
	}
}
