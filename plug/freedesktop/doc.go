// Package freedesktop speaks to a Linux or BSD desktop over the session's bus:
// the portal's file dialogs and its choice of light or dark, and notifications
// that can be clicked. Elsewhere, and where nobody answers, it says so, and the
// toolkit's own ways are used.
//
// Each part has a connection of its own: the one that the bus's library shares
// gives every signal to everybody, and ends when the panel's icon goes.
package freedesktop

import "errors"

// ErrNoPortal: this desktop has no file dialogs to offer.
var ErrNoPortal = errors.New("no portal answers")
