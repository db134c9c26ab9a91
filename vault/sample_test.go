package vault_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
)

// A sample of a vault as a version left it is kept for ever, so that later versions can be
// held to opening it. A new one is made, before the format changes, with
//
//	go test ./vault -run TestMakeSample -args -vault.sample testdata/NAME.json
var sampleTo = flag.String("vault.sample", "", "file for TestMakeSample to write")

// sample is a whole vault: SoftHSM's files, the store's file, and what its persons know.
type sample struct {
	Token   map[string][]byte // by path below the token folder
	Store   []byte            // store.db
	Persons []samplePerson
}

type samplePerson struct {
	// State is "living" (3 wrong guesses, the password is "right"), "open" (one guess is under way) or "destroyed".
	State                     string
	ID, Management, SealedKey []byte
	GuessesLeft               int
	Version                   uint64
}

func TestMakeSample(t *testing.T) {
	if *sampleTo == "" {
		return // it only writes a file
	}
	d := newOnDisk(t)
	var s sample
	for state, wrong := range map[string]int{"living": 3, "open": 1, "destroyed": vault.Guesses} {
		p := registered(t, d.Vault)
		p.opens()
		for range wrong {
			if _, err := p.recover([]byte("wrong")); !errors.Is(err, errWrongPassword) && !errors.Is(err, vault.ErrDestroyed) {
				t.Fatal(err)
			}
		}
		if state == "open" {
			_, err := p.start(p.password)
			must(t, err)
		}
		a := p.account()
		s.Persons = append(s.Persons, samplePerson{state, p.id[:], p.management.Seed(), p.sealedKey, a.GuessesLeft, a.Version})
	}
	d.Vault.Close()
	must(t, d.store.Close())
	s.Store, s.Token = d.file(), map[string][]byte{}
	must(t, filepath.WalkDir(hsmtest.TokenDir(), func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(hsmtest.TokenDir(), path)
		must(t, err)
		s.Token[name], err = os.ReadFile(path)
		return err
	}))
	b, err := json.Marshal(s)
	must(t, err)
	must(t, os.WriteFile(*sampleTo, b, 0o644))
	must(t, d.open())
}

// openSample puts a sample's token in place of the test's, and its store at path. It returns the persons by state.
func openSample(t *testing.T, name, path string) map[string]*person {
	t.Helper()
	var s sample
	b, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	must(t, json.Unmarshal(b, &s))
	must(t, os.RemoveAll(hsmtest.TokenDir()))
	for name, content := range s.Token {
		to := filepath.Join(hsmtest.TokenDir(), name)
		must(t, os.MkdirAll(filepath.Dir(to), 0o700))
		must(t, os.WriteFile(to, content, 0o600))
	}
	must(t, os.WriteFile(path, s.Store, 0o600))
	persons := map[string]*person{}
	for _, p := range s.Persons {
		persons[p.State] = samplePersonOf(t, p)
	}
	return persons
}
