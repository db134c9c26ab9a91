package repo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/holdfast-backup/holdfast/core/backupkey"
)

// The vectors pin every construction of docs/format.md. They are written once;
// -update is for a new construction, never to make a changed one pass.
var update = flag.Bool("update", false, "write core/repo/testdata/vectors.json anew")

const vectorsPath = "../../testdata/vectors.json"

type vectors struct {
	Comment    string            `json:"comment"`
	BackupKey  string            `json:"backup_key"`
	Repository string            `json:"repository_id"`
	Epoch      string            `json:"epoch_secret"`
	Keys       map[string]string `json:"derived_keys"`
	NameRandom string            `json:"name_random"`
	Names      map[string]string `json:"names"`
	Padme      map[string]int    `json:"padme"`
	ChunkIDs   map[string]string `json:"chunk_ids"`
	Header     string            `json:"header"`
	HeaderNone string            `json:"header_without_encryption"`
	Keyring    string            `json:"keyring_1"` // of version 1
	// Version 2: a public, a closed and a current epoch, of which epoch_secret is the last, and what the closing list names.
	Header2      string          `json:"header_2"`
	Keyring2     string          `json:"keyring_2"`
	Epochs2      []string        `json:"keyring_2_epoch_secrets"`
	Closing      string          `json:"closing_payload"`
	ClosingObj   string          `json:"closing_object"`
	ClosedObject string          `json:"closed_object"` // a removal of the closed epoch, as it is stored; its name is in the list
	TreeBlock    string          `json:"tree_block"`
	ListBlock    string          `json:"list_block"`
	Pack         string          `json:"pack"`
	PackTable    string          `json:"pack_table"`
	Index        string          `json:"index_payload"`
	IndexObj     string          `json:"index_object"`
	Snapshot     string          `json:"snapshot_payload"`
	SnapObj      string          `json:"snapshot_object"`
	CutAfter     map[string]bool `json:"bundle_cut_after"`
	ZstdRecord   string          `json:"zstd_record"`
	ZstdText     string          `json:"zstd_content"`
	// Chapter 12: payloads and objects by kind.
	Records       map[string]string `json:"record_payloads"`
	RecordObjects map[string]string `json:"record_objects"`
}

func seq(from byte) (b [32]byte) {
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

// vectorNodes, vectorExtents and vectorSnapshot use every kind and every field.
func vectorNodes(data, list ID) []Node {
	file := Content{Extents: []Extent{{Chunk: data, Offset: 2, Length: 5}, {Hole: true, Length: 4096}, {Chunk: data, Length: 7}}}
	return []Node{
		{Kind: NodeBlock, Name: "a block", Mode: 0o660, Rdev: 2049},
		{Kind: NodeChar, Name: "b char", Mode: 0o666, Rdev: 259},
		{Kind: NodeDir, Name: "c folder", Mode: 0o1777, Owner: Owner{0, 0, "root", "root"}, MTime: 1, Files: 2, Size: 8204, Content: Content{Extents: []Extent{{Chunk: list, Length: 77}}}},
		{Kind: NodeFile, Name: "d\nfile \xff", Mode: 0o644, Owner: Owner{1000, 100, "ada", "users"}, MTime: -1, MNanos: 999_999_999, Size: 4108, Content: file, Link: 0x0102030405060708, Xattrs: []Xattr{{"user.a", []byte("1")}, {"user.b", nil}}},
		{Kind: NodeFile, Name: "e empty", Owner: Owner{1000, 100, "ada", "users"}, MTime: 1_700_000_000},
		{Kind: NodeFile, Name: "f long", Size: 1 << 40, Content: Content{Depth: 1, Extents: []Extent{{Chunk: list, Length: 99}}}},
		{Kind: NodeFIFO, Name: "g fifo"}, {Kind: NodeSocket, Name: "h socket"},
		{Kind: NodeSymlink, Name: "i link", Mode: 0o777, Target: "../elsewhere"},
	}
}

func vectorSnapshot(root ID, previous *Name) *Snapshot {
	return &Snapshot{
		Begin: time.Unix(1_700_000_000, 5), End: time.Unix(1_700_000_100, 0), Host: "laptop", User: "ada", Program: "holdfast 0.1", System: "linux",
		Root: Content{Extents: []Extent{{Chunk: root, Length: 55}}}, Sources: []Source{{"home", "/home/ada"}, {"home (2)", "/mnt/home"}},
		Excludes: []string{"preset:caches", "*.iso"}, Files: 3, Dirs: 2, Bytes: 12_345, Previous: previous, Unread: 1,
	}
}

func vectorMark() mark {
	return mark{pruner: [16]byte{15: 1}, packs: []Name{{1}, {2}}, when: 1_700_000_000}
}

func vectorPending(root ID) pending {
	return pending{indexes: []Name{{4}, {5}}, snapshot: vectorSnapshot(root, nil)}
}

func makeVectors(t *testing.T) vectors {
	t.Helper()
	keyBytes, idBytes, secret, salt := seq(0), seq(32), seq(64), seq(96)
	key, err := backupkey.FromBytes(keyBytes[:])
	if err != nil {
		t.Fatal(err)
	}
	id := RepositoryID(idBytes)
	e := newEpoch(id, secret, 1_700_000_000)
	random := seq(128)
	name := func(k objectKind) Name {
		var n Name
		copy(n[:24], random[:24])
		tag := e.nameTag(k, n)
		copy(n[24:], tag[:])
		return n
	}
	pack, index, snapshot := name(kindPack), name(kindIndex), name(kindSnapshot)
	text := hex.EncodeToString
	v := vectors{
		Comment:   "Worked examples of docs/format.md. All byte strings are hexadecimal.",
		BackupKey: text(keyBytes[:]), Repository: text(id[:]), Epoch: text(secret[:]),
		Keys: map[string]string{
			"key_id": key.ID().String(), "keyring_key": text(key.Derive(backupkey.LabelKeyringSeal, salt[:], 32)),
			"header_key": text(key.Derive(backupkey.LabelHeaderSeal, id[:], 32)),
			"name_key":   text(e.nameKey), "chunk_id_key": text(e.chunkIDKey), "chunker_key": text(e.chunkerKey),
			"pack_secret": text(e.packKey), "index_secret": text(e.indexKey), "snapshot_secret": text(e.snapshotKey), "prune_secret": text(e.pruneKey),
			"header_key_without_encryption": text(hkdfKey(secret[:], id[:], labelHeaderSeal)),
			"pack_key":                      text(hkdfKey(e.packKey, pack[:], labelObject)),
		},
		NameRandom: text(random[:24]),
		Names:      map[string]string{"pack": pack.String(), "index": index.String(), "snapshot": snapshot.String(), "mark": name(kindMark).String(), "pending": name(kindPending).String(), "removal": name(kindRemoval).String(), "pin": name(kindPin).String()},
		Padme:      map[string]int{}, ChunkIDs: map[string]string{}, CutAfter: map[string]bool{},
	}
	for _, n := range []int{1, 2, 9, 100, 1000, 1025, 65_537, 1_000_000, 33_554_433} {
		v.Padme[jsonNumber(n)] = padme(n)
	}
	hasher := e.NewHasher()
	for _, s := range []string{"a", "holdfast"} {
		v.ChunkIDs[s] = hasher.ID([]byte(s)).String()
	}
	h := &header{Format: headerFormat, Version: 1, Repository: text(id[:]), guard: guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 1}}
	h.setSeal(key)
	v.Header = string(h.encode())
	h.guard = guard{Protection: ProtectionNone, Epoch: text(secret[:])}
	h.setSeal(nil)
	v.HeaderNone = string(h.encode())
	v.closing(t, key, id, e, name(kindClosing), salt)
	data, list := hasher.ID([]byte("some content")), ID(seq(160))
	v.TreeBlock = text(encodeNodes(vectorNodes(data, list)))
	v.ListBlock = text(encodeList([]Extent{{Chunk: data, Length: 12}, {Hole: true, Length: 1 << 30}, {Chunk: list, Offset: 4, Length: 8}}))

	c := e.packCipher(pack)
	records := [][]byte{append([]byte{encodingRaw}, "some content"...), append([]byte{encodingRaw}, 1)}
	entries := []packEntry{{data, KindData, 13, 12}, {hasher.ID([]byte{1}), KindTree, 2, 1}}
	var b []byte
	for i, r := range records {
		b = c.sealRecord(b, entries[i].id, uint32(i), r)
	}
	b = c.sealTail(b, entries)
	v.Pack = text(b)
	tail, err := c.openTrailer(bytes.Clone(b[len(b)-trailerSealed:]))
	if err != nil {
		t.Fatal(err)
	}
	at := len(b) - trailerSealed - tail.table
	table, err := c.aead.Open(nil, nonce(ordinalTable), b[at:at+tail.table], []byte(aadTable))
	if err != nil {
		t.Fatal(err)
	}
	v.PackTable = text(table)

	payload := encodeIndex([]Name{{9}}, []packList{{pack, int64(len(b)), entries}})
	v.Index, v.IndexObj = text(payload), text(e.sealObject(id, kindIndex, index, payload))
	payload = encodeSnapshot(vectorSnapshot(data, &Name{7}))
	v.Snapshot, v.SnapObj = text(payload), text(e.sealObject(id, kindSnapshot, snapshot, payload))
	v.Records, v.RecordObjects = map[string]string{}, map[string]string{}
	for kind, payload := range map[objectKind][]byte{
		kindMark: encodeMark(vectorMark()), kindPending: encodePending(vectorPending(data)),
		kindRemoval: encodeRemoval([]Name{{1}, {2}}), kindPin: encodeRemoval([]Name{{3}}),
	} {
		v.Records[kind.String()] = text(payload)
		v.RecordObjects[kind.String()] = text(e.sealObject(id, kind, name(kind), payload))
	}
	for _, s := range []string{"notes.txt", "photo", "x"} {
		v.CutAfter[s+" of 100000 bytes"] = e.CutAfter(s, 100_000, 384<<10)
	}
	return v
}

// closing makes what a change of the key leaves.
func (v *vectors) closing(t *testing.T, key *backupkey.Key, id RepositoryID, e *Epoch, list Name, salt [32]byte) {
	t.Helper()
	public, closed := newEpoch(id, seq(11), 1_500_000_000).as(epochPublic), newEpoch(id, seq(12), 1_600_000_000).as(epochClosed)
	removal := Name(seq(200))
	tag := closed.nameTag(kindRemoval, removal)
	copy(removal[24:], tag[:])
	sealed := closed.sealObject(id, kindRemoval, removal, encodeRemoval([]Name{{9}}))
	payload := encodeClosing(closedOver{{kindRemoval, removal}: sha256.Sum256(sealed), {kindSnapshot, Name{8}}: {7}})
	ring, err := sealKeyring(key, id, 2, &keyring{version: 2, epochs: []*Epoch{public, closed, e}, closing: &list}, salt)
	if err != nil {
		t.Fatal(err)
	}
	h := &header{Format: headerFormat, Version: 2, Repository: hex.EncodeToString(id[:]), guard: guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 2}}
	h.setSeal(key)
	text := hex.EncodeToString
	v.Header2, v.Keyring2, v.ClosedObject = string(h.encode()), text(ring), text(sealed)
	v.Epochs2 = []string{text(public.secret[:]), text(closed.secret[:]), text(e.secret[:])}
	v.Closing, v.ClosingObj = text(payload), text(e.sealObject(id, kindClosing, list, payload))
	v.Names["closing"], v.Names["closed removal"] = list.String(), removal.String()
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n) // a number always encodes
	return string(b)
}

func TestVectors(t *testing.T) {
	got := makeVectors(t)
	old, err := os.ReadFile(vectorsPath)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var want vectors
	if err == nil {
		if err := json.Unmarshal(old, &want); err != nil {
			t.Fatal(err)
		}
	}
	// A zstd frame is pinned from the outside: encoders may differ, readers not.
	got.ZstdRecord, got.ZstdText = want.ZstdRecord, want.ZstdText
	got.Keyring = want.Keyring // nobody writes version 1 any more
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsPath, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s:\n got %v\nwant %v", g.Type().Field(i).Name, g.Field(i), w.Field(i))
		}
	}
	readVectors(t, want)
}

// readClosing reads what a change of the key has left.
func readClosing(t *testing.T, v vectors, key *backupkey.Key, id RepositoryID, raw func(string) []byte) {
	t.Helper()
	ring, err := openKeyring(key, id, 2, raw(v.Keyring2))
	if err != nil || len(ring.epochs) != 3 || ring.legacy() || ring.closing == nil || ring.closing.String() != v.Names["closing"] {
		t.Fatalf("keyring 2: %+v, %v", ring, err)
	}
	for i, e := range ring.epochs {
		if want := []epochState{epochPublic, epochClosed, epochCurrent}[i]; e.state != want || !bytes.Equal(e.secret[:], raw(v.Epochs2[i])) {
			t.Errorf("epoch %d has state %d", i, e.state)
		}
	}
	payload, err := ring.epochs[2].openObject(id, kindClosing, *ring.closing, raw(v.ClosingObj))
	if err != nil || !bytes.Equal(payload, raw(v.Closing)) {
		t.Fatalf("closing list: %v", err)
	}
	c, err := decodeClosing(payload)
	removal, _ := ParseName(v.Names["closed removal"])
	if err != nil || len(c) != 2 || c[reference{kindRemoval, removal}] != sha256.Sum256(raw(v.ClosedObject)) {
		t.Errorf("closing list: %v, %v", c, err)
	}
}

// readVectors reads the pinned objects with the decoders.
func readVectors(t *testing.T, v vectors) {
	t.Helper()
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, err := backupkey.FromBytes(raw(v.BackupKey))
	if err != nil {
		t.Fatal(err)
	}
	id := RepositoryID(raw(v.Repository))
	ring, err := openKeyring(key, id, 1, raw(v.Keyring))
	if err != nil || len(ring.epochs) != 1 || !ring.legacy() || !bytes.Equal(ring.epochs[0].secret[:], raw(v.Epoch)) {
		t.Fatalf("keyring: %v", err)
	}
	e := ring.epochs[0]
	readClosing(t, v, key, id, raw)
	for text, k := range map[string]*backupkey.Key{v.Header: key, v.Header2: key, v.HeaderNone: nil} {
		h, err := parseHeader([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.checkSeal(k); err != nil {
			t.Error(err)
		}
	}
	data := e.NewHasher().ID([]byte("some content"))
	nodes, err := decodeNodes(raw(v.TreeBlock), "")
	if want := vectorNodes(data, ID(seq(160))); err != nil || !bytes.Equal(encodeNodes(nodes), encodeNodes(want)) {
		t.Errorf("tree: %v\n%+v", err, nodes)
	}
	pack, _ := ParseName(v.Names["pack"])
	b := raw(v.Pack)
	content, err := e.packCipher(pack).openRecord(data, 0, b[:13+gcmTag], 12, nil)
	if err != nil || string(content) != "some content" {
		t.Errorf("record 0: %q, %v", content, err)
	}
	index, _ := ParseName(v.Names["index"])
	payload, err := e.openObject(id, kindIndex, index, raw(v.IndexObj))
	if err != nil || !bytes.Equal(payload, raw(v.Index)) {
		t.Errorf("index: %v", err)
	}
	snapshot, _ := ParseName(v.Names["snapshot"])
	payload, err = e.openObject(id, kindSnapshot, snapshot, raw(v.SnapObj))
	if err != nil {
		t.Fatal(err)
	}
	s, err := decodeSnapshot(payload)
	if err != nil || !reflect.DeepEqual(s, vectorSnapshot(data, &Name{7})) {
		t.Errorf("snapshot: %v\n%+v", err, s)
	}
	record := func(kind objectKind) []byte {
		n, _ := ParseName(v.Names[kind.String()])
		payload, err := e.openObject(id, kind, n, raw(v.RecordObjects[kind.String()]))
		if err != nil {
			t.Error(err)
		}
		return payload
	}
	if m, err := decodeMark(record(kindMark)); err != nil || !reflect.DeepEqual(m, vectorMark()) {
		t.Errorf("mark: %+v, %v", m, err)
	}
	if p, err := decodePending(record(kindPending)); err != nil || !reflect.DeepEqual(p, vectorPending(data)) {
		t.Errorf("pending: %+v, %v", p, err)
	}
	if n, err := decodeRemoval(record(kindRemoval)); err != nil || !reflect.DeepEqual(n, []Name{{1}, {2}}) {
		t.Errorf("removal: %v, %v", n, err)
	}
	c := e.packCipher(pack)
	text := raw(v.ZstdText)
	zstdID := e.NewHasher().ID(text)
	got, err := c.openRecord(zstdID, 0, c.sealRecord(nil, zstdID, 0, raw(v.ZstdRecord)), len(text), nil)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("zstd record: %v", err)
	}
}
