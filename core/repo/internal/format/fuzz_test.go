package format

// Every decoder of the format is fuzzed here: header, keyring, pack trailer and table,
// record, index, tree block, extent list, snapshot, object names. Those behind
// an AEAD get their plaintext from the fuzzer, as a hostile holder of the key
// could write it. What decodes must encode to the same meaning, and where the
// encoding is canonical, to the same bytes.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// fuzzEpoch has fixed keys, so that a saved crasher stays one.
func fuzzEpoch() (*backupkey.Key, RepositoryID, *Epoch) {
	k, err := backupkey.FromBytes(bytes.Repeat([]byte{7}, backupkey.Size))
	if err != nil {
		panic(err)
	}
	id := RepositoryID{1, 2, 3}
	return k, id, NewEpoch(id, [32]byte{4, 5, 6}, 1_700_000_000)
}

func mustBeDamage(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("%v is not called damage", err)
	}
}

func FuzzHeader(f *testing.F) {
	key, id, e := fuzzEpoch()
	for _, g := range []Guard{
		{Protection: ProtectionNone, Epoch: ID(e.secret).String()},
		{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 1},
	} {
		h := &Header{Format: HeaderFormat, Version: 1, Repository: ID(id).String(), Guard: g}
		h.SetSeal(key)
		f.Add(h.Encode())
		h.Next = &Guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 2}
		h.VaultCard = []byte(`{"name": "a vault"}`)
		h.SetSeal(key)
		f.Add(h.Encode())
	}
	f.Add([]byte(`{"format":"holdfast-backup","version":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotRepository) && !errors.Is(err, ErrNewerFormat) {
				t.Fatalf("unnamed: %v", err)
			}
			return
		}
		if !bytes.Equal(h.Encode(), b) {
			t.Fatal("two headers with one meaning")
		}
		_ = h.CheckSeal(key) // either way, without a panic
		h.Facts()
	})
}

func FuzzKeyring(f *testing.F) {
	key, id, e := fuzzEpoch()
	sealed, err := SealKeyring(key, id, 1, &Keyring{Version: 2, Epochs: []*Epoch{e.As(EpochPublic), e.As(EpochClosed), e}, Closing: &Name{3}},
		[32]byte{9})
	if err != nil {
		f.Fatal(err)
	}
	sealKey := key.Derive(backupkey.LabelKeyringSeal, sealed[:32], 32)
	aead := newAEAD(sealKey)
	plain, err := aead.Open(nil, nonce(0), sealed[32:], keyringAAD(id, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	v1 := make([]byte, KeyringBlock)
	v1[0], v1[1] = 1, 2
	f.Add(v1)
	f.Fuzz(func(t *testing.T, plain []byte) {
		object := aead.Seal(bytes.Clone(sealed[:32]), nonce(0), plain, keyringAAD(id, 1))
		ring, err := OpenKeyring(key, id, 1, object)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if ring.Legacy() {
			return
		}
		again, err := SealKeyring(key, id, 1, ring, [32]byte(sealed[:32]))
		if err != nil || !bytes.Equal(again, object) {
			t.Fatalf("two keyrings with one meaning (%v)", err)
		}
	})
}

func FuzzPackTail(f *testing.F) {
	_, _, e := fuzzEpoch()
	n := Name{1}
	c := e.PackCipher(n)
	entries := []PackEntry{{ID: ID{1}, Kind: KindData, Record: 10, Content: 9}, {ID: ID{2}, Kind: KindTree, Record: 20, Content: 100}}
	records := make([]byte, 10+20+2*GCMTag)
	pack := c.SealTail(bytes.Clone(records), entries)
	trailer, err := c.aead.Open(nil, nonce(ordinalTrailer), pack[len(pack)-TrailerSealed:], []byte(aadTrailer))
	if err != nil {
		f.Fatal(err)
	}
	at := len(pack) - TrailerSealed - len(entries)*TableEntry - GCMTag
	table, err := c.aead.Open(nil, nonce(ordinalTable), pack[at:len(pack)-TrailerSealed], []byte(aadTable))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(trailer, table, int64(len(pack)))
	f.Fuzz(func(t *testing.T, trailer, table []byte, size int64) {
		if len(trailer) != 16 {
			return // readers ask for exactly this much
		}
		tail, err := c.OpenTrailer(c.aead.Seal(nil, nonce(ordinalTrailer), trailer, []byte(aadTrailer)))
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if tail.Table != len(table)+GCMTag {
			return // readers read as much as the trailer says
		}
		got, err := c.OpenTable(c.aead.Seal(nil, nonce(ordinalTable), table, []byte(aadTable)), tail, size)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		total := int64(tail.padding + tail.Table + TrailerSealed)
		for _, e := range got {
			total += int64(e.Sealed())
		}
		if total != size || len(got) != tail.count {
			t.Fatalf("%d parts of %d bytes in a pack of %d", len(got), total, size)
		}
	})
}

func FuzzRecord(f *testing.F) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	text := bytes.Repeat([]byte("abc "), 100)
	f.Add(append([]byte{EncodingRaw}, text...), len(text))
	f.Add(enc.EncodeAll(text, []byte{EncodingZstd}), len(text))
	f.Add(enc.EncodeAll(make([]byte, MaxChunk+1), []byte{EncodingZstd}), MaxChunk)
	f.Fuzz(func(t *testing.T, record []byte, length int) {
		if len(record) == 0 || length < 0 || length > MaxChunk {
			return // what packEntry.valid refuses
		}
		got, err := decodeRecord(ID{1}, record, length, nil)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if len(got) != length {
			t.Fatalf("%d bytes, want %d", len(got), length)
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(EncodeIndex(nil, nil))
	f.Add(EncodeIndex([]Name{{1}}, []PackList{{Name: Name{2}, Size: 1000,
		Entries: []PackEntry{{ID: ID{3}, Kind: KindData, Record: 100, Content: 99}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		supersedes, packs, err := DecodeIndex(b)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if !bytes.Equal(EncodeIndex(supersedes, packs), b) {
			t.Fatal("two indexes with one meaning")
		}
	})
}

func FuzzTree(f *testing.F) {
	c := Content{Extents: []Extent{{Chunk: ID{1}, Offset: 3, Length: 10}, {Hole: true, Length: 5}}}
	f.Add(encodeNodes([]Node{
		{Kind: NodeFile, Name: "a", Mode: 0o644, MTime: -1, Size: 15, Content: c, Xattrs: []Xattr{{"user.x", []byte("1")}}, Link: 3},
		{Kind: NodeFile, Name: "b", Size: 1 << 40, Content: Content{Depth: 1, Extents: []Extent{{Chunk: ID{2}, Length: 50}}}},
		{Kind: NodeDir, Name: "c", Files: 2, Size: 9, Content: Content{Extents: []Extent{{Chunk: ID{2}, Length: 50}}},
			Owner: Owner{1, 2, "u", "g"}},
		{Kind: NodeSymlink, Name: "d", Target: "../x"}, {Kind: NodeFIFO, Name: "e"}, {Kind: NodeChar, Name: "f", Rdev: 259},
	}), "")
	f.Fuzz(func(t *testing.T, b []byte, after string) {
		nodes, err := decodeNodes(b, after)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		for i := range nodes {
			if n := &nodes[i]; !ValidName(n.Name) || n.Name <= after {
				t.Fatalf("the name %q was let through", n.Name)
			}
			after = nodes[i].Name
		}
		again, err := decodeNodes(encodeNodes(nodes), "")
		if err != nil || !reflect.DeepEqual(again, nodes) {
			t.Fatalf("not the same after encoding: %v", err)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(EncodeList([]Extent{{Chunk: ID{1}, Length: 10}, {Hole: true, Length: 1}, {Chunk: ID{1}, Offset: 10, Length: 4}}), 0)
	f.Add(EncodeList([]Extent{{Chunk: ID{1}, Length: 10}, {Chunk: ID{2}, Length: 10}}), 1)
	f.Fuzz(func(t *testing.T, b []byte, depth int) {
		extents, err := DecodeList(b, depth)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		for _, e := range extents {
			if e.Length < 1 || !e.Hole && int64(e.Offset)+e.Length > MaxChunk || depth > 0 && (e.Hole || e.Offset != 0) {
				t.Fatalf("the extent %+v was let through at depth %d", e, depth)
			}
		}
		again, err := DecodeList(EncodeList(extents), depth)
		if err != nil || !reflect.DeepEqual(again, extents) {
			t.Fatalf("not the same after encoding: %v", err)
		}
	})
}

func FuzzSnapshot(f *testing.F) {
	at := time.Unix(-3, 7)
	f.Add(EncodeSnapshot(&Snapshot{
		Begin: at, End: at, Host: "h", User: "u", Program: "p", System: "linux", Root: Content{Extents: []Extent{{Chunk: ID{1}, Length: 9}}},
		Sources: []Source{{"docs", "/docs"}}, Excludes: []string{"*.tmp"}, Files: 1, Dirs: 2, Bytes: 3, Previous: &Name{4}, Unread: 5,
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSnapshot(b)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		again, err := DecodeSnapshot(EncodeSnapshot(s))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("not the same after encoding: %v\n%+v\n%+v", err, again, s)
		}
	})
}

func FuzzObjectPath(f *testing.F) {
	_, _, e := fuzzEpoch()
	f.Add(KindPack.Path(e.NewName(KindPack)))
	f.Add(KindIndex.Path(e.NewName(KindIndex)))
	f.Add("keyring-12")
	f.Fuzz(func(t *testing.T, path string) {
		for _, k := range []ObjectKind{KindPack, KindIndex, KindSnapshot} {
			if n, ok := k.ParsePath(path); ok && k.Path(n) != path {
				t.Fatalf("%q is taken for %q", path, k.Path(n))
			}
		}
		if n, ok := ParseKeyringPath(path); ok && KeyringPath(n) != path {
			t.Fatalf("%q is taken for %q", path, KeyringPath(n))
		}
	})
}

// FuzzSealedObject: what a hostile destination serves in place of an index.
func FuzzSealedObject(f *testing.F) {
	_, id, e := fuzzEpoch()
	n := Name{8}
	f.Add(e.SealObject(id, KindIndex, n, EncodeIndex(nil, nil)), uint32(1))
	f.Fuzz(func(t *testing.T, sealed []byte, length uint32) {
		if _, err := e.OpenObject(id, KindIndex, n, bytes.Clone(sealed)); err != nil {
			mustBeDamage(t, err)
		}
		// The same bytes as a plaintext that a holder of the key sealed.
		plain := binary.BigEndian.AppendUint32(nil, length)
		own := e.objectAEAD(KindIndex, n).Seal(nil, nonce(0), append(plain, sealed...), sealedAAD(id, KindIndex))
		payload, err := e.OpenObject(id, KindIndex, n, bytes.Clone(own))
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if !bytes.Equal(e.SealObject(id, KindIndex, n, payload), own) {
			t.Fatal("two objects with one payload")
		}
	})
}

// The objects of chapter 12 come back as they were encoded, or are damage.
func FuzzPruneObjects(f *testing.F) {
	for _, b := range [][]byte{
		EncodeMark(vectorMark()), EncodePending(vectorPending(ID{1})), EncodePending(Pending{}), EncodeRemoval([]Name{{1}, {2}}),
		appendField(EncodeMark(vectorMark()), 9, []byte("later")),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := DecodeMark(b); err != nil {
			mustBeDamage(t, err)
		} else if again, err := DecodeMark(EncodeMark(m)); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("mark: %+v became %+v, %v", m, again, err)
		}
		if n, err := DecodeRemoval(b); err != nil {
			mustBeDamage(t, err)
		} else if again, err := DecodeRemoval(EncodeRemoval(n)); err != nil || !reflect.DeepEqual(again, n) {
			t.Errorf("removal: %v became %v, %v", n, again, err)
		}
		if p, err := DecodePending(b); err != nil {
			mustBeDamage(t, err)
		} else if again, err := DecodePending(EncodePending(p)); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("pending: %+v became %+v, %v", p, again, err)
		}
	})
}

// What takes little at the destination and much in memory is refused before it is decoded.
func TestManyThingsInFewBytes(t *testing.T) {
	holes := bytes.Repeat([]byte{0, 1}, maxListed+1)
	list := append(appendUvarint([]byte{1, 0}, maxListed+1), holes...)
	if _, err := DecodeList(list, 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("extents of a list: %v", err)
	}
	if _, err := DecodeList(append(appendUvarint([]byte{1, 0}, maxListed), holes[2:]...), 0); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	many := slices.Repeat([]Extent{{Hole: true, Length: 1}}, maxListed+1)
	block := encodeNodes([]Node{{Kind: NodeFile, Name: "a", Size: maxListed + 1, Content: Content{Extents: many}}})
	if _, err := decodeNodes(block, ""); !errors.Is(err, ErrDamaged) {
		t.Errorf("extents of an entry: %v", err)
	}
	var names []Xattr
	for i := range maxListed + 1 {
		names = append(names, Xattr{Name: fmt.Sprintf("%05x", i)})
	}
	if _, err := decodeNodes(encodeNodes([]Node{{Kind: NodeFIFO, Name: "a", Xattrs: names}}), ""); !errors.Is(err, ErrDamaged) {
		t.Errorf("attributes: %v", err)
	}
	owners := append(appendUvarint([]byte{1, 0}, maxListed+1), make([]byte, 4*(maxListed+1)+1)...)
	if _, err := NewNodeDecoder(owners, ""); !errors.Is(err, ErrDamaged) {
		t.Errorf("owners: %v", err)
	}
}
