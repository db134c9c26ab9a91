package ui

import "github.com/holdfast-backup/holdfast/ui/widgets"

// reasonedError is trouble that a page finds by itself, in words already.
type reasonedError struct{ what, do string }

func (e reasonedError) Error() string { return e.what }

func (e reasonedError) trouble() widgets.Trouble { return widgets.Trouble{What: e.what, Do: e.do} }
