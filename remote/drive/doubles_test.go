package drive_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// Of files with one name the oldest counts, wherever it is asked for. All of them are deleted.
func TestFilesWithOneName(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "packs/aa/1", []byte("own")))
	must(t, s.Put(t.Context(), "packs/aa/2", []byte("own")))
	d.Plant(t, "Holdfast/packs/aa/1", []byte("the oldest"), time.Hour)
	d.Plant(t, "Holdfast/packs/aa/1", []byte("younger"), time.Minute)
	d.Plant(t, "Holdfast/packs/aa/2", []byte("the youngest"), -time.Hour)
	d.Plant(t, "Holdfast/packs/aa/2", []byte("the youngest"), -time.Hour)
	s = open(t, params(t, d, "Holdfast")) // the one before may go on with the file that it knows
	for _, page := range []int{1000, 1} {
		d.Short(page)
		if got := names(t, s, "packs/"); len(got) != 2 || got["packs/aa/1"] != 10 || got["packs/aa/2"] != 3 {
			t.Errorf("in pages of %d: %v", page, got)
		}
	}
	for range 2 {
		has(t, s, "packs/aa/1", []byte("the oldest"))
		has(t, s, "packs/aa/2", []byte("own"))
		if err := s.Put(t.Context(), "packs/aa/1", []byte("own")); !errors.Is(err, store.ErrExists) {
			t.Errorf("put: %v", err)
		}
		s = open(t, params(t, d, "Holdfast")) // without a list before
	}
	must(t, s.Replace(t.Context(), "packs/aa/1", []byte("replaced")))
	has(t, open(t, params(t, d, "Holdfast")), "packs/aa/1", []byte("replaced"))
	for _, name := range []string{"packs/aa/1", "packs/aa/2"} {
		must(t, s.Delete(t.Context(), name))
		if _, err := s.Stat(t.Context(), name); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("%s, deleted: %v", name, err)
		}
	}
	if got := d.Paths(); slices.Contains(got, "Holdfast/packs/aa/1") || slices.Contains(got, "Holdfast/packs/aa/2") {
		t.Errorf("there are %v", got)
	}
}

// Until all files of a name are deleted, the object is what it was.
func TestADeleteThatFailsHalfway(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "a", []byte("counts")))
	d.Plant(t, "Holdfast/a", []byte("younger"), -time.Hour)
	n := 0
	d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		if r.Method == http.MethodDelete {
			if n++; n == 2 {
				servers.DriveSays(w, http.StatusForbidden, "insufficientFilePermissions")
				return
			}
		}
		through.ServeHTTP(w, r)
	})
	if err := s.Delete(t.Context(), "a"); !errors.Is(err, store.ErrPermission) {
		t.Errorf("delete: %v", err)
	}
	has(t, open(t, params(t, d, "Holdfast")), "a", []byte("counts"))
}

// All folders with one name are read, and the oldest is written to, also where another computer makes them later.
func TestFoldersWithOneName(t *testing.T) {
	for _, folder := range []string{"Holdfast/", "Holdfast/packs/", "Holdfast/packs/aa/"} {
		t.Run(folder, func(t *testing.T) {
			d := servers.GoogleDrive(t)
			s := open(t, params(t, d, "Holdfast"))
			must(t, s.Put(t.Context(), "packs/aa/first", []byte("x")))
			d.Plant(t, folder, nil, time.Hour) // empty
			d.Short(1)
			reopened := open(t, params(t, d, "Holdfast"))
			has(t, reopened, "packs/aa/first", []byte("x"))
			if err := reopened.Put(t.Context(), "packs/aa/first", []byte("y")); !errors.Is(err, store.ErrExists) {
				t.Errorf("put: %v", err)
			}
			must(t, reopened.Put(t.Context(), "packs/aa/second", []byte("yy")))
			if folder != "Holdfast/" { // which is looked for when it is opened
				has(t, s, "packs/aa/second", []byte("yy"))
				if got := names(t, s, "packs/aa/"); len(got) != 2 {
					t.Errorf("listed: %v", got)
				}
			}
			if got := names(t, reopened, ""); len(got) != 2 || got["packs/aa/first"] != 1 || got["packs/aa/second"] != 2 {
				t.Errorf("listed: %v", got)
			}
			must(t, reopened.Delete(t.Context(), "packs/aa/first"))
			must(t, reopened.Delete(t.Context(), "packs/aa/second"))
			if got := names(t, s, ""); len(got) != 0 {
				t.Errorf("deleted, and listed: %v", got)
			}
		})
	}
}

// together has the first uploads of n computers happen at the same moment: all have looked before that.
func together(d *servers.Drive, n int) {
	var all sync.WaitGroup
	all.Add(n)
	var mu sync.Mutex
	left := n
	d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
		mu.Lock()
		first := uploads(r) && left > 0
		if first {
			left--
		}
		mu.Unlock()
		if first {
			all.Done()
			all.Wait()
		}
		through.ServeHTTP(w, r)
	})
}

// Of computers that put one name at the same moment one wins, and what the others have sent does not stay.
func TestComputersPutOneName(t *testing.T) {
	const computers = 4
	d := servers.GoogleDrive(t)
	var all [computers]store.Store
	for i := range all {
		all[i] = open(t, params(t, d, "Holdfast"))
	}
	must(t, all[0].Put(t.Context(), "packs/aa/other", nil))
	for round, size := range []int{0, small, large} {
		name, errs := fmt.Sprint("packs/aa/", round), make([]error, computers)
		together(d, computers)
		var group sync.WaitGroup
		for i, s := range all {
			group.Go(func() { errs[i] = s.Put(t.Context(), name, append(storetest.Bytes(1, size), byte(i))) })
		}
		group.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Errorf("%d and %d won", i, winner)
			case err == nil:
				winner = i
			case !errors.Is(err, store.ErrExists):
				t.Errorf("%d: %v", i, err)
			}
		}
		if winner < 0 {
			t.Fatal("nobody won")
		}
		for _, s := range all {
			has(t, s, name, append(storetest.Bytes(1, size), byte(winner)))
		}
		if n := d.Count("Holdfast/" + name); n != 1 {
			t.Errorf("there are %d files", n)
		}
	}
}

// Computers that put into a new folder at the same moment find all of it.
func TestComputersMakeOneFolder(t *testing.T) {
	const computers = 4
	d := servers.GoogleDrive(t)
	var all [computers]store.Store
	for i := range all {
		all[i] = open(t, params(t, d, "Holdfast"))
	}
	for round := range 5 {
		var group sync.WaitGroup
		for i, s := range all {
			group.Go(func() {
				if err := s.Put(t.Context(), fmt.Sprintf("packs/%d/%d", round, i), []byte{byte(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, s := range all {
			for i := range computers {
				has(t, s, fmt.Sprintf("packs/%d/%d", round, i), []byte{byte(i)})
			}
			if got := names(t, s, fmt.Sprintf("packs/%d/", round)); len(got) != computers {
				t.Errorf("listed: %v", got)
			}
		}
	}
}

// One program makes each folder once, however many of its puts need it.
func TestAProgramMakesAFolderOnce(t *testing.T) {
	d := servers.GoogleDrive(t)
	s := open(t, params(t, d, "Holdfast"))
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			if err := s.Put(t.Context(), fmt.Sprintf("packs/%d/%d", i%3, i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, folder := range []string{"", "packs/", "packs/0/", "packs/1/", "packs/2/"} {
		if n := d.Count("Holdfast/" + folder); n != 1 {
			t.Errorf("%s is there %d times", folder, n)
		}
	}
}

// After two computers have replaced an object that was not there, all see one of the two.
func TestComputersReplaceOneName(t *testing.T) {
	d := servers.GoogleDrive(t)
	a, b := open(t, params(t, d, "Holdfast")), open(t, params(t, d, "Holdfast"))
	for round, size := range []int{1, small, large} {
		name := fmt.Sprint("keyring-", round)
		together(d, 2)
		var group sync.WaitGroup
		for i, s := range []store.Store{a, b} {
			group.Go(func() {
				if err := s.Replace(t.Context(), name, storetest.Bytes(uint64(i), size)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		got, err := store.ReadAll(t.Context(), a, name, large)
		must(t, err)
		if !slices.Equal(got, storetest.Bytes(0, size)) && !slices.Equal(got, storetest.Bytes(1, size)) {
			t.Error("neither is there")
		}
		has(t, b, name, got)
		has(t, open(t, params(t, d, "Holdfast")), name, got)
		must(t, a.Replace(t.Context(), name, []byte("last")))
		has(t, b, name, []byte("last"))
	}
}

// What is replaced stays the same file.
func TestReplaceMakesNoSecondFile(t *testing.T) {
	d := servers.GoogleDrive(t)
	s, other := open(t, params(t, d, "Holdfast")), open(t, params(t, d, "Holdfast"))
	for i, size := range []int{1, small, large, 0, large} {
		must(t, s.Replace(t.Context(), "holdfast.json", storetest.Bytes(uint64(i), size)))
		has(t, other, "holdfast.json", storetest.Bytes(uint64(i), size))
	}
	if n := d.Count("Holdfast/holdfast.json"); n != 1 {
		t.Errorf("there are %d", n)
	}
}

// What another computer deletes and puts again is found, by who knew the file before.
func TestAnotherComputerPutsAgain(t *testing.T) {
	d := servers.GoogleDrive(t)
	s, other := open(t, params(t, d, "Holdfast")), open(t, params(t, d, "Holdfast"))
	must(t, s.Put(t.Context(), "packs/aa/1", []byte("first")))
	has(t, s, "packs/aa/1", []byte("first"))
	must(t, other.Delete(t.Context(), "packs/aa/1"))
	if err := s.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("read: %v", err)
	}
	must(t, other.Put(t.Context(), "packs/aa/1", []byte("second")))
	has(t, s, "packs/aa/1", []byte("second"))
	must(t, other.Delete(t.Context(), "packs/aa/1"))
	must(t, other.Put(t.Context(), "packs/aa/1", []byte("third")))
	p := make([]byte, 5)
	if err := s.ReadAt(t.Context(), "packs/aa/1", p, 0); err != nil || string(p) != "third" {
		t.Errorf("read: %q, %v", p, err)
	}
	d.Trash(t, "Holdfast/packs/aa/1")
	if _, err := s.Stat(t.Context(), "packs/aa/1"); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("stat of what is in the trash: %v", err)
	}
}

// What is moved into the trash while it is replaced does not take the new bytes along.
func TestReplaceWhatGoesIntoTheTrash(t *testing.T) {
	for name, away := range map[string]func(*servers.Drive, *testing.T, string){
		"into the trash": (*servers.Drive).Trash, "deleted": (*servers.Drive).Remove,
	} {
		t.Run(name, func(t *testing.T) {
			d := servers.GoogleDrive(t)
			s := open(t, params(t, d, "Holdfast"))
			for _, size := range []int{small, large} {
				must(t, s.Replace(t.Context(), "holdfast.json", []byte("old")))
				d.Before(func(w http.ResponseWriter, r *http.Request, through http.Handler) {
					if r.Method == http.MethodPatch {
						d.Before(nil)
						away(d, t, "Holdfast/holdfast.json")
					}
					through.ServeHTTP(w, r)
				})
				must(t, s.Replace(t.Context(), "holdfast.json", storetest.Bytes(1, size)))
				has(t, s, "holdfast.json", storetest.Bytes(1, size))
				has(t, open(t, params(t, d, "Holdfast")), "holdfast.json", storetest.Bytes(1, size))
			}
		})
	}
}
