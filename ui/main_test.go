package ui

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The tests read English. The toolkit speaks the system's language, which it
// learns from these, and complains of the locale C.
func TestMain(m *testing.M) {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANGUAGE"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	if err := os.Setenv("LANG", "en_US.UTF-8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(reporting{m})
}

// atEnd runs after all tests.
var atEnd []func()

// reporting tells at the end of a verbose run which handlers took longest.
type reporting struct{ *testing.M }

func (r reporting) Run() int {
	code := r.M.Run()
	for _, f := range atEnd {
		f()
	}
	if testing.Verbose() {
		handlers.report(os.Stderr)
	}
	return code
}
