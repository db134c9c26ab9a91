package simtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/repo/prune"
	"github.com/holdfast-backup/holdfast/core/retention"
)

// computer is a computer with folders and a clock.
type computer struct {
	host    string
	folders []*folder
	ahead   time.Duration // its clock, years at times
}

// folder is a source, on a disk that comes and goes.
type folder struct {
	name string
	path string
	disk place
}

// place is where a folder's disk is.
type place int

const (
	diskHere  place = iota
	diskGone        // its path is not there
	diskEmpty       // its mount point is left
)

// away is where a folder is meanwhile.
func (f *folder) away() string { return f.path + ".away" }

// move lets a disk come or go.
func (f *folder) move(to place) error {
	if f.disk == to {
		return nil
	}
	var err error
	switch f.disk {
	case diskHere:
		err = os.Rename(f.path, f.away())
	case diskEmpty:
		err = os.Remove(f.path)
	}
	switch to {
	case diskHere:
		err = errors.Join(err, os.Rename(f.away(), f.path))
	case diskEmpty:
		err = errors.Join(err, os.Mkdir(f.path, 0o700))
	}
	f.disk = to
	return err
}

// profile is one of a computer's profiles. What it remembers lives through a
// crash; what is in its process does not.
type profile struct {
	of       *computer
	number   int
	folders  []*folder // its sources
	cache    string
	seen     prune.State
	writer   repo.Profile
	sequence uint64
	held     map[string]int64 // files in each source at its last backup
	rules    retention.Rules
	sleeps   int           // turns for which none of its calls goes on
	offset   time.Duration // of the clock by which it prunes, beyond its computer's
}

// by is the time by which a profile prunes.
func (s *schedule) by(p *profile) time.Time { return s.now().Add(p.of.ahead + p.offset) }

// newComputers makes some, of which some have two profiles.
func (s *schedule) newComputers() {
	r := s.rand
	for i := range 2 + r.IntN(2) {
		c := &computer{host: fmt.Sprint(i)}
		for k := range 1 + r.IntN(3) {
			f := &folder{name: []string{"files", "disk", "card"}[k]}
			f.path = filepath.Join(s.dir, c.host, f.name)
			if err := os.MkdirAll(f.path, 0o700); err != nil {
				s.t.Fatal(err)
			}
			c.folders = append(c.folders, f)
		}
		s.computers = append(s.computers, c)
		for range 1 + r.IntN(3)/2 {
			p := &profile{of: c, number: len(s.profiles), writer: repo.Profile{byte(len(s.profiles) + 1)}, held: make(map[string]int64)}
			p.cache = filepath.Join(s.dir, c.host, fmt.Sprint("changes-", p.number))
			for _, k := range r.Perm(len(c.folders))[:1+r.IntN(len(c.folders))] {
				p.folders = append(p.folders, c.folders[k])
			}
			p.rules = retention.Rules{Last: r.IntN(3), Hourly: r.IntN(3), Daily: r.IntN(3), Weekly: r.IntN(3), Monthly: r.IntN(2), Yearly: r.IntN(2)}
			if r.IntN(3) == 0 || p.rules == (retention.Rules{}) {
				p.rules.Within = time.Duration(1+r.IntN(20*24)) * time.Hour
			}
			s.profiles = append(s.profiles, p)
		}
	}
}

// dawn is what happens to a computer between two rounds: its files change, its disks come and go, and its clock may be wrong by
// years from now on, or right again.
func (s *schedule) dawn(c *computer) {
	r := rand.New(rand.NewPCG(s.rand.Uint64(), 2))
	c.ahead = 0
	if r.IntN(5) == 0 {
		c.ahead = time.Duration(r.IntN(30*365)-15*365) * 24 * time.Hour
		s.log("computer %s: its clock is wrong by %v", c.host, c.ahead)
	}
	for _, f := range c.folders {
		var err error
		if f.disk == diskHere {
			for range 1 + r.IntN(4) {
				s.edit(f, r)
			}
			if s.database && f == c.folders[0] {
				s.editDatabase(f, r)
			}
			if r.IntN(5) == 0 {
				err = f.move(diskGone + place(r.IntN(2)))
			}
		} else if r.IntN(2) == 0 {
			err = f.move(diskHere)
		}
		if err != nil {
			s.t.Errorf("moving a disk: %v", err)
		}
		if f.disk != diskHere {
			s.log("computer %s: %s is away", c.host, f.name)
		}
	}
}

// edit changes the files a little. Every write is a new file of another size.
func (s *schedule) edit(f *folder, r *rand.Rand) {
	dir := filepath.Join(f.path, []string{"", "a", "a/b", "c"}[r.IntN(4)])
	name := filepath.Join(dir, fmt.Sprint(r.IntN(5)))
	var err error
	if r.IntN(4) == 0 {
		err = os.RemoveAll([]string{name, name, dir}[r.IntN(3)])
		err = errors.Join(err, os.MkdirAll(f.path, 0o700))
	} else {
		err = errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(name+".tmp", s.blobs[r.IntN(len(s.blobs))], 0o600), os.Rename(name+".tmp", name))
	}
	if err != nil {
		s.t.Errorf("editing: %v", err)
	}
}

// editDatabase changes pages of a database, which grows by one.
func (s *schedule) editDatabase(f *folder, r *rand.Rand) {
	const page, pages = 4096, 300
	name := filepath.Join(f.path, "db")
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		b, err = make([]byte, pages*page), nil
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		copy(b, "SQLite format 3\x00\x10\x00")
	}
	b = append(b, s.blobs[len(s.blobs)-1][:page]...)
	for range r.IntN(40) {
		b[page+r.IntN(len(b)-page)]++
	}
	if err = errors.Join(err, os.WriteFile(name+".tmp", b, 0o600), os.Rename(name+".tmp", name)); err != nil {
		s.t.Errorf("editing the database: %v", err)
	}
}

// expected is what a backup of a profile is to hold now: the files, and the sources, of which those that have lost everything are
// left out.
func (p *profile) expected() (files map[string][]byte, sources []string, err error) {
	files = make(map[string][]byte)
	for _, f := range p.folders {
		found, err := tree(f)
		if err != nil {
			return nil, nil, err
		}
		if f.disk == diskGone || len(found) == 0 && p.held[f.path] > 0 {
			continue
		}
		sources = append(sources, f.path)
		maps.Copy(files, found)
	}
	return files, sources, nil
}

func tree(f *folder) (map[string][]byte, error) {
	out := make(map[string][]byte)
	if f.disk == diskGone {
		return out, nil
	}
	err := filepath.WalkDir(f.path, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(f.path, path)
		if err != nil {
			return err
		}
		out[f.name+"/"+rel], err = os.ReadFile(path)
		return err
	})
	return out, err
}

func same(want, got map[string][]byte) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d files, not %d: %q, not %q", len(got), len(want), slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for path, b := range want {
		if g, ok := got[path]; !ok || !bytes.Equal(b, g) {
			return fmt.Errorf("%s has %d bytes, not %d, or others", path, len(g), len(b))
		}
	}
	return nil
}
