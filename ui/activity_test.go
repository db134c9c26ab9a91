package ui

import (
	"fmt"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/uitest"
	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// remembering is a core with a history.
type remembering struct {
	App
	runs []core.Run
}

func (r *remembering) Activity() []core.Run { return r.runs }

// A thousand runs are listed by the rows that can be seen, and each of them can
// be reached, by the scroller or with Tab.
func TestAThousandRunsInTheActivity(t *testing.T) {
	var runs []core.Run
	for i := range 1000 {
		end := time.Now().Add(-time.Duration(i) * time.Hour)
		runs = append(runs, core.Run{Kind: core.RunBackup, Started: end, Ended: end, Outcome: core.OutcomeDone, Files: int64(i + 1), Bytes: 1})
	}
	// a row that is higher than the others
	runs[2].Outcome, runs[2].Code, runs[2].Error = core.OutcomeFailed, "destination-gone", "the destination cannot be reached"
	d := sit(t, t.TempDir(), func(a *core.App) Core { return with(a, &remembering{a, runs}) })
	uitest.LastWindow().Resize(smallest)
	d.ui.w.Open(d.ui.activity.Screen)

	rows := func() []*widgets.SettingRow {
		return uitest.Find(d.Desk, func(*widgets.SettingRow) bool { return true })
	}
	if n := len(rows()); n < 5 || n > 20 {
		t.Fatalf("%d rows are made", n)
	}
	if n := len(uitest.Find(d.Desk, func(*widgets.Ground) bool { return true })); n > 40 {
		t.Errorf("%d grounds are made", n)
	}
	nothingOverlaps(t, rows())

	c := d.ui.w.Canvas()
	c.Focus(rows()[0])
	for i := range 60 {
		row, ok := c.Focused().(*widgets.SettingRow)
		if want := fmt.Sprintf("%d files", i+1); i > 2 && (!ok || row.Value() != want+" · 1 byte") {
			t.Fatalf("Tab is at %T, not at %s", c.Focused(), want)
		}
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(row)
		if at.Y < 0 || at.Y+row.Size().Height > smallest.Height {
			t.Fatalf("run %d has the focus at %v, where nobody sees it", i, at)
		}
		c.FocusNext()
	}

	s := uitest.One(d.Desk, "scroller", func(*container.Scroll) bool { return true })
	s.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -1e6)})
	last := rows()[len(rows())-1]
	if last.Value() != "1,000 files · 1 byte" || len(rows()) > 20 {
		t.Errorf("at the end are %d rows, the last is %q", len(rows()), last.Value())
	}
	nothingOverlaps(t, rows())
	at := s.Offset
	last.Tapped(nil)
	d.Sees("How it ended")
	d.press("Activity")
	if s.Offset != at || len(rows()) > 20 {
		t.Errorf("back from a run the list is at %v, not at %v", s.Offset, at)
	}
}

// A folder that is away is one gap, however many files it held: no number of files is claimed.
func TestGapsInTheActivity(t *testing.T) {
	photos := core.Problem{Path: "/media/anna/Photos", Reason: "this folder holds no file any more"}
	letter := core.Problem{Path: "/home/anna/letter.txt", Reason: "permission denied"}
	run := func(kind core.RunKind, problems ...core.Problem) core.Run {
		r := core.Run{Kind: kind, Ended: time.Now(), Outcome: core.OutcomePartly, Files: 5, Bytes: 1}
		r.Problems, r.ProblemsTotal = problems, len(problems)
		return r
	}
	runs := []core.Run{run(core.RunBackup, photos), run(core.RunBackup, photos, letter), run(core.RunRestore, letter)}
	d := sit(t, t.TempDir(), func(a *core.App) Core { return with(a, &remembering{a, runs}) })
	d.ui.w.Open(d.ui.activity.Screen)
	rows := uitest.Find(d.Desk, func(*widgets.SettingRow) bool { return true })
	for i, want := range []string{"“Photos” could not be read", "2 files or folders could not be read", "with gaps"} {
		if got := rows[i].Value(); got != "5 files · 1 byte · "+want {
			t.Errorf("a run with %d gaps says %q", len(runs[i].Problems), got)
		}
	}
}

func nothingOverlaps(t *testing.T, rows []*widgets.SettingRow) {
	t.Helper()
	for i := 1; i < len(rows); i++ {
		if above := rows[i-1]; rows[i].Position().Y < above.Position().Y+above.MinSize().Height {
			t.Errorf("%q lies on %q", rows[i].Value(), above.Value())
		}
	}
}
