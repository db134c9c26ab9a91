package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/remote/servers"
)

// A backup of which nothing has changed asks a bucket ten times, however many backups there are: header, keyring, one list of
// everything, what is about to be (put, one list, header), and the snapshot (put, one list, header, and what was about to
// be goes).
func TestAnUnchangedBackupAsksTenTimes(t *testing.T) {
	for _, name := range []string{"versitygw", "Azurite", "fake-gcs-server"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := kinds[name].start(t)
			f := servers.NewFaults(t, s.addr)
			c := newComputer(t, faulty{s.at(f.Addr), f})
			c.must(scattered(filepath.Join(c.docs, "map")))
			for i := range 5 {
				before := f.Requests()
				_, err := c.app.Backup(t.Context(), nil)
				c.must(err)
				most := 10
				if name == "fake-gcs-server" {
					most++ // a token
				}
				if n := f.Requests() - before; i > 0 && n > most {
					t.Errorf("backup %d asks %d times", i, n)
				}
			}
			c.whole()
		})
	}
}

// scattered makes a file of so many parts that they stand in lists of their own at the place.
func scattered(path string) error {
	const parts, block = 5_000, 4 << 10
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for i := range parts {
		if _, err := f.WriteAt([]byte{1}, int64(i)*2*block); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}
