package shell

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// What is looked at is told apart from what is new.
func TestLookedAtIsToldApartFromNew(t *testing.T) {
	d := sit(t, t.TempDir(), Desk{})
	for want, p := range map[string]core.Progress{
		"1 MB of 2 MB looked at, 3 KB new":         {BytesDone: 1_000_000, BytesTotal: 2_000_000, BytesNew: 3000},
		"2 MB looked at, 3 KB new, still counting": {BytesDone: 2_000_000, BytesTotal: 2_000_000, BytesNew: 3000},
	} {
		p.Step = core.StepBackingUp
		if got := progressState(d.w.Words, p).Amount; got != want {
			t.Errorf("%q is said, and it is %q", got, want)
		}
	}
}
func TestTranslationsLoad(t *testing.T) {
	loadTranslations() // panics when the toolkit refuses a file
	if got := lang.L("{{.Count}} found", words.Values{"Count": "3"}); !strings.Contains(got, "3") {
		t.Error(got)
	}
}
