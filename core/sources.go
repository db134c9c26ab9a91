package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/profile"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/source"
)

// counted is what Estimate counted last.
type counted struct {
	sources, excludes []string
	files, bytes      int64
}

// SetSources changes what is backed up, from the next backup on.
// Errors: ErrNotSetUp, ErrInvalid.
func (a *App) SetSources(ctx context.Context, sources, excludes []string) error {
	settings := a.profile.Settings()
	if settings.Repository == "" {
		return ErrNotSetUp
	}
	clean, err := cleanSources(ctx, sources, settings.Destination)
	if err != nil {
		return err
	}
	if _, err := source.ReadExclude(excludes); err != nil {
		return raise(err)
	}
	return a.profile.Update(func(s *profile.Settings) { s.Sources, s.Excludes = clean, slices.Clone(excludes) })
}

// Estimate counts files and bytes of what would be backed up.
func (a *App) Estimate(ctx context.Context, sources, excludes []string, progress func(files, bytes int64)) (files, bytes int64, err error) {
	x, err := source.ReadExclude(excludes)
	if err != nil {
		return 0, 0, raise(err)
	}
	files, bytes, err = source.Estimate(ctx, sources, x, progress)
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.counted = counted{slices.Clone(sources), slices.Clone(excludes), files, bytes}
	}
	return files, bytes, err
}

// countedOf returns what Estimate counted last, if it was of these sources.
func (a *App) countedOf(sources, excludes []string) (files, bytes int64, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.counted
	return c.files, c.bytes, c.files > 0 && slices.Equal(c.sources, sources) && slices.Equal(c.excludes, excludes)
}

// FoundApp is a program whose files on this computer are worth keeping. ID is
// one of signal, telegram, telegram-export, whatsapp, whatsapp-export, element,
// thunderbird, messages.
type FoundApp = source.App

// UsualFolders are the folders that are there and that most people have something in.
func UsualFolders() []string { return source.Usual() }

// FindApps returns the message programs that have files on this computer.
func FindApps() []FoundApp { return source.FindApps() }

// Preset is a group of exclusions; put "preset:" and its ID among the excludes.
type Preset struct{ ID, Title string }

// Presets returns the groups of exclusions on offer.
func Presets() []Preset {
	var out []Preset
	for _, p := range source.Presets() {
		out = append(out, Preset{p.ID, p.Title})
	}
	return out
}

// cleanSources makes the paths absolute and refuses what cannot work.
func cleanSources(ctx context.Context, sources []string, destination string) ([]string, error) {
	if len(sources) == 0 {
		return nil, fmt.Errorf("%w: nothing to back up", ErrInvalid)
	}
	var out []string
	for _, s := range sources {
		abs, err := filepath.Abs(s)
		if err != nil {
			return nil, err
		}
		inside, err := source.Answer(ctx, abs, func() (bool, error) {
			_, err := os.Stat(abs)
			return err == nil && liesIn(abs, destination), err
		})
		switch {
		case errors.Is(err, source.ErrNoAnswer), ctx.Err() != nil:
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrNoSource, err)
		case inside:
			return nil, &fs.PathError{Op: "backup inside of", Path: abs, Err: ErrPlaceInside}
		}
		if !slices.Contains(out, abs) {
			out = append(out, abs)
		}
	}
	for _, a := range out {
		for _, b := range out {
			if a != b && places.Within(a, b) {
				return nil, fmt.Errorf("%w: %s is in %s already", ErrInvalid, b, a)
			}
		}
	}
	return out, nil
}

// liesIn reports whether a destination is a folder or below it, as far as that can be seen.
func liesIn(folder, destination string) bool {
	return places.IsPath(destination) && (places.Within(folder, destination) || places.Holds(folder, destination))
}

// namedSources gives each source its name in the root directory: its last
// path element, made unique.
func namedSources(paths []string) []repo.Source {
	taken := make(map[string]bool)
	var out []repo.Source
	for _, p := range paths {
		base := filepath.Base(p)
		if !repo.ValidName(base) {
			base = "computer" // the root of the file system
		}
		name := base
		for i := 2; taken[name]; i++ {
			name = fmt.Sprintf("%s (%d)", base, i)
		}
		taken[name] = true
		out = append(out, repo.Source{Name: name, Path: p})
	}
	return out
}

func whoami() (host, name string) {
	host, _ = os.Hostname() // "" where unknown: it is only shown
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return host, name
}

// errMoved: the folder was on another disk at the last backup.
var errMoved = errors.New("this folder is on another disk than at the last backup")

// heldBefore returns how many files each source held at the last backup that held it, by path.
func heldBefore(set profile.Settings) map[string]int64 {
	held := make(map[string]int64)
	for _, s := range set.SourceStates {
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
