package core

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/source"
)

// errMoved: the folder was on another disk at the last backup.
var errMoved = errors.New("this folder is on another disk than at the last backup")

// heldBefore returns how many files each source held at the last backup that held it, by path.
func (a *App) heldBefore() map[string]int64 {
	held := make(map[string]int64)
	for _, s := range a.profile.Settings().SourceStates {
		held[string(s.Path)] = s.Files
	}
	return held
}

// sourceStates returns what the settings are to remember of the sources after a backup that found these files, and
// a problem for each source that is on another disk than before.
func (a *App) sourceStates(ctx context.Context, found map[string]int64) ([]profile.SourceState, []backup.Problem) {
	var moved []backup.Problem
	states := slices.Clone(a.profile.Settings().SourceStates)
	for _, path := range slices.Sorted(maps.Keys(found)) {
		disk, _ := source.Answer(ctx, path, func() (string, error) { return source.Disk(path), nil }) // "" where that is not known
		now := profile.SourceState{Path: profile.Bytes(path), Files: found[path], Disk: disk}
		at := slices.IndexFunc(states, func(s profile.SourceState) bool { return string(s.Path) == path })
		if at < 0 {
			states = append(states, now)
			continue
		}
		if before := states[at]; before.Disk != "" && now.Disk != "" && before.Disk != now.Disk {
			moved = append(moved, backup.Problem{Path: path, Err: errMoved})
		}
		states[at] = now
	}
	return states, moved
}

// AcceptEmpty remembers that sources that hold no file any more are really empty, so that the next backup keeps them so. They are
// named as Run.Emptied has them; none: all of them.
// Errors: ErrNotSetUp.
func (a *App) AcceptEmpty(sources ...string) error {
	set := a.profile.Settings()
	if set.Repository == "" {
		return ErrNotSetUp
	}
	return a.profile.Update(func(s *profile.Settings) {
		s.SourceStates = slices.Clone(s.SourceStates)
		for i := range s.SourceStates {
			if len(sources) == 0 || slices.Contains(sources, DisplayName(string(s.SourceStates[i].Path))) {
				s.SourceStates[i].Files = 0
			}
		}
	})
}
