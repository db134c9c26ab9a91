package repo

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
	return k, id, newEpoch(id, [32]byte{4, 5, 6}, 1_700_000_000)
}

func mustBeDamage(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("%v is not called damage", err)
	}
}

func FuzzHeader(f *testing.F) {
	key, id, e := fuzzEpoch()
	for _, g := range []guard{
		{Protection: ProtectionNone, Epoch: ID(e.secret).String()},
		{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 1},
	} {
		h := &header{Format: headerFormat, Version: 1, Repository: ID(id).String(), guard: g}
		h.setSeal(key)
		f.Add(h.encode())
		h.Next = &guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 2}
		h.VaultCard = []byte(`{"name": "a vault"}`)
		h.setSeal(key)
		f.Add(h.encode())
	}
	f.Add([]byte(`{"format":"holdfast-backup","version":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotRepository) && !errors.Is(err, ErrNewerFormat) {
				t.Fatalf("unnamed: %v", err)
			}
			return
		}
		if !bytes.Equal(h.encode(), b) {
			t.Fatal("two headers with one meaning")
		}
		_ = h.checkSeal(key) // either way, without a panic
		h.facts()
	})
}

func FuzzKeyring(f *testing.F) {
	key, id, e := fuzzEpoch()
	sealed, err := sealKeyring(key, id, 1, &keyring{version: 2, epochs: []*Epoch{e.as(epochPublic), e.as(epochClosed), e}, closing: &Name{3}}, [32]byte{9})
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
	v1 := make([]byte, keyringBlock)
	v1[0], v1[1] = 1, 2
	f.Add(v1)
	f.Fuzz(func(t *testing.T, plain []byte) {
		object := aead.Seal(bytes.Clone(sealed[:32]), nonce(0), plain, keyringAAD(id, 1))
		ring, err := openKeyring(key, id, 1, object)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if ring.legacy() {
			return
		}
		again, err := sealKeyring(key, id, 1, ring, [32]byte(sealed[:32]))
		if err != nil || !bytes.Equal(again, object) {
			t.Fatalf("two keyrings with one meaning (%v)", err)
		}
	})
}

func FuzzPackTail(f *testing.F) {
	_, _, e := fuzzEpoch()
	n := Name{1}
	c := e.packCipher(n)
	entries := []packEntry{{id: ID{1}, kind: KindData, record: 10, content: 9}, {id: ID{2}, kind: KindTree, record: 20, content: 100}}
	records := make([]byte, 10+20+2*gcmTag)
	pack := c.sealTail(bytes.Clone(records), entries)
	trailer, err := c.aead.Open(nil, nonce(ordinalTrailer), pack[len(pack)-trailerSealed:], []byte(aadTrailer))
	if err != nil {
		f.Fatal(err)
	}
	at := len(pack) - trailerSealed - len(entries)*tableEntry - gcmTag
	table, err := c.aead.Open(nil, nonce(ordinalTable), pack[at:len(pack)-trailerSealed], []byte(aadTable))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(trailer, table, int64(len(pack)))
	f.Fuzz(func(t *testing.T, trailer, table []byte, size int64) {
		if len(trailer) != 16 {
			return // readers ask for exactly this much
		}
		tail, err := c.openTrailer(c.aead.Seal(nil, nonce(ordinalTrailer), trailer, []byte(aadTrailer)))
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if tail.table != len(table)+gcmTag {
			return // readers read as much as the trailer says
		}
		got, err := c.openTable(c.aead.Seal(nil, nonce(ordinalTable), table, []byte(aadTable)), tail, size)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		total := int64(tail.padding + tail.table + trailerSealed)
		for _, e := range got {
			total += int64(e.sealed())
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
	f.Add(append([]byte{encodingRaw}, text...), len(text))
	f.Add(enc.EncodeAll(text, []byte{encodingZstd}), len(text))
	f.Add(enc.EncodeAll(make([]byte, MaxChunk+1), []byte{encodingZstd}), MaxChunk)
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
	f.Add(encodeIndex(nil, nil))
	f.Add(encodeIndex([]Name{{1}}, []packList{{name: Name{2}, size: 1000, entries: []packEntry{{id: ID{3}, kind: KindData, record: 100, content: 99}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		supersedes, packs, err := decodeIndex(b)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if !bytes.Equal(encodeIndex(supersedes, packs), b) {
			t.Fatal("two indexes with one meaning")
		}
	})
}

func FuzzTree(f *testing.F) {
	c := Content{Extents: []Extent{{Chunk: ID{1}, Offset: 3, Length: 10}, {Hole: true, Length: 5}}}
	f.Add(encodeNodes([]Node{
		{Kind: NodeFile, Name: "a", Mode: 0o644, MTime: -1, Size: 15, Content: c, Xattrs: []Xattr{{"user.x", []byte("1")}}, Link: 3},
		{Kind: NodeFile, Name: "b", Size: 1 << 40, Content: Content{Depth: 1, Extents: []Extent{{Chunk: ID{2}, Length: 50}}}},
		{Kind: NodeDir, Name: "c", Files: 2, Size: 9, Content: Content{Extents: []Extent{{Chunk: ID{2}, Length: 50}}}, Owner: Owner{1, 2, "u", "g"}},
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
	f.Add(encodeList([]Extent{{Chunk: ID{1}, Length: 10}, {Hole: true, Length: 1}, {Chunk: ID{1}, Offset: 10, Length: 4}}), 0)
	f.Add(encodeList([]Extent{{Chunk: ID{1}, Length: 10}, {Chunk: ID{2}, Length: 10}}), 1)
	f.Fuzz(func(t *testing.T, b []byte, depth int) {
		extents, err := decodeList(b, depth)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		for _, e := range extents {
			if e.Length < 1 || !e.Hole && int64(e.Offset)+e.Length > MaxChunk || depth > 0 && (e.Hole || e.Offset != 0) {
				t.Fatalf("the extent %+v was let through at depth %d", e, depth)
			}
		}
		again, err := decodeList(encodeList(extents), depth)
		if err != nil || !reflect.DeepEqual(again, extents) {
			t.Fatalf("not the same after encoding: %v", err)
		}
	})
}

func FuzzSnapshot(f *testing.F) {
	at := time.Unix(-3, 7)
	f.Add(encodeSnapshot(&Snapshot{
		Begin: at, End: at, Host: "h", User: "u", Program: "p", System: "linux", Root: Content{Extents: []Extent{{Chunk: ID{1}, Length: 9}}},
		Sources: []Source{{"docs", "/docs"}}, Excludes: []string{"*.tmp"}, Files: 1, Dirs: 2, Bytes: 3, Previous: &Name{4}, Unread: 5,
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSnapshot(b)
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		again, err := decodeSnapshot(encodeSnapshot(s))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("not the same after encoding: %v\n%+v\n%+v", err, again, s)
		}
	})
}

func FuzzObjectPath(f *testing.F) {
	_, _, e := fuzzEpoch()
	f.Add(kindPack.path(e.newName(kindPack)))
	f.Add(kindIndex.path(e.newName(kindIndex)))
	f.Add("keyring-12")
	f.Fuzz(func(t *testing.T, path string) {
		for _, k := range []objectKind{kindPack, kindIndex, kindSnapshot} {
			if n, ok := k.parsePath(path); ok && k.path(n) != path {
				t.Fatalf("%q is taken for %q", path, k.path(n))
			}
		}
		if n, ok := parseKeyringPath(path); ok && keyringPath(n) != path {
			t.Fatalf("%q is taken for %q", path, keyringPath(n))
		}
	})
}

// FuzzSealedObject: what a hostile destination serves in place of an index.
func FuzzSealedObject(f *testing.F) {
	_, id, e := fuzzEpoch()
	n := Name{8}
	f.Add(e.sealObject(id, kindIndex, n, encodeIndex(nil, nil)), uint32(1))
	f.Fuzz(func(t *testing.T, sealed []byte, length uint32) {
		if _, err := e.openObject(id, kindIndex, n, bytes.Clone(sealed)); err != nil {
			mustBeDamage(t, err)
		}
		// The same bytes as a plaintext that a holder of the key sealed.
		plain := binary.BigEndian.AppendUint32(nil, length)
		own := e.objectAEAD(kindIndex, n).Seal(nil, nonce(0), append(plain, sealed...), sealedAAD(id, kindIndex))
		payload, err := e.openObject(id, kindIndex, n, bytes.Clone(own))
		if err != nil {
			mustBeDamage(t, err)
			return
		}
		if !bytes.Equal(e.sealObject(id, kindIndex, n, payload), own) {
			t.Fatal("two objects with one payload")
		}
	})
}

// The objects of chapter 12 come back as they were encoded, or are damage.
func FuzzPruneObjects(f *testing.F) {
	for _, b := range [][]byte{
		encodeMark(vectorMark()), encodePending(vectorPending(ID{1})), encodePending(pending{}), encodeRemoval([]Name{{1}, {2}}),
		appendField(encodeMark(vectorMark()), 9, []byte("later")),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeMark(b); err != nil {
			mustBeDamage(t, err)
		} else if again, err := decodeMark(encodeMark(m)); err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("mark: %+v became %+v, %v", m, again, err)
		}
		if n, err := decodeRemoval(b); err != nil {
			mustBeDamage(t, err)
		} else if again, err := decodeRemoval(encodeRemoval(n)); err != nil || !reflect.DeepEqual(again, n) {
			t.Errorf("removal: %v became %v, %v", n, again, err)
		}
		if p, err := decodePending(b); err != nil {
			mustBeDamage(t, err)
		} else if again, err := decodePending(encodePending(p)); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("pending: %+v became %+v, %v", p, again, err)
		}
	})
}

// What takes little at the destination and much in memory is refused before it is decoded.
func TestManyThingsInFewBytes(t *testing.T) {
	holes := bytes.Repeat([]byte{0, 1}, maxListed+1)
	list := append(appendUvarint([]byte{1, 0}, maxListed+1), holes...)
	if _, err := decodeList(list, 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("extents of a list: %v", err)
	}
	if _, err := decodeList(append(appendUvarint([]byte{1, 0}, maxListed), holes[2:]...), 0); err != nil {
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
