package widgets

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/holdfast-backup/holdfast/ui/theme"
)

// TestGolden holds what each piece is drawn of against testdata, in light and
// dark: positions, sizes, colours and texts, which do not depend on the host.
// After a change that is meant, copy testdata/failed over testdata.
func TestGolden(t *testing.T) {
	for look, appearance := range map[string]theme.Appearance{"light": theme.Light, "dark": theme.Dark} {
		for name, p := range pieces() {
			t.Run(name+"_"+look, func(t *testing.T) {
				test.NewTempApp(t).Settings().SetTheme(theme.New(appearance))
				w := test.NewTempWindow(t, p.make())
				w.SetPadded(false)
				w.Resize(p.size)
				test.AssertRendersToMarkup(t, name+"_"+look+".xml", w.Canvas())
			})
		}
	}
}

// What was not seen for a minute loses its renderers to the toolkit's
// housekeeping. It must look the same when it comes back.
func TestForgottenPiecesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light))
		w := test.NewTempWindow(t, Gap())
		w.Canvas().Capture() // the housekeeping goes by the bubble's clock from now on
		all := Column(theme.Space4)
		for _, name := range slices.Sorted(maps.Keys(pieces())) {
			if name != "group_check" { // its field is the toolkit's own, and has this fault
				all.Add(pieces()[name].make())
			}
		}
		w.SetContent(all)
		w.Resize(fyne.NewSize(700, 1600))
		before := test.RenderToMarkup(w.Canvas())
		time.Sleep(2 * time.Minute) //nolint:forbidigo // the bubble's clock
		w.Canvas().Capture()
		if after := test.RenderToMarkup(w.Canvas()); after != before {
			t.Errorf("after two minutes it is\n%s\nand was\n%s", after, before)
		}
	})
}

type piece struct {
	size fyne.Size
	make func() fyne.CanvasObject
}

// pieces are all pieces in one state each.
func pieces() map[string]piece {
	return map[string]piece{
		"status_hero": {fyne.NewSize(600, 140), func() fyne.CanvasObject {
			h := NewStatusHero(NewButton("Back up now", "backup", Main, nil), nil)
			h.Set(ToneGood, "check", "Backed up", "Today 14:02 · 12,431 files · 2.1 GB")
			return h
		}},
		"setting_row": {fyne.NewSize(500, 72), func() fyne.CanvasObject {
			r := NewSettingRow("folder", "What", nil, func() {}).SetValue("Documents, Pictures").SetNote("2.1 GB")
			return r
		}},
		"step_header": {fyne.NewSize(700, 44),
			func() fyne.CanvasObject { return NewStepHeader("Back", "End-to-end encryption", 2, 5, func() {}) }},
		"key_grid": {fyne.NewSize(500, 200), func() fyne.CanvasObject {
			g := NewKeyGrid()
			var groups [][]byte
			for i := range 16 {
				groups = append(groups, fmt.Appendf(nil, "%02x%02x", i, 255-i))
			}
			g.SetGroups(groups)
			return g
		}},
		"group_check": {fyne.NewSize(400, 90), func() fyne.CanvasObject {
			c := NewGroupCheck("Group 7", nil, func() {})
			c.Mark("check", ToneGood, "That is right.")
			return c
		}},
		"progress_panel": {fyne.NewSize(560, 180), func() fyne.CanvasObject {
			p := NewProgressPanel("Pause", "Go on", "Cancel", func() {}, func() {})
			p.Set(ProgressState{Step: "Backing up", Share: 0.59, Percent: "59 %", Amount: "1.2 GB of 2.1 GB", Speed: "41 MB per second",
				Left: "21 seconds left", Path: "/home/anna/Pictures/IMG_2231.jpg"})
			return p
		}},
		"error_panel": {fyne.NewSize(560, 190), func() fyne.CanvasObject {
			return NewErrorPanel(Trouble{What: "The place of your backup is full.", Safe: "Nothing was lost.", Do: "Free some space.",
				Details: "no space left on device"},
				ErrorLabels{"Show details", "Hide details", "Copy details"}, func(string) {})
		}},
		"choices": {fyne.NewSize(500, 190), func() fyne.CanvasObject {
			return NewChoices(0, [2]string{"Keep what is there", "Files that exist stay as they are."},
				[2]string{"Keep both", "The restored file is put beside it."})
		}},
		"strength_meter": {fyne.NewSize(400, 40), func() fyne.CanvasObject {
			m := NewStrengthMeter()
			m.Set(3, ToneGood, "check", "Good.")
			return m
		}},
		"guess_meter": {fyne.NewSize(500, 30), func() fyne.CanvasObject {
			m := NewGuessMeter("Asking the vault…")
			m.Set(7, 10, ToneNeutral, "7 guesses left")
			return m
		}},
		"empty_state": {fyne.NewSize(500, 300), func() fyne.CanvasObject {
			return NewEmptyState("activity", "Nothing has happened yet", "Backups are listed here.", nil)
		}},
	}
}
