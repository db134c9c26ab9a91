package format

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
		{Kind: NodeDir, Name: "c folder", Mode: 0o1777, Owner: Owner{0, 0, "root", "root"}, MTime: 1, Files: 2, Size: 8204,
			Content: Content{Extents: []Extent{{Chunk: list, Length: 77}}}},
		{Kind: NodeFile, Name: "d\nfile \xff", Mode: 0o644, Owner: Owner{1000, 100, "ada", "users"}, MTime: -1, MNanos: 999_999_999, Size: 4108,
			Content: file, Link: 0x0102030405060708, Xattrs: []Xattr{{"user.a", []byte("1")}, {"user.b", nil}}},
		{Kind: NodeFile, Name: "e empty", Owner: Owner{1000, 100, "ada", "users"}, MTime: 1_700_000_000},
		{Kind: NodeFile, Name: "f long", Size: 1 << 40, Content: Content{Depth: 1, Extents: []Extent{{Chunk: list, Length: 99}}}},
		{Kind: NodeFIFO, Name: "g fifo"}, {Kind: NodeSocket, Name: "h socket"},
		{Kind: NodeSymlink, Name: "i link", Mode: 0o777, Target: "../elsewhere"},
	}
}

func vectorSnapshot(root ID, previous *Name) *Snapshot {
	return &Snapshot{
		Begin: time.Unix(1_700_000_000, 5), End: time.Unix(1_700_000_100, 0), Host: "laptop", User: "ada", Program: "holdfast 0.1",
		System: "linux",
		Root:   Content{Extents: []Extent{{Chunk: root, Length: 55}}}, Sources: []Source{{"home", "/home/ada"}, {"home (2)", "/mnt/home"}},
		Excludes: []string{"preset:caches", "*.iso"}, Files: 3, Dirs: 2, Bytes: 12_345, Previous: previous, Unread: 1,
	}
}

func vectorMark() Mark {
	return Mark{Pruner: [16]byte{15: 1}, Packs: []Name{{1}, {2}}, When: 1_700_000_000}
}

func vectorPending(root ID) Pending {
	return Pending{Indexes: []Name{{4}, {5}}, Snapshot: vectorSnapshot(root, nil)}
}

func makeVectors(t *testing.T) vectors {
	t.Helper()
	keyBytes, idBytes, secret, salt := seq(0), seq(32), seq(64), seq(96)
	key, err := backupkey.FromBytes(keyBytes[:])
	if err != nil {
		t.Fatal(err)
	}
	id := RepositoryID(idBytes)
	e := NewEpoch(id, secret, 1_700_000_000)
	random := seq(128)
	name := func(k ObjectKind) Name {
		var n Name
		copy(n[:24], random[:24])
		tag := e.nameTag(k, n)
		copy(n[24:], tag[:])
		return n
	}
	pack, index, snapshot := name(KindPack), name(KindIndex), name(KindSnapshot)
	text := hex.EncodeToString
	v := vectors{
		Comment:   "Worked examples of docs/format.md. All byte strings are hexadecimal.",
		BackupKey: text(keyBytes[:]), Repository: text(id[:]), Epoch: text(secret[:]),
		Keys: map[string]string{
			"key_id": key.ID().String(), "keyring_key": text(key.Derive(backupkey.LabelKeyringSeal, salt[:], 32)),
			"header_key": text(key.Derive(backupkey.LabelHeaderSeal, id[:], 32)),
			"name_key":   text(e.nameKey), "chunk_id_key": text(e.chunkIDKey), "chunker_key": text(e.chunkerKey),
			"pack_secret": text(e.packKey), "index_secret": text(e.indexKey), "snapshot_secret": text(e.snapshotKey),
			"prune_secret":                  text(e.pruneKey),
			"header_key_without_encryption": text(hkdfKey(secret[:], id[:], labelHeaderSeal)),
			"pack_key":                      text(hkdfKey(e.packKey, pack[:], labelObject)),
		},
		NameRandom: text(random[:24]),
		Names: map[string]string{"pack": pack.String(), "index": index.String(), "snapshot": snapshot.String(),
			"mark": name(KindMark).String(), "pending": name(KindPending).String(),
			"removal": name(KindRemoval).String(), "pin": name(KindPin).String()},
		Padme: map[string]int{}, ChunkIDs: map[string]string{}, CutAfter: map[string]bool{},
	}
	for _, n := range []int{1, 2, 9, 100, 1000, 1025, 65_537, 1_000_000, 33_554_433} {
		v.Padme[jsonNumber(n)] = Padme(n)
	}
	hasher := e.NewHasher()
	for _, s := range []string{"a", "holdfast"} {
		v.ChunkIDs[s] = hasher.ID([]byte(s)).String()
	}
	h := &Header{Format: HeaderFormat, Version: 1, Repository: text(id[:]),
		Guard: Guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 1}}
	h.SetSeal(key)
	v.Header = string(h.Encode())
	h.Guard = Guard{Protection: ProtectionNone, Epoch: text(secret[:])}
	h.SetSeal(nil)
	v.HeaderNone = string(h.Encode())
	v.closing(t, key, id, e, name(KindClosing), salt)
	data, list := hasher.ID([]byte("some content")), ID(seq(160))
	v.TreeBlock = text(encodeNodes(vectorNodes(data, list)))
	v.ListBlock = text(EncodeList([]Extent{{Chunk: data, Length: 12}, {Hole: true, Length: 1 << 30}, {Chunk: list, Offset: 4, Length: 8}}))

	c := e.PackCipher(pack)
	records := [][]byte{append([]byte{EncodingRaw}, "some content"...), append([]byte{EncodingRaw}, 1)}
	entries := []PackEntry{{data, KindData, 13, 12}, {hasher.ID([]byte{1}), KindTree, 2, 1}}
	var b []byte
	for i, r := range records {
		b = c.SealRecord(b, entries[i].ID, uint32(i), r)
	}
	b = c.SealTail(b, entries)
	v.Pack = text(b)
	tail, err := c.OpenTrailer(bytes.Clone(b[len(b)-TrailerSealed:]))
	if err != nil {
		t.Fatal(err)
	}
	at := len(b) - TrailerSealed - tail.Table
	table, err := c.aead.Open(nil, nonce(ordinalTable), b[at:at+tail.Table], []byte(aadTable))
	if err != nil {
		t.Fatal(err)
	}
	v.PackTable = text(table)

	payload := EncodeIndex([]Name{{9}}, []PackList{{pack, int64(len(b)), entries}})
	v.Index, v.IndexObj = text(payload), text(e.SealObject(id, KindIndex, index, payload))
	payload = EncodeSnapshot(vectorSnapshot(data, &Name{7}))
	v.Snapshot, v.SnapObj = text(payload), text(e.SealObject(id, KindSnapshot, snapshot, payload))
	v.Records, v.RecordObjects = map[string]string{}, map[string]string{}
	for kind, payload := range map[ObjectKind][]byte{
		KindMark: EncodeMark(vectorMark()), KindPending: EncodePending(vectorPending(data)),
		KindRemoval: EncodeRemoval([]Name{{1}, {2}}), KindPin: EncodeRemoval([]Name{{3}}),
	} {
		v.Records[kind.String()] = text(payload)
		v.RecordObjects[kind.String()] = text(e.SealObject(id, kind, name(kind), payload))
	}
	for _, s := range []string{"notes.txt", "photo", "x"} {
		v.CutAfter[s+" of 100000 bytes"] = e.CutAfter(s, 100_000, 384<<10)
	}
	return v
}

// closing makes what a change of the key leaves.
func (v *vectors) closing(t *testing.T, key *backupkey.Key, id RepositoryID, e *Epoch, list Name, salt [32]byte) {
	t.Helper()
	public, closed := NewEpoch(id, seq(11), 1_500_000_000).As(EpochPublic), NewEpoch(id, seq(12), 1_600_000_000).As(EpochClosed)
	removal := Name(seq(200))
	tag := closed.nameTag(KindRemoval, removal)
	copy(removal[24:], tag[:])
	sealed := closed.SealObject(id, KindRemoval, removal, EncodeRemoval([]Name{{9}}))
	payload := EncodeClosing(ClosedOver{{KindRemoval, removal}: sha256.Sum256(sealed), {KindSnapshot, Name{8}}: {7}})
	ring, err := SealKeyring(key, id, 2, &Keyring{Version: 2, Epochs: []*Epoch{public, closed, e}, Closing: &list}, salt)
	if err != nil {
		t.Fatal(err)
	}
	h := &Header{Format: HeaderFormat, Version: 2, Repository: hex.EncodeToString(id[:]),
		Guard: Guard{Protection: ProtectionKey, KeyID: key.ID().String(), Keyring: 2}}
	h.SetSeal(key)
	text := hex.EncodeToString
	v.Header2, v.Keyring2, v.ClosedObject = string(h.Encode()), text(ring), text(sealed)
	v.Epochs2 = []string{text(public.secret[:]), text(closed.secret[:]), text(e.secret[:])}
	v.Closing, v.ClosingObj = text(payload), text(e.SealObject(id, KindClosing, list, payload))
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
	ring, err := OpenKeyring(key, id, 2, raw(v.Keyring2))
	if err != nil || len(ring.Epochs) != 3 || ring.Legacy() || ring.Closing == nil || ring.Closing.String() != v.Names["closing"] {
		t.Fatalf("keyring 2: %+v, %v", ring, err)
	}
	for i, e := range ring.Epochs {
		if want := []EpochState{EpochPublic, EpochClosed, EpochCurrent}[i]; e.State != want || !bytes.Equal(e.secret[:], raw(v.Epochs2[i])) {
			t.Errorf("epoch %d has state %d", i, e.State)
		}
	}
	payload, err := ring.Epochs[2].OpenObject(id, KindClosing, *ring.Closing, raw(v.ClosingObj))
	if err != nil || !bytes.Equal(payload, raw(v.Closing)) {
		t.Fatalf("closing list: %v", err)
	}
	c, err := DecodeClosing(payload)
	removal, _ := ParseName(v.Names["closed removal"])
	if err != nil || len(c) != 2 || c[Reference{KindRemoval, removal}] != sha256.Sum256(raw(v.ClosedObject)) {
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
	ring, err := OpenKeyring(key, id, 1, raw(v.Keyring))
	if err != nil || len(ring.Epochs) != 1 || !ring.Legacy() || !bytes.Equal(ring.Epochs[0].secret[:], raw(v.Epoch)) {
		t.Fatalf("keyring: %v", err)
	}
	e := ring.Epochs[0]
	readClosing(t, v, key, id, raw)
	for text, k := range map[string]*backupkey.Key{v.Header: key, v.Header2: key, v.HeaderNone: nil} {
		h, err := ParseHeader([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.CheckSeal(k); err != nil {
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
	content, err := e.PackCipher(pack).OpenRecord(data, 0, b[:13+GCMTag], 12, nil)
	if err != nil || string(content) != "some content" {
		t.Errorf("record 0: %q, %v", content, err)
	}
	index, _ := ParseName(v.Names["index"])
	payload, err := e.OpenObject(id, KindIndex, index, raw(v.IndexObj))
	if err != nil || !bytes.Equal(payload, raw(v.Index)) {
		t.Errorf("index: %v", err)
	}
	snapshot, _ := ParseName(v.Names["snapshot"])
	payload, err = e.OpenObject(id, KindSnapshot, snapshot, raw(v.SnapObj))
	if err != nil {
		t.Fatal(err)
	}
	s, err := DecodeSnapshot(payload)
	if err != nil || !reflect.DeepEqual(s, vectorSnapshot(data, &Name{7})) {
		t.Errorf("snapshot: %v\n%+v", err, s)
	}
	record := func(kind ObjectKind) []byte {
		n, _ := ParseName(v.Names[kind.String()])
		payload, err := e.OpenObject(id, kind, n, raw(v.RecordObjects[kind.String()]))
		if err != nil {
			t.Error(err)
		}
		return payload
	}
	if m, err := DecodeMark(record(KindMark)); err != nil || !reflect.DeepEqual(m, vectorMark()) {
		t.Errorf("mark: %+v, %v", m, err)
	}
	if p, err := DecodePending(record(KindPending)); err != nil || !reflect.DeepEqual(p, vectorPending(data)) {
		t.Errorf("pending: %+v, %v", p, err)
	}
	if n, err := DecodeRemoval(record(KindRemoval)); err != nil || !reflect.DeepEqual(n, []Name{{1}, {2}}) {
		t.Errorf("removal: %v, %v", n, err)
	}
	c := e.PackCipher(pack)
	text := raw(v.ZstdText)
	zstdID := e.NewHasher().ID(text)
	got, err := c.OpenRecord(zstdID, 0, c.SealRecord(nil, zstdID, 0, raw(v.ZstdRecord)), len(text), nil)
	if err != nil || !bytes.Equal(got, text) {
		t.Errorf("zstd record: %v", err)
	}
}
