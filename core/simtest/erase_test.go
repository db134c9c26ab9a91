package simtest

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/core/backup"
	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/erase"
)

// erase takes a file or a folder out of the snapshots of this profile's computer, or of all.
func (s *schedule) erase(ctx context.Context, p *profile, repository *repo.Repository, r *rand.Rand) error {
	host := p.of.host
	held := make(map[string]bool)
	s.mu.Lock()
	for _, rec := range s.records {
		if rec.files != nil && (rec.host == host || !rec.mayBeGone()) {
			for f := range rec.files {
				held[f] = true
			}
		}
	}
	s.mu.Unlock()
	if len(held) == 0 {
		return errors.New("nothing to erase")
	}
	paths := slices.Sorted(maps.Keys(held))
	erased := paths[r.IntN(len(paths))]
	if r.IntN(4) == 0 {
		erased = path.Dir(erased)
	}
	of := func(h string) bool { return h == host }
	if r.IntN(3) == 0 {
		of = func(string) bool { return true }
	}
	s.mu.Lock()
	e := &erasure{}
	for _, rec := range s.records {
		e.meets(rec)
	}
	s.erasures[e] = true
	s.mu.Unlock()
	out, err := erase.Run(ctx, repository, erase.Options{
		Paths: []string{erased}, Of: func(snap *repo.Snapshot) bool { return of(snap.Host) }, PackBytes: 48 << 10,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.erasures, e)
	if err != nil && !errors.Is(err, repo.ErrNoEntry) {
		s.cutErasures++
		return err // which of them were replaced, nobody can say
	}
	for _, rec := range e.met {
		rec.erasing--
	}
	for old, fresh := range out.Replaced {
		s.log("profile %d: %.8s without %s is %.8s", p.number, old, erased, fresh)
		now := &record{era: s.era}
		if seen := s.records[fresh]; seen != nil {
			now.gone = seen.gone
		}
		if was := s.records[old]; was != nil && was.files != nil {
			now.host, now.files = was.host, make(map[string][]byte)
			for f, b := range was.files {
				if !of(was.host) || f != erased && !strings.HasPrefix(f, erased+"/") {
					now.files[f] = b
				}
			}
		}
		s.records[fresh] = now
		s.forget(old)
	}
	for _, old := range out.Removed {
		s.forget(old)
	}
	return errors.Join(err, os.RemoveAll(p.cache), os.RemoveAll(backup.PagesDir(p.cache)))
}

// erasure is one under way, with the snapshots that it may replace.
type erasure struct{ met []*record }

func (e *erasure) meets(rec *record) {
	e.met = append(e.met, rec)
	rec.erasing++
}

// forget notes that a snapshot is gone, perhaps before it was reported.
func (s *schedule) forget(n repo.Name) {
	if s.records[n] == nil {
		s.records[n] = &record{}
	}
	s.records[n].gone = true
}
