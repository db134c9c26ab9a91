package core_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// forger writes objects of a repository that are sealed as they must be, whatever is in them: what
// somebody could who has the key. It is written after docs/format.md and shares no code with core/repo
// but the encoding of tree entries, which it pads.
type forger struct {
	t     testing.TB
	s     store.Store
	id    []byte
	epoch []byte
	zstd  *zstd.Encoder
}

// newForger takes the keys from the header of a repository without encryption (chapter 3).
func newForger(t testing.TB, s store.Store) *forger {
	t.Helper()
	b, err := store.ReadAll(context.Background(), s, "holdfast.json", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ Repository, Epoch string }
	if err := json.Unmarshal(b, &h); err != nil {
		t.Fatal(err)
	}
	f := &forger{t: t, s: s}
	f.id, _ = hex.DecodeString(h.Repository)
	if f.epoch, err = hex.DecodeString(h.Epoch); err != nil || len(f.epoch) != 32 {
		t.Fatalf("no epoch in the header: %v", err)
	}
	if f.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
		t.Fatal(err)
	}
	return f
}

// The kinds of named objects, with their numbers in names (chapter 2).
var forgedKinds = map[string]struct {
	number byte
	folder string
	secret string
}{
	"pack": {1, "packs/", "pack"}, "index": {2, "indexes/", "index"}, "snapshot": {3, "snapshots/", "snapshot"},
	"mark":    {4, "marks/", "prune"},
	"pending": {5, "pending/", "prune"}, "removal": {6, "removed/", "prune"}, "pin": {7, "pins/", "prune"},
	"closing": {8, "closings/", "prune"},
}

func (f *forger) derive(secret, salt []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, secret, salt, info, 32)
	if err != nil {
		f.t.Fatal(err)
	}
	return k
}

// name makes a name of a kind and returns it with the object's cipher and path.
func (f *forger) name(kind string) (n []byte, gcm cipher.AEAD, path string) {
	k := forgedKinds[kind]
	n = make([]byte, 24, 32)
	_, _ = rand.Read(n) // documented never to fail
	h, err := blake3.NewKeyed(f.derive(f.epoch, f.id, "holdfast epoch name v1"))
	if err != nil {
		f.t.Fatal(err)
	}
	_, _ = h.Write(append([]byte{k.number}, n...))
	n = append(n, h.Sum(nil)[:8]...)
	gcm = f.cipher(kind, n)
	path = k.folder + hex.EncodeToString(n)
	if kind == "pack" {
		path = k.folder + hex.EncodeToString(n[:1]) + "/" + hex.EncodeToString(n)
	}
	return n, gcm, path
}

// cipher is that of an object (chapter 2).
func (f *forger) cipher(kind string, n []byte) cipher.AEAD {
	block, err := aes.NewCipher(f.derive(f.derive(f.epoch, f.id, "holdfast epoch "+forgedKinds[kind].secret+" v1"), n, "holdfast object v1"))
	if err != nil {
		f.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		f.t.Fatal(err)
	}
	return gcm
}

func (f *forger) put(path string, b []byte) {
	f.t.Helper()
	if err := f.s.Put(context.Background(), path, b); err != nil {
		f.t.Fatal(err)
	}
}

func forgedNonce(i uint32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 8), i) }

// padded is PADMÉ (chapter 1).
func padded(n int) int {
	e := bits.Len(uint(n)) - 1
	z := max(0, e-bits.Len(uint(e)))
	return (n + 1<<z - 1) >> z << z
}

// object seals a payload under a new name (chapter 7).
func (f *forger) object(kind string, payload []byte) []byte {
	f.t.Helper()
	n, gcm, path := f.name(kind)
	plain := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	plain = append(plain, payload...)
	plain = append(plain, make([]byte, padded(len(plain)+16)-16-len(plain))...)
	f.put(path, gcm.Seal(nil, forgedNonce(0), plain, append([]byte(kind), f.id...)))
	return n
}

// forgedChunk is a chunk of a pack; what the pack's table says of it need not be so.
type forgedChunk struct {
	id      repo.ID
	kind    byte
	content []byte
	packed  bool   // by zstd
	record  []byte // of a long one, made once; else nil
	length  uint32 // that the table tells; 0: the true one
}

func (c *forgedChunk) told() uint32 {
	if c.length != 0 {
		return c.length
	}
	return uint32(len(c.content))
}

func (f *forger) record(c *forgedChunk) []byte {
	switch {
	case c.record != nil:
		return c.record
	case c.packed:
		return f.zstd.EncodeAll(c.content, []byte{1})
	}
	return append([]byte{0}, c.content...)
}

// pack stores chunks in one pack (chapter 6) and returns what an honest index says of it.
func (f *forger) pack(chunks []forgedChunk) []byte {
	f.t.Helper()
	n, gcm, path := f.name("pack")
	var buf, table, entry []byte
	for i := range chunks {
		c := &chunks[i]
		record := f.record(c)
		buf = gcm.Seal(buf, forgedNonce(uint32(i)), record, c.id[:])
		table = append(append(table, c.id[:]...), c.kind)
		table = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(table, uint32(len(record))), c.told())
		entry = append(append(entry, c.id[:]...), c.kind)
		entry = binary.AppendUvarint(binary.AppendUvarint(entry, uint64(len(record))), uint64(c.told()))
	}
	base := len(buf) + 16 + len(table) + 16 + 32
	padding := padded(base) - base
	buf = gcm.Seal(buf, forgedNonce(1<<32-3), make([]byte, padding), []byte("padding"))
	buf = gcm.Seal(buf, forgedNonce(1<<32-2), table, []byte("table"))
	trailer := []byte("HFP1")
	for _, v := range []int{len(chunks), len(table) + 16, padding + 16} {
		trailer = binary.BigEndian.AppendUint32(trailer, uint32(v))
	}
	buf = gcm.Seal(buf, forgedNonce(1<<32-1), trailer, []byte("trailer"))
	f.put(path, buf)
	out := binary.AppendUvarint(bytes.Clone(n), uint64(len(buf)))
	return append(binary.AppendUvarint(out, uint64(len(chunks))), entry...)
}

// index encodes an index payload of packs as pack returns them.
func forgedIndex(supersedes [][]byte, packs ...[]byte) []byte {
	b := binary.AppendUvarint([]byte{1}, uint64(len(supersedes)))
	b = append(b, bytes.Join(supersedes, nil)...)
	b = binary.AppendUvarint(b, uint64(len(packs)))
	return append(b, bytes.Join(packs, nil)...)
}

// forgedField appends a field of chapters 10 and 12.
func forgedField(b []byte, tag uint64, v []byte) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, tag), uint64(len(v)))
	return append(b, v...)
}

// forgedList encodes an extent list (chapter 8). Its table has four ids more than it needs, so that it is
// never so short that its length takes one byte.
func forgedList(extents []repo.Extent) []byte {
	b := binary.AppendUvarint([]byte{1}, uint64(len(extents)+4))
	for _, e := range extents {
		b = append(b, e.Chunk[:]...)
	}
	b = append(b, make([]byte, 4*32)...)
	b = binary.AppendUvarint(b, uint64(len(extents)))
	for i, e := range extents {
		if e.Hole {
			b = binary.AppendUvarint(append(b, 0), uint64(e.Length))
			continue
		}
		b = binary.AppendUvarint(b, uint64(i+1))
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(e.Length)), uint64(e.Offset))
	}
	return b
}

// forgedTree encodes a tree block of exactly length bytes: a trailing entry fills it. Who refers to it
// can so be encoded before it, and be the block itself.
func forgedTree(nodes []repo.Node, length int) []byte {
	for fill := 0; ; fill++ {
		var e repo.NodeEncoder
		for i := range nodes {
			e.Add(&nodes[i])
		}
		e.Add(&repo.Node{Kind: repo.NodeSymlink, Name: "\xff", Target: "x", Local: make([]byte, fill)})
		b := e.Finish()
		if len(b) >= length {
			return b
		}
		fill += max(0, length-len(b)-4)
	}
}
