package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-backup/holdfast/vault"
	"github.com/holdfast-backup/holdfast/vault/hsm"
	"github.com/holdfast-backup/holdfast/vault/hsm/hsmtest"
	"github.com/holdfast-backup/holdfast/vault/store"
)

// onDisk is a vault with its store in a file.
type onDisk struct {
	*vault.Vault
	t     *testing.T
	h     *hsm.HSM
	path  string
	store *store.Bolt
}

func newOnDisk(t *testing.T) *onDisk {
	t.Helper()
	d := &onDisk{t: t, h: hsmtest.Open(t), path: filepath.Join(t.TempDir(), "store.db")}
	must(t, d.open())
	t.Cleanup(d.close)
	return d
}

func (d *onDisk) open() (err error) {
	d.t.Helper()
	d.store, err = store.OpenBolt(d.path)
	must(d.t, err)
	d.Vault, err = vault.Open(d.t.Context(), vault.Params{Store: d.store, HSM: d.h})
	if err != nil {
		must(d.t, d.store.Close())
	}
	return err
}

func (d *onDisk) close() {
	d.Vault.Close()
	must(d.t, d.store.Close())
}

func (d *onDisk) restart(persons ...*person) {
	d.t.Helper()
	d.close()
	must(d.t, d.open())
	for _, p := range persons {
		p.v = d.Vault
	}
}

func (d *onDisk) file() []byte {
	d.t.Helper()
	b, err := os.ReadFile(d.path)
	must(d.t, err)
	return b
}

// refused opens with another file in place of the store, then puts it back.
func (d *onDisk) refused(what string, file []byte, kinds ...error) {
	d.t.Helper()
	d.close()
	now := d.file()
	must(d.t, os.WriteFile(d.path, file, 0o600))
	err := d.open()
	fits := false
	for _, k := range kinds {
		fits = fits || errors.Is(err, k)
	}
	if !fits {
		d.t.Errorf("%s: %v", what, err)
	}
	if err == nil {
		d.close()
	}
	must(d.t, os.WriteFile(d.path, now, 0o600))
	must(d.t, d.open())
}

func TestAccountsSurviveARestart(t *testing.T) {
	d := newOnDisk(t)
	p := registered(t, d.Vault)
	p.wrong()
	open, err := p.start(p.password)
	must(t, err)
	d.restart(p)
	if a := p.account(); a.GuessesLeft != 8 || a.Past[1].Outcome != vault.OutcomeOpen {
		t.Errorf("%+v", a)
	}
	// The start of before is open still. KE3 cannot be checked by this process,
	// but the same KE1 again is answered, and not counted.
	_, err = open.finish()
	wantErr(t, "KE3 of before", err, vault.ErrStale)
	must(t, open.send(0))
	if open.reply.GuessesLeft != 8 {
		t.Errorf("%d left", open.reply.GuessesLeft)
	}
	if got, err := open.finish(); err != nil || !bytes.Equal(got, p.sealedKey) {
		t.Error(err)
	}
	d.restart(p)
	p.opens()
}

func TestOlderCopiesAreRefused(t *testing.T) {
	d := newOnDisk(t)
	p := registered(t, d.Vault)
	var copies [][]byte
	for range 3 {
		d.restart(p)
		copies = append(copies, d.file())
		p.wrong()
	}
	for i, c := range copies {
		d.refused("copy "+string(rune('0'+i)), c, vault.ErrOlder)
		p.v = d.Vault
	}
	if left := p.account().GuessesLeft; left != 7 {
		t.Errorf("%d guesses left", left)
	}
	d.close()
	now := d.file()
	must(t, os.Remove(d.path))
	wantErr(t, "no store", d.open(), vault.ErrOlder)
	must(t, os.WriteFile(d.path, now, 0o600))
	must(t, d.open())
	p.v = d.Vault
	p.opens()
}

// A store whose records were deleted, swapped, edited or replaced by older ones.
func TestTamperedStoresAreRefused(t *testing.T) {
	d := newOnDisk(t)
	a, b := registered(t, d.Vault), registered(t, d.Vault)
	keyA, keyB := vault.StoreKey(a.id), vault.StoreKey(b.id)
	oldA, err := d.store.Get(t.Context(), keyA)
	must(t, err)
	a.wrong()
	d.close()
	now := d.file()
	read := func(s store.Store, k store.Key) []byte {
		v, err := s.Get(t.Context(), k)
		must(t, err)
		return v
	}
	for what, change := range map[string]func(s store.Store) []store.Change{
		"a record deleted": func(s store.Store) []store.Change { return []store.Change{{Key: keyA, Old: read(s, keyA)}} },
		"records swapped": func(s store.Store) []store.Change {
			return []store.Change{{Key: keyA, Old: read(s, keyA), New: read(s, keyB)}, {Key: keyB, Old: read(s, keyB), New: read(s, keyA)}}
		},
		"a record replaced by an older one": func(s store.Store) []store.Change {
			return []store.Change{{Key: keyA, Old: read(s, keyA), New: oldA}}
		},
		"a record twice": func(s store.Store) []store.Change {
			return []store.Change{{Key: store.Key{9}, New: read(s, keyA)}}
		},
		"an older record added": func(s store.Store) []store.Change { return []store.Change{{Key: store.Key{9}, New: oldA}} },
		"a bit changed": func(s store.Store) []store.Change {
			v := read(s, keyA)
			bad := bytes.Clone(v)
			bad[len(bad)-1] ^= 1
			return []store.Change{{Key: keyA, Old: v, New: bad}}
		},
		"a generation changed": func(s store.Store) []store.Change {
			v := read(s, keyA)
			bad := bytes.Clone(v)
			bad[4]++
			return []store.Change{{Key: keyA, Old: v, New: bad}}
		},
		"a record cut": func(s store.Store) []store.Change {
			v := read(s, keyA)
			return []store.Change{{Key: keyA, Old: v, New: v[:10]}}
		},
		"the head deleted": func(s store.Store) []store.Change { return []store.Change{{Old: read(s, store.Key{})}} },
		"the head is a record": func(s store.Store) []store.Change {
			return []store.Change{{Old: read(s, store.Key{}), New: oldA}}
		},
		"the head changed": func(s store.Store) []store.Change {
			v := read(s, store.Key{})
			bad := bytes.Clone(v)
			bad[20] ^= 1
			return []store.Change{{Old: v, New: bad}}
		},
	} {
		t.Run(what, func(t *testing.T) {
			must(t, os.WriteFile(d.path, now, 0o600))
			s, err := store.OpenBolt(d.path)
			must(t, err)
			must(t, s.Commit(t.Context(), change(s)))
			must(t, s.Close())
			if err := d.open(); !errors.Is(err, store.ErrTampered) && !errors.Is(err, vault.ErrOlder) {
				t.Errorf("%v", err)
				d.close()
			}
		})
	}
	must(t, os.WriteFile(d.path, now, 0o600))
	must(t, d.open())
	a.v = d.Vault
	a.opens()
}

// After a rotation the destroyed account is gone for good: no copy of the
// store can be read, with the token at hand. The living are not troubled.
func TestRotation(t *testing.T) {
	d := newOnDisk(t)
	dead, living := registered(t, d.Vault), registered(t, d.Vault)
	d.restart(dead, living)
	before := d.file()
	oldValue, err := d.store.Get(t.Context(), vault.StoreKey(dead.id))
	must(t, err)
	for range 9 {
		dead.wrong()
	}
	_, err = dead.recover([]byte("wrong"))
	wantErr(t, "the last guess", err, vault.ErrDestroyed)
	living.wrong()
	n, err := d.Rotate(t.Context())
	if err != nil || n != 2 {
		t.Fatalf("%d accounts, %v", n, err)
	}
	living.opens()
	d.refused("the copy from before", before, vault.ErrOlder)
	dead.v, living.v = d.Vault, d.Vault
	living.opens()
	// The operator's own tool cannot either.
	path := filepath.Join(t.TempDir(), "copy.db")
	must(t, os.WriteFile(path, before, 0o600))
	from, err := store.OpenBolt(path)
	must(t, err)
	defer from.Close() //nolint:errcheck // a test's
	_, err = vault.Restore(t.Context(), d.h, from, store.NewMemory(), true, nil)
	wantErr(t, "restore of a copy from before", err, vault.ErrOlder)
	storages, err := d.h.Storages(t.Context())
	if err != nil || len(storages) != 1 || storages[0].Generation != 2 {
		t.Errorf("%+v %v", storages, err)
	}
	if bytes.Contains(d.file(), oldValue) {
		t.Log("the file still has the old value's bytes in free pages; they are sealed under a destroyed key")
	}
	_, err = dead.recover(dead.password)
	wantErr(t, "the destroyed account", err, vault.ErrDestroyed)
	if n, err := d.Rotate(t.Context()); err != nil || n != 2 {
		t.Errorf("again: %d, %v", n, err)
	}
	living.opens()
}

// While the vault works, a rotation loses nobody.
func TestRotationUnderLoad(t *testing.T) {
	d := newOnDisk(t)
	var persons []*person
	for range 6 {
		persons = append(persons, registered(t, d.Vault))
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			p := persons[i%len(persons)]
			if got, err := p.recover(p.password); err != nil || !bytes.Equal(got, p.sealedKey) {
				t.Errorf("during a rotation: %v", err)
				return
			}
		}
	}()
	for range 5 {
		_, err := d.Rotate(t.Context())
		must(t, err)
	}
	stop()
	<-done
	d.restart(persons...)
	for _, p := range persons {
		p.opens()
	}
}

func TestRestore(t *testing.T) {
	d := newOnDisk(t)
	p := registered(t, d.Vault)
	backup := func() *store.Memory { // a copy as vaultd backup makes it
		path := filepath.Join(t.TempDir(), "backup.db")
		f, err := os.Create(path)
		must(t, err)
		_, err = d.store.Backup(f)
		must(t, err)
		must(t, f.Close())
		s, err := store.OpenBolt(path)
		must(t, err)
		defer s.Close() //nolint:errcheck // a test's
		m := store.NewMemory()
		must(t, s.Iterate(t.Context(), func(k store.Key, v []byte) error {
			return m.Commit(t.Context(), []store.Change{{Key: k, New: bytes.Clone(v)}})
		}))
		return m
	}
	reopen := func(s store.Store) {
		t.Helper()
		v := openVault(t, vault.Params{Store: s, HSM: d.h})
		p.v = v
	}
	old := backup()
	p.wrong()
	newest := backup()
	d.Vault.Close()

	to := store.NewMemory()
	_, err := vault.Restore(t.Context(), d.h, old, to, false, nil)
	wantErr(t, "an old copy", err, vault.ErrWouldLock)
	done, err := vault.Restore(t.Context(), d.h, newest, to, false, nil)
	if err != nil || done.Locked || done.Accounts != 1 {
		t.Fatalf("%+v %v", done, err)
	}
	reopen(to)
	if left := p.account().GuessesLeft; left != 9 {
		t.Errorf("%d left", left)
	}
	p.opens()
	p.v.Close()
	_, err = vault.Restore(t.Context(), d.h, newest, store.NewMemory(), false, nil)
	wantErr(t, "the same copy later", err, vault.ErrWouldLock)

	locked := store.NewMemory()
	done, err = vault.Restore(t.Context(), d.h, old, locked, true, nil)
	if err != nil || !done.Locked || done.Accounts != 1 {
		t.Fatalf("%+v %v", done, err)
	}
	reopen(locked)
	_, err = p.recover(p.password)
	var destroyed *vault.DestroyedError
	if !errors.As(err, &destroyed) || destroyed.Reason != vault.ReasonRestored {
		t.Errorf("after a restore of an old copy: %v", err)
	}
	p.register() // the owner has the key
	p.opens()
	p.v.Close()

	changed := old.Clone()
	v, err := changed.Get(t.Context(), vault.StoreKey(p.id))
	must(t, err)
	must(t, changed.Commit(t.Context(), []store.Change{{Key: vault.StoreKey(p.id), Old: v}}))
	_, err = vault.Restore(t.Context(), d.h, changed, store.NewMemory(), true, nil)
	wantErr(t, "a changed copy", err, store.ErrTampered)
	_, err = vault.Restore(t.Context(), d.h, old, locked, true, nil)
	if err == nil {
		t.Error("restored over a store with accounts")
	}
}

// Two vaults on one token: the second to write notices the first.
func TestTwoVaultsOnOneToken(t *testing.T) {
	h := hsmtest.Open(t)
	mem := store.NewMemory()
	first := openVault(t, vault.Params{Store: mem, HSM: h})
	p := registered(t, first)
	second := openVault(t, vault.Params{Store: mem.Clone(), HSM: h})
	q := &person{t: t, v: second, id: p.id, password: p.password, sealedKey: p.sealedKey}
	p.wrong()
	_, err := q.recover([]byte("wrong"))
	wantErr(t, "the second vault", err, vault.ErrUnavailable)
	if second.Counts().Evaluations != 0 {
		t.Error("the second vault evaluated")
	}
	wantErr(t, "ready", second.Ready(t.Context()), vault.ErrMoved)
	p.opens()
}
