package words

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/places"
)

// codes reads the table of codes out of core's source: a new one must not
// wait for somebody to meet it.
func codes(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../core/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "codes" {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			code, err := strconv.Unquote(e.(*ast.CompositeLit).Elts[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, code)
		}
		return false
	})
	if len(out) < 20 {
		t.Fatalf("only %d codes were found in core/errors.go", len(out))
	}
	return out
}

func TestEveryCodeHasASentence(t *testing.T) {
	for _, code := range codes(t) {
		if _, ok := sentences[code]; !ok {
			t.Errorf("core error code %q has no sentence", code)
		}
		s := For(fmt.Errorf("somewhere: %w", core.ErrorOf(code)))
		if s.Code != code || s.What == "" || s.Do == "" {
			t.Errorf("%q is worded %+v", code, s)
		}
	}
}

func TestSentencesKeepTheVoice(t *testing.T) {
	spoken := map[string]Sentence{"malformed": For(backupkey.ErrMalformed), "unknown": For(errors.New("x"))}
	for _, code := range codes(t) {
		spoken[code] = For(core.ErrorOf(code))
	}
	later := time.Now().Add(time.Hour)
	for name, v := range map[string]*core.VaultError{
		"wrong, 5": {Kind: core.ErrWrongPassword, GuessesLeft: 5}, "wrong, 1": {Kind: core.ErrWrongPassword, GuessesLeft: 1},
		"wrong, untold": {Kind: core.ErrWrongPassword, GuessesLeft: -1}, "last": {Kind: core.ErrPasswordGone, LastGuess: true},
		"gone": {Kind: core.ErrPasswordGone}, "restored": {Kind: core.ErrPasswordGone, Restored: true},
		"wait": {Kind: core.ErrVaultWait, Until: later},
	} {
		spoken[name] = For(v)
	}
	for name, s := range spoken {
		for _, text := range []string{s.What, s.Safe, s.Do} {
			for _, word := range []string{"error", "fail", "invalid", "illegal", "fatal", "sorry", "please", "{{", "  "} {
				if strings.Contains(strings.ToLower(text), word) {
					t.Errorf("%q says %q: %s", name, word, text)
				}
			}
			if text != "" && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
				t.Errorf("%q does not end its sentence: %s", name, text)
			}
		}
	}
	if s := spoken["wrong, 5"].What; !strings.Contains(s, "5 guesses left") || strings.Contains(spoken["wrong, untold"].What, "left") {
		t.Errorf("guesses are told wrongly: %s", s)
	}
	if s := spoken["wait"].What; !strings.Contains(s, later.Local().Format("15:04:05")) {
		t.Errorf("not told until when: %s", s)
	}
}

func TestUnknownErrorsShowNoRawText(t *testing.T) {
	s := For(errors.New("ioctl 0x41: EUCLEAN"))
	if strings.Contains(s.What+s.Safe+s.Do, "EUCLEAN") || !strings.Contains(s.Details, "EUCLEAN") {
		t.Errorf("%+v", s)
	}
	if s := For(nil); s.What == "" {
		t.Error("nil has no words")
	}
}

func TestInvalidTellsWhat(t *testing.T) {
	s := For(fmt.Errorf("%w: /a/b is in /a already", core.ErrInvalid))
	if !strings.Contains(s.What, "/a/b is in /a already") || strings.Contains(s.What, "invalid") {
		t.Error(s.What)
	}
}

func TestMalformedKeys(t *testing.T) {
	_, err := backupkey.Parse([]byte("abcd 12"))
	if s := For(err); s.What != "A key has 64 digits; here are 6." || s.Code != CodeMalformedKey {
		t.Errorf("%+v", s)
	}
	_, err = backupkey.Parse([]byte("abcO"))
	if s := For(err); s.What != "Group 1 holds “O”. Did you mean the digit 0?" {
		t.Errorf("%+v", s)
	}
}

func TestTranslationIsAsked(t *testing.T) {
	w := In(func(template string, _ Values) string { return "<" + template + ">" })
	if s := w.For(core.ErrNoSpace); s.What != "<The place of your backup is full.>" {
		t.Error(s.What)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1 KB", 1500: "1.5 KB", 12_431: "12 KB",
		999_900: "1 MB", 2_100_000_000: "2.1 GB", 9_990_000: "10 MB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "less than a second", time.Second: "1 second", 90 * time.Second: "2 minutes",
		2*time.Hour + 5*time.Minute: "2 h 5 min", 50 * time.Hour: "2 days"} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	if got := (Words{}).Count(1234567); got != "1,234,567" {
		t.Error(got)
	}
	if got := (Words{}).Count(-123); got != "-123" {
		t.Error(got)
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.Local)
	for ago, want := range map[time.Time]string{
		time.Date(2026, 11, 24, 8, 2, 0, 0, time.Local):   "today 08:02",
		time.Date(2026, 11, 23, 23, 59, 0, 0, time.Local): "yesterday 23:59",
		time.Date(2026, 11, 15, 1, 0, 0, 0, time.Local):   "9 days ago",
		time.Date(2026, 3, 5, 1, 0, 0, 0, time.Local):     "5 March",
		time.Date(2025, 3, 5, 1, 0, 0, 0, time.Local):     "5 March 2025",
		time.Date(2026, 11, 24, 9, 5, 0, 0, time.Local):   "today 09:05",
	} {
		if got := Ago(ago, now); got != want {
			t.Errorf("Ago(%v) = %q, want %q", ago, got, want)
		}
	}
}

func TestSoon(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.Local)
	for to, want := range map[time.Time]string{
		now.Add(-time.Hour): "now", now.Add(5 * time.Hour): "today at 14:00", now.Add(20 * time.Hour): "tomorrow at 05:00",
		time.Date(2026, 11, 27, 14, 0, 0, 0, time.Local): "on Friday at 14:00",
		time.Date(2026, 12, 12, 14, 0, 0, 0, time.Local): "on 12 December at 14:00",
	} {
		if got := (Words{}).Soon(to, now); got != want {
			t.Errorf("Soon(%v) = %q, want %q", to, got, want)
		}
	}
}

func TestReasonsShowNoRawText(t *testing.T) {
	for raw, want := range map[string]string{
		"no permission":                       "Its access rights keep Holdfast out. Look whom it belongs to.",
		"read /a: input/output error":         "The disk gave an error. Look whether it is failing.",
		"lgetxattr /a: operation not EUCLEAN": "The system refused it. The details say more.",
		(&fs.PathError{Op: "openat", Path: "/a", Err: syscall.EROFS}).Error(): "Its disk is read-only, so Holdfast cannot write there.",
	} {
		if got := (Words{}).Reason(raw); got != want {
			t.Errorf("%q is worded %q", raw, got)
		}
	}
}

// A place that may not be used is named, with what is the matter.
func TestPermissionTellsWhatIsTheMatter(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{core.ErrPermission, "Holdfast has no right to use this place."},
		{&fs.PathError{Op: "mkdir", Path: "/a", Err: syscall.EACCES}, "Holdfast has no right to use /a."},
		{syscall.EROFS, "Holdfast cannot write to this place: it is read-only."},
		{&fs.PathError{Op: "mkdir", Path: "/a", Err: syscall.EROFS}, "Holdfast cannot write to /a: it is read-only."},
	} {
		if s := For(fmt.Errorf("%w: %w", core.ErrPermission, c.err)); s.What != c.want {
			t.Errorf("%v is worded %q", c.err, s.What)
		}
	}
}

// A time limit says nothing of who did not answer: a vault that hangs is not a disk that is away.
func TestNothingIsGuessedFromATimeLimit(t *testing.T) {
	w := In(func(template string, _ Values) string { return template })
	late := fmt.Errorf("post: %w", context.DeadlineExceeded)
	for want, err := range map[string]error{
		"vault-unreachable": &core.VaultError{Kind: core.ErrVaultUnreachable, Cause: late},
		"destination-gone":  fmt.Errorf("%w: %w", core.ErrDestinationGone, late),
		"no-keyring":        fmt.Errorf("%w: %w", core.ErrNoKeyring, late),
		"no-answer":         late,
	} {
		if s := w.For(err); s.Code != want || s.What == "" {
			t.Errorf("%v is told as %q: %s", err, s.Code, s.What)
		}
	}
}

// Every step of long work has a name, the same in the window and on a terminal.
func TestEveryStepHasAName(t *testing.T) {
	for _, s := range []core.Step{
		core.StepPreparing, core.StepBackingUp, core.StepFinishing, core.StepProving, core.StepMoving, core.StepDeleting, core.StepRestoring,
		core.StepChecking,
	} {
		if (Words{}).Step(s) == "" {
			t.Errorf("%s has none", s)
		}
	}
}

func TestPlaceFacts(t *testing.T) {
	if got := PlaceFacts(places.Facts{}); len(got) != 0 {
		t.Errorf("of a place of which nothing is known: %q", got)
	}
	got := strings.Join(PlaceFacts(places.Facts{Deletes: "as-set", PaidDays: 90, ByTimes: true}), " ")
	for _, want := range []string{"versions or a bin", "paid for 90 days", "by the times of the service"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said in %q", want, got)
		}
	}
}
