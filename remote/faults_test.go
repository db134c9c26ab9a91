package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
)

// faulty is a place behind a proxy that has things go wrong.
type faulty struct {
	server
	*servers.Faults
}

// behind runs a test in parallel with a new place at each kind of server that speaks HTTP, behind a proxy.
func behind(t *testing.T, test func(t *testing.T, at faulty)) {
	t.Helper()
	inFull(t)
	t.Parallel()
	for name, k := range kinds {
		if !k.http {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := k.start(t)
			f := servers.NewFaults(t, s.addr)
			test(t, faulty{s.at(f.Addr), f})
		})
	}
}

// computer backs a folder up to a place.
type computer struct {
	t    *testing.T
	at   faulty
	docs string
	app  *core.App
	n    int
}

func newComputer(t *testing.T, at faulty) *computer {
	t.Helper()
	profile := t.TempDir()
	c := &computer{t: t, at: at, docs: t.TempDir()}
	params := core.Params{Profile: profile, Keyring: keyring.File{Path: filepath.Join(profile, "device.key")},
		Places: places.Through(start(t))}
	c.must(params.Places.Know(at.place, at.secret))
	var err error
	c.app, err = core.Open(t.Context(), params)
	c.must(err)
	t.Cleanup(func() { _ = c.app.Close() })
	key, err := c.app.Encryption().NewKey()
	c.must(err)
	made, err := params.Places.Open(t.Context(), at.place, true)
	c.must(err)
	c.must(made.Close())
	c.edit()
	c.must(c.app.Setup(t.Context(), core.SetupRequest{Destination: at.place, Sources: []string{c.docs}, Key: key}))
	return c
}

func (c *computer) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// edit makes something new to back up.
func (c *computer) edit() {
	c.n++
	servers.Write(c.t, filepath.Join(c.docs, fmt.Sprintf("letter %d.txt", c.n)), fmt.Sprint("Dear ", c.n))
	c.must(os.WriteFile(filepath.Join(c.docs, "film"), storetest.Bytes(uint64(c.n), 300_000), 0o600))
}

// whole asserts that all is there: verified to the last byte, and restored as it is.
func (c *computer) whole() {
	c.t.Helper()
	report, err := c.app.Upkeep().Verify(c.t.Context(), core.VerifyRequest{DataPercent: 100}, nil)
	c.must(err)
	if len(report.Damage) > 0 {
		c.t.Errorf("damaged: %v", report.Damage)
	}
	to := filepath.Join(c.t.TempDir(), "out")
	r, err := c.app.Reader(c.t.Context())
	c.must(err)
	defer r.Close() //nolint:errcheck // only read from
	_, err = r.Restore(c.t.Context(), core.RestoreRequest{Snapshot: "latest", Target: to}, nil)
	c.must(err)
	for _, name := range []string{fmt.Sprintf("letter %d.txt", c.n), "film"} {
		want, err := os.ReadFile(filepath.Join(c.docs, name))
		c.must(err)
		got := restored(c.t, to, name)
		if !bytes.Equal(got, want) {
			c.t.Errorf("%s is restored with %d bytes of %d, or others", name, len(got), len(want))
		}
	}
}

func restored(t *testing.T, dir, name string) (content []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == name {
			content, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// inFull skips a test where the race detector watches: what it tests is another process, and takes its time.
func inFull(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("the run without -short has it")
	}
}

// snapshots counts what is at the place.
func (c *computer) snapshots() int {
	c.t.Helper()
	r, err := c.app.Reader(c.t.Context())
	c.must(err)
	defer r.Close() //nolint:errcheck // only read from
	all, err := r.Snapshots(c.t.Context())
	c.must(err)
	return len(all)
}

// Whatever goes wrong between the app and a place, and however often: each run ends, nothing that was acknowledged is
// missing, nothing that was there is gone, and the next run goes on.
func TestWhateverGoesWrong(t *testing.T) { behind(t, goesWrong) }

// The same befalls clouds, one after the other: their names are in the environment.
func TestWhateverGoesWrongInClouds(t *testing.T) {
	inFull(t)
	folder := func(kind address.Kind) address.Address { return address.Address{Kind: kind, Path: "/Holdfast"} }
	for name, begin := range map[string]func(t *testing.T) faulty{
		"Google Drive": func(t *testing.T) faulty {
			d := servers.GoogleDrive(t)
			return faulty{atCloud(t, d.Internet, folder(address.Drive), d.SignedIn(t)).here(), d.Faults}
		},
		"OneDrive": func(t *testing.T) faulty {
			o := servers.OneDriveCloud(t)
			return faulty{atCloud(t, o.Internet, folder(address.OneDrive), o.SignedIn(t)).here(), servers.FaultsOf(o.Cloud)}
		},
		"Backblaze B2": func(t *testing.T) faulty {
			b := servers.BackblazeB2(t)
			place := address.Address{Kind: address.B2, Host: b.Bucket, Path: "/Holdfast"}
			return faulty{atCloud(t, b.Internet, place, b2Key(b)).here(), servers.FaultsOf(b)}
		},
		"Dropbox": func(t *testing.T) faulty {
			c := servers.DropboxCloud(t)
			return faulty{atCloud(t, c.Internet, folder(address.Dropbox), c.SignedIn(t)).here(), servers.FaultsOf(c)}
		},
	} {
		t.Run(name, func(t *testing.T) { goesWrong(t, begin(t)) })
	}
}

// goesWrong has each fault befall a computer's place.
func goesWrong(t *testing.T, at faulty) {
	c := newComputer(t, at)
	if _, err := c.app.Backup(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []servers.Fault{
		servers.Refuses, servers.LosesBody, servers.LosesAnswer, servers.Fails, servers.Truncates, servers.Repeats, servers.IsStale,
		servers.Doubles, servers.Answers(http.StatusUnauthorized, ""), servers.Answers(http.StatusInsufficientStorage, ""),
		servers.Answers(http.StatusGatewayTimeout, ""), servers.Answers(http.StatusNotFound, ""),
	} {
		// Each fifth, so that runs come to an end. What befalls all is in TestAnOutageLosesNothing.
		if c.suffer(fault, 5); t.Failed() {
			t.Fatal(fault.Name)
		}
	}
	c.whole()
}

// suffer backs up and prunes while a fault befalls each n-th request, and again without.
func (c *computer) suffer(fault servers.Fault, n int) {
	ctx := c.t.Context()
	before := c.snapshots()
	c.edit()
	var of func(*http.Request) bool
	if fault.Name == servers.Repeats.Name {
		// A WebDAV lock that is repeated counts as somebody else's, and is waited for a minute.
		of = func(r *http.Request) bool { return r.Method != "MKCOL" }
	}
	c.at.Every(n, fault, of)
	_, err := c.app.Backup(ctx, nil)
	if err == nil {
		_, err = c.app.Upkeep().Prune(ctx, core.PruneRequest{Retention: &core.Retention{Last: 3}}, nil)
	}
	c.at.Heal()
	if err != nil && !known(err) && !lies(fault) {
		c.t.Errorf("%s, each %d. request: %v", fault.Name, n, err)
	}
	during := c.snapshots()
	_, err = c.app.Backup(ctx, nil)
	c.must(err)
	if before > 0 && during == 0 {
		c.t.Errorf("%d backups were there, and none is", before)
	}
	if report, err := c.app.Upkeep().Verify(ctx, core.VerifyRequest{}, nil); err != nil || len(report.Damage) > 0 {
		c.t.Errorf("damaged: %v %v", report.Damage, err)
	}
}

// lies reports whether a fault is a server's lie: that something is not there, or is as it was. It may lead to any error.
func lies(fault servers.Fault) bool {
	return fault.Name == servers.IsStale.Name || fault.Name == http.StatusText(http.StatusNotFound)
}

// known reports whether an error says what is the matter with the place.
func known(err error) bool {
	for _, k := range []error{
		core.ErrDestinationGone, core.ErrSignIn, core.ErrNoSpace, core.ErrPermission, context.DeadlineExceeded,
	} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}
