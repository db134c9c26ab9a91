package core_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/core/store"
)

// cloud is the adversary: the destination, together with everybody who ever had a key that was given up. It keeps every
// version of every object, and serves what it likes.
type cloud struct {
	t        testing.TB
	rand     *rand.Rand
	disk     *store.Memory // the honest state
	mu       sync.Mutex
	versions map[string][][]byte
	states   []map[string][]byte // whole destinations as they were
	id       []byte              // the repository's
	public   map[[32]byte]bool   // epochs whose secrets it knows
}

func newCloud(t testing.TB, r *rand.Rand) *cloud {
	return &cloud{t: t, rand: r, disk: store.NewMemory(), versions: make(map[string][][]byte), public: make(map[[32]byte]bool)}
}

// recorded is the cloud's disk as honest computers use it.
type recorded struct {
	*store.Memory
	c *cloud
}

func (s recorded) Put(ctx context.Context, name string, b []byte) error {
	err := s.Memory.Put(ctx, name, b)
	if err == nil {
		s.c.keep(name, b)
	}
	return err
}

func (s recorded) Replace(ctx context.Context, name string, b []byte) error {
	err := s.Memory.Replace(ctx, name, b)
	if err == nil {
		s.c.keep(name, b)
	}
	return err
}

func (s recorded) Close() error { return nil }

func (c *cloud) keep(name string, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.versions[name], func(old []byte) bool { return bytes.Equal(old, b) }) {
		c.versions[name] = append(c.versions[name], bytes.Clone(b))
	}
	if name == "holdfast.json" {
		c.learn(b)
	}
}

type cloudHeader struct {
	Repository string
	Epoch      string
	Next       *struct{ Epoch string }
}

// learn takes down what a header tells.
func (c *cloud) learn(b []byte) {
	var h cloudHeader
	if json.Unmarshal(b, &h) != nil {
		return
	}
	c.id, _ = hex.DecodeString(h.Repository)
	epochs := []string{h.Epoch}
	if h.Next != nil {
		epochs = append(epochs, h.Next.Epoch)
	}
	for _, e := range epochs {
		if secret, err := hex.DecodeString(e); err == nil && len(secret) == 32 {
			c.public[[32]byte(secret)] = true
		}
	}
}

// given is when a key is given up: it opens every keyring that was ever sealed under it.
func (c *cloud) given(key *backupkey.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, versions := range c.versions {
		var n uint32
		if _, err := fmt.Sscanf(name, "keyring-%d", &n); err != nil {
			continue
		}
		for _, b := range versions {
			for _, secret := range openedKeyring(key, c.id, n, b) {
				c.public[secret] = true
			}
		}
	}
}

// openedKeyring reads a keyring (docs/format.md, chapter 4) and returns its epochs, none if the key does not fit.
func openedKeyring(key *backupkey.Key, id []byte, n uint32, b []byte) (secrets [][32]byte) {
	k, err := hkdf.Key(sha256.New, key.Bytes(), b[:32], "holdfast backupkey keyring-seal v1", 32)
	if err != nil {
		panic(err)
	}
	block, _ := aes.NewCipher(k)
	gcm, _ := cipher.NewGCM(block)
	plain, err := gcm.Open(nil, forgedNonce(0), b[32:], binary.BigEndian.AppendUint32(append([]byte("holdfast keyring v1"), id...), n))
	if err != nil {
		return nil
	}
	at, step, count := 2, 40, int(plain[1])
	if plain[0] == 2 {
		at, step, count = 4, 41, int(binary.BigEndian.Uint16(plain[1:]))
	}
	for i := range count {
		secrets = append(secrets, [32]byte(plain[at+i*step:]))
	}
	return secrets
}

// wrote reports whether a name of a kind carries the tag of an epoch that the cloud knows.
func (c *cloud) wrote(name string) bool {
	folder, rest, ok := strings.Cut(name, "/")
	if !ok {
		return false
	}
	for _, k := range forgedKinds {
		if k.folder != folder+"/" {
			continue
		}
		n, err := hex.DecodeString(rest[max(0, len(rest)-64):])
		if err != nil || len(n) != 32 {
			return false
		}
		for secret := range c.public {
			nameKey, _ := hkdf.Key(sha256.New, secret[:], c.id, "holdfast epoch name v1", 32)
			h, _ := blake3.NewKeyed(nameKey)
			_, _ = h.Write(append([]byte{k.number}, n[:24]...))
			if bytes.Equal(h.Sum(nil)[:8], n[24:]) {
				return true
			}
		}
	}
	return false
}

func contents(t testing.TB, s store.Store) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	ctx := context.Background()
	err := s.List(ctx, "", func(o store.Object) error {
		b, err := store.ReadAll(ctx, s, o.Name, 1<<30)
		out[o.Name] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// remember keeps the whole state as it is now.
func (c *cloud) remember() { c.states = append(c.states, contents(c.t, c.disk)) }

// serve makes up a destination: a state of some day, with a mixture of versions, with everything that ever was, or without parts of it,
// and with what it can forge.
func (c *cloud) serve() *store.Memory {
	state := maps.Clone(c.states[len(c.states)-1])
	how := c.rand.IntN(10)
	if how >= 3 && how < 7 {
		state = maps.Clone(c.states[c.rand.IntN(len(c.states))])
	}
	if how >= 5 { // everything that was ever there
		for _, name := range slices.Sorted(maps.Keys(c.versions)) {
			if _, there := state[name]; !there && c.rand.IntN(4) > 0 {
				state[name] = c.pick(c.versions[name])
			}
		}
	}
	if how == 8 { // any version of anything
		for _, name := range slices.Sorted(maps.Keys(state)) {
			if len(c.versions[name]) > 1 && c.rand.IntN(2) == 0 {
				state[name] = c.pick(c.versions[name])
			}
		}
	}
	if how%2 == 0 {
		names := slices.Sorted(maps.Keys(state))
		for range 1 + c.rand.IntN(3) {
			delete(state, names[c.rand.IntN(len(names))])
		}
	}
	m := store.NewMemory()
	for name, b := range state {
		if err := m.Put(context.Background(), name, b); err != nil {
			c.t.Fatal(err)
		}
	}
	c.forge(m)
	return m
}

func (c *cloud) pick(versions [][]byte) []byte { return versions[c.rand.IntN(len(versions))] }
