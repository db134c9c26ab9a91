package core

import (
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/retention"
)

// Retention says which backups a prune keeps.
type Retention = retention.Rules

// KeepReason is a rule that keeps a backup; the package retention has them.
type KeepReason = retention.Reason

// DefaultRetention keeps everything of two days, one a day for a month, one a
// week for a quarter, one a month for two years, and one a year.
func DefaultRetention() Retention { return retention.Default() }

// Retention returns the rules in use.
func (a *App) Retention() Retention {
	if r := a.profile.Settings().Retention; r != nil {
		return Retention(*r)
	}
	return DefaultRetention()
}

// SetRetention changes the rules for the next prune. Errors: ErrInvalid.
func (a *App) SetRetention(r Retention) error {
	if err := r.Check(); err != nil {
		return raise(err)
	}
	kept := profile.Retention(r)
	return a.profile.Update(func(s *profile.Settings) { s.Retention = &kept })
}
