package core_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/nistec"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/filetest"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/vaults"
	vaultcard "github.com/holdfast-backup/holdfast/vault/card"
)

// attack serves what the cloud likes, to every kind of computer.
func (h *history) attack() {
	for range 2 {
		h.new(h.key)
		if h.word != nil {
			h.newWithPassword()
		}
		h.old(h.a)
		if h.b.joined {
			h.old(h.b)
		}
		h.joins()
		if h.t.Failed() {
			return
		}
	}
}

func (h *history) shown() *store.Memory {
	m := h.serve()
	h.clouds.put(place, m)
	return m
}

// refused takes an error down. It must have a sentence.
func (h *history) refused(what string, err error) {
	h.t.Helper()
	if core.Code(err) == "" {
		h.t.Errorf("%s: an error without a sentence: %v", what, err)
	}
	h.Refused++
}

// new is a new computer with the digits.
func (h *history) new(key *backupkey.Key) {
	if key == nil {
		return // without encryption nothing is promised
	}
	h.shown()
	r, err := h.elsewhere().OpenReader(context.Background(), place, key)
	if err != nil {
		h.refused("new computer", err)
		return
	}
	h.Opened++
	h.read("new computer", r, h.lineage)
}

func (h *history) newWithPassword() {
	h.shown()
	r, err := h.elsewhere().OpenReaderWithPassword(context.Background(), place, h.agreed())
	if err != nil {
		h.refused("new computer with a password", err)
		return
	}
	h.Opened++
	h.read("new computer with a password", r, h.lineage)
}

// read does everything with a backup that only reads.
func (h *history) read(who string, r *core.Reader, lineage int) {
	h.t.Helper()
	defer r.Close() //nolint:errcheck // only read from
	ctx := context.Background()
	all, err := r.Snapshots(ctx)
	if err != nil {
		h.refused(who+": snapshots", err)
		return
	}
	for i, s := range all {
		want, ok := h.written[s.ID]
		if !ok || want.lineage != lineage {
			h.t.Errorf("%s: is shown a backup that nobody with the key made: %s of %s", who, s.ID[:8], s.Host)
			return
		}
		if i > 0 && h.rand.IntN(2) == 0 {
			continue
		}
		id := s.ID
		if i == 0 {
			id = "latest"
		}
		target := filepath.Join(h.dir, "restored")
		report, err := r.Restore(ctx, core.RestoreRequest{Snapshot: id, Target: target}, nil)
		whole, wrong := restored(target, want.files)
		switch {
		case wrong != nil && !errors.Is(wrong, os.ErrNotExist):
			h.t.Errorf("%s: %v", who, wrong)
		case err != nil:
			h.refused(who+": restore", err)
			h.Withheld++
		case !whole && report.Errors == 0:
			h.t.Errorf("%s: a restore lacks files without a word", who)
		case !whole:
			h.Withheld++
		default:
			h.Restored++
		}
		if err := removeTree(target); err != nil {
			h.t.Fatal(err)
		}
	}
	found, err := r.Find(ctx, "a.txt")
	if err != nil {
		h.refused(who+": find", err)
	}
	for _, m := range found {
		if m.Entry.Size == int64(len(forgedText)) {
			h.t.Errorf("%s: finds what the cloud wrote", who)
		}
	}
	if _, err := r.Verify(ctx, core.VerifyRequest{DataPercent: 100}, nil); err != nil {
		h.refused(who+": verify", err)
	}
}

// old is a computer with its profile, as it is at the end of the history.
func (h *history) old(m *member) {
	if m.key == nil {
		return
	}
	served := h.shown()
	stale := m.key != h.key // it was not told of what came since
	if stale && goesOnUnderTheOldKey(contents(h.t, served), m.key) {
		h.GoesOnUnderTheOldKey++
		return
	}
	copied := &member{name: m.name, profile: filepath.Join(h.dir, "copy"), src: m.src}
	filetest.Copy(h.t, m.profile, copied.profile)
	defer os.RemoveAll(copied.profile) //nolint:errcheck // the next copy would say so
	ctx := context.Background()
	a := h.app(copied)
	defer func() {
		if err := a.Close(); err != nil {
			h.t.Error(err)
		}
	}()
	lineage := h.lineage
	if stale {
		lineage = h.lineageOf(m.key)
	}
	r, err := a.Reader(ctx)
	if err != nil {
		h.refused(m.name, err)
	} else {
		h.Opened++
		h.read(m.name, r, lineage)
	}
	if _, err := a.Upkeep().Drill(ctx, core.DrillRequest{Percent: 100}, nil); err != nil {
		h.refused(m.name+": drill", err)
	}
	h.prunes(a, m, served)
	before := contents(h.t, served)
	report, err := a.Backup(ctx, nil)
	if err != nil {
		h.refused(m.name+": backup", err)
		return
	}
	h.BackedUp++
	bad := h.readable(before, contents(h.t, served))
	switch {
	case len(bad) > 0:
		h.t.Errorf("%s: backs up where others can read it: %v", m.name, bad)
	case report.Snapshot == "":
		h.t.Errorf("%s: a backup without a snapshot", m.name)
	}
}

// goesOnUnderTheOldKey is the case that cannot be told: a computer that was away while the key was changed is shown the state from before.
func goesOnUnderTheOldKey(shown map[string][]byte, old *backupkey.Key) bool {
	var head struct {
		KeyID string `json:"key_id"`
	}
	return json.Unmarshal(shown["holdfast.json"], &head) == nil && head.KeyID == old.ID().String()
}

// lineageOf is the lineage that a key belonged to when a computer was told of it.
func (h *history) lineageOf(key *backupkey.Key) int { return h.keys[key.ID()] }

// prunes thins nothing out, and frees everything that is not needed: what restored before restores after it.
func (h *history) prunes(a *core.App, m *member, served *store.Memory) {
	ctx := context.Background()
	before := h.whole(m.key)
	thorough := h.rand.IntN(2) == 0
	for range 2 {
		_, err := a.Upkeep().Prune(ctx, core.PruneRequest{Retention: &core.Retention{Last: 1000}, Thorough: thorough}, nil)
		if err != nil {
			h.refused(m.name+": prune", err)
			break
		}
		h.Pruned++
	}
	after := h.whole(m.key)
	for id := range before {
		if !after[id] && h.alive(id) {
			h.t.Errorf("%s: its prune has deleted what the backup %s needs", m.name, id[:8])
		}
	}
}

// whole are the backups that restore to the last byte, as a new computer with the key sees it.
func (h *history) whole(key *backupkey.Key) map[string]bool {
	ctx := context.Background()
	out := make(map[string]bool)
	r, err := h.elsewhere().OpenReader(ctx, place, key)
	if err != nil {
		return out
	}
	defer r.Close() //nolint:errcheck // only read from
	all, err := r.Snapshots(ctx)
	if err != nil {
		return out
	}
	for _, s := range all {
		target := filepath.Join(h.dir, "whole")
		_, err := r.Restore(ctx, core.RestoreRequest{Snapshot: s.ID, Target: target}, nil)
		if whole, wrong := restored(target, h.written[s.ID].files); err == nil && wrong == nil && whole {
			out[s.ID] = true
		}
		if err := removeTree(target); err != nil {
			h.t.Fatal(err)
		}
	}
	return out
}

// joins is a new computer that joins with the right key and backs up.
func (h *history) joins() {
	if h.key == nil {
		return
	}
	served := h.shown()
	ctx := context.Background()
	m := &member{name: "a computer that joins", profile: filepath.Join(h.dir, "joins", "profile"), src: filepath.Join(h.dir, "joins", "src")}
	filetest.Write(h.t, filepath.Join(m.src, "secret.txt"), []byte("for the person alone"))
	defer os.RemoveAll(filepath.Join(h.dir, "joins")) //nolint:errcheck // the folder goes at the end
	a := h.app(m)
	defer func() {
		if err := a.Close(); err != nil {
			h.t.Error(err)
		}
	}()
	req := core.SetupRequest{Destination: place, Sources: []string{m.src}, Key: h.key, Existing: true}
	if h.word != nil && h.rand.IntN(2) == 0 {
		word := h.agreed()
		req.Key, req.Password = nil, &word
	}
	if err := a.Setup(ctx, req); err != nil {
		h.refused(m.name, err)
		return
	}
	if st := a.Status(); st.Protection != core.ProtectionKey {
		h.t.Errorf("%s: with the key it has joined a backup of protection %q", m.name, st.Protection)
	}
	before := contents(h.t, served)
	if _, err := a.Backup(ctx, nil); err != nil {
		h.refused(m.name+": backup", err)
		return
	}
	h.BackedUp++
	if bad := h.readable(before, contents(h.t, served)); len(bad) > 0 {
		h.t.Errorf("%s: backs up where others can read it: %v", m.name, bad)
	}
	h.changesKey(m.name, a)
}

// changesKey changes the key beside whatever is planted: the new one opens what is there afterwards.
func (h *history) changesKey(who string, a *core.App) {
	next := newKey(h.t)
	err := a.Encryption().ChangeKey(context.Background(), next, nil)
	if errors.Is(err, core.ErrHasVault) {
		return
	}
	key := next
	if err != nil {
		h.refused(who+": change of the key", err)
		key = h.key // which has opened it just now
	}
	r, err := h.elsewhere().OpenReader(context.Background(), place, key)
	if err != nil {
		h.t.Errorf("%s: after its change of the key nobody opens the backup: %v", who, err)
		return
	}
	if err := r.Close(); err != nil {
		h.t.Error(err)
	}
}

// rightVault is a vault whose password check cannot be got round: the adversary of these tests is the cloud. The person agrees to
// whatever vault they are shown; it answers for its own accounts alone.
type rightVault struct {
	accounts map[string]account
}

type account struct{ password, key []byte }

// place is the vault's own card.
func (v *rightVault) place() core.VaultCard {
	return vaultcard.New("vault", "https://vault.example", nistec.NewP256Point().SetGenerator().BytesCompressed())
}

func (v *rightVault) typed(t testing.TB) core.TypedVault {
	t.Helper()
	typed, err := core.ParseVault(string(v.place().Encode()))
	if err != nil {
		t.Fatal(err)
	}
	return typed
}

// Register implements core.Vaults.
func (v *rightVault) Register(_ context.Context, _ core.VaultPlace, a core.NewAccount) (core.VaultCard, error) {
	id := make([]byte, vaultcard.AccountBytes)
	_, _ = rand.Read(id) // documented never to fail
	if v.accounts == nil {
		v.accounts = make(map[string]account)
	}
	v.accounts[string(id)] = account{bytes.Clone(a.Password), bytes.Clone(a.Key)}
	c := v.place()
	c.Account = id
	return c, nil
}

func (v *rightVault) find(at core.VaultPlace) (account, error) {
	a, ok := v.accounts[string(at.Card.Account)]
	if !ok {
		return account{}, &core.VaultError{Kind: core.ErrPasswordGone, GuessesLeft: -1}
	}
	return a, nil
}

// Recover implements core.Vaults.
func (v *rightVault) Recover(_ context.Context, at core.VaultPlace, password []byte) ([]byte, error) {
	a, err := v.find(at)
	if err == nil && !bytes.Equal(a.password, password) {
		err = &core.VaultError{Kind: core.ErrWrongPassword, GuessesLeft: 9}
	}
	return bytes.Clone(a.key), err
}

// Share implements core.Vaults: this one vault is never one of several.
func (v *rightVault) Share(context.Context, vaults.Sharing, core.NewAccount) (vaults.Shared, error) {
	return vaults.Shared{}, vaults.ErrRefused
}

// RecoverShared implements core.Vaults.
func (v *rightVault) RecoverShared(context.Context, core.VaultPlace, []byte, func([]byte) bool) (*vaults.Recovered, error) {
	return nil, vaults.ErrRefused
}

// Find implements core.Vaults.
func (v *rightVault) Find(context.Context, string) (core.VaultCard, error) { return v.place(), nil }

// State implements core.Vaults.
func (v *rightVault) State(_ context.Context, at core.VaultPlace) (core.VaultState, error) {
	_, err := v.find(at)
	return core.VaultState{GuessesLeft: 10, GuessLimit: 10}, err
}

// Remove implements core.Vaults.
func (v *rightVault) Remove(_ context.Context, at core.VaultPlace, _ func(publicKey, account []byte) (seed, before []byte)) error {
	delete(v.accounts, string(at.Card.Account))
	return nil
}

// Tokens implements core.Vaults.
func (v *rightVault) Tokens() []core.VaultToken { return nil }

// SoftwareToken implements core.Vaults.
func (v *rightVault) SoftwareToken() string { return "" }

// agreed is the password, with the agreement to whatever vault is shown.
func (h *history) agreed() core.PasswordRequest {
	req := core.PasswordRequest{Password: bytes.Clone(h.word)}
	var ask *core.VaultNotTrustedError
	if err := h.elsewhere().TrustedVault(context.Background(), place, req); errors.As(err, &ask) {
		req.Trust = ask.Trust
	}
	return req
}
