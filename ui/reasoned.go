package ui

import (
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/ui/widgets"
)

// reasonedError is trouble that a page finds by itself, in words already.
type reasonedError struct {
	what, do string
	cause    error // for the details; may be nil
}

func (e reasonedError) Error() string { return e.what }

func (e reasonedError) trouble() widgets.Trouble {
	t := widgets.Trouble{What: e.what, Safe: lang.L("Nothing was changed."), Do: e.do}
	if e.cause != nil {
		t.Details = e.cause.Error()
	}
	return t
}
