package ui

import (
	"os"
	"testing"
	"time"

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
	noon()
	goleak.VerifyTestMain(reporting{m})
}

// noon chooses a time zone in which it is about noon. Tests speak of today and let hours pass: they must
// not depend on when they run.
func noon() {
	ahead := 12 - time.Now().UTC().Hour()
	time.Local = time.FixedZone("noon", ahead*60*60)
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
