package ui

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/ui/uitest"
)

func TestMain(m *testing.M) {
	uitest.Prepare()
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
