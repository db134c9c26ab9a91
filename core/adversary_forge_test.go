package core_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"

	"github.com/holdfast-backup/holdfast/core/repo"
	"github.com/holdfast-backup/holdfast/core/store"
)

// forgedText is what nobody ever backed up. A restore that gives it has believed the cloud.
const forgedText = "the cloud wrote this"

// forge writes what the cloud can sign, by epochs that it knows and by a header that needs no secret.
func (c *cloud) forge(m *store.Memory) {
	known := make([][32]byte, 0, len(c.public))
	for e := range c.public {
		known = append(known, e)
	}
	slices.SortFunc(known, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	if c.rand.IntN(3) == 0 {
		own := sha256.Sum256(fmt.Append(nil, c.rand.Uint64()))
		if len(known) > 0 && c.rand.IntN(2) == 0 {
			own = known[c.rand.IntN(len(known))]
		}
		c.forgeHeader(m, own)
		c.forgeBackup(m, own)
	}
	for _, e := range known {
		if c.rand.IntN(2) == 0 {
			c.forgeBackup(m, e)
		}
		if c.rand.IntN(3) == 0 {
			c.forgeRemoval(m, e)
		}
		if c.rand.IntN(3) == 0 {
			c.forgeIndex(m, e)
		}
		if c.rand.IntN(3) == 0 {
			c.reseal(m, e)
		}
	}
	if c.rand.IntN(4) == 0 {
		for _, n := range []uint32{1<<32 - 1, 1<<32 - 2, 1 << 20, uint32(2 + c.rand.IntN(4))} {
			_ = m.Put(context.Background(), fmt.Sprint("keyring-", n), bytes.Repeat([]byte{3}, 1072)) // taken is as good
		}
	}
}

func (c *cloud) forger(m *store.Memory, epoch [32]byte) *forger {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		c.t.Fatal(err)
	}
	return &forger{t: c.t, s: m, id: c.id, epoch: epoch[:], zstd: enc}
}

// chunkID is an honest id of a chunk.
func (f *forger) chunkID(content []byte) (id repo.ID) {
	h, err := blake3.NewKeyed(f.derive(f.epoch, f.id, "holdfast epoch chunk-id v1"))
	if err != nil {
		f.t.Fatal(err)
	}
	_, _ = h.Write(content)
	copy(id[:], h.Sum(nil))
	return id
}

type forgedGuard struct {
	Protection string `json:"protection"`
	KeyID      string `json:"key_id,omitempty"`
	Keyring    uint32 `json:"keyring,omitempty"`
	Epoch      string `json:"epoch,omitempty"`
}

// forgeHeader puts a header that claims that there is no encryption, sometimes with a change that is said to be under way.
func (c *cloud) forgeHeader(m *store.Memory, epoch [32]byte) {
	if c.rand.IntN(2) == 0 {
		c.forgePlainHeader(m, epoch)
		return
	}
	var genuine struct {
		KeyID   string `json:"key_id"`
		Keyring uint32
	}
	_ = json.Unmarshal(c.pick(c.versions["holdfast.json"]), &genuine) // an empty one is refused
	if genuine.Keyring > 0 {
		c.forgeChangingHeader(m, epoch, &forgedGuard{Protection: "key", KeyID: genuine.KeyID, Keyring: genuine.Keyring})
	}
}

func (c *cloud) forgePlainHeader(m *store.Memory, epoch [32]byte) {
	c.forgeChangingHeader(m, epoch, nil)
}

func (c *cloud) forgeChangingHeader(m *store.Memory, epoch [32]byte, next *forgedGuard) {
	h := struct {
		Format     string `json:"format"`
		Version    int    `json:"version"`
		Repository string `json:"repository"`
		forgedGuard
		Next *forgedGuard `json:"next,omitempty"`
		Seal string       `json:"seal"`
	}{
		Format: "holdfast-backup", Version: 2, Repository: hex.EncodeToString(c.id),
		forgedGuard: forgedGuard{Protection: "none", Epoch: hex.EncodeToString(epoch[:])}, Next: next,
	}
	f := c.forger(m, epoch)
	encode := func() []byte {
		b, err := json.MarshalIndent(h, "", "  ")
		if err != nil {
			c.t.Fatal(err)
		}
		return append(b, '\n')
	}
	mac := hmac.New(sha256.New, f.derive(epoch[:], c.id, "holdfast epoch header-seal v1"))
	_, _ = mac.Write(encode())
	h.Seal = hex.EncodeToString(mac.Sum(nil))
	if err := m.Replace(context.Background(), "holdfast.json", encode()); err != nil {
		c.t.Fatal(err)
	}
}

// forgeBackup writes a whole backup, newer than any other, under an epoch.
func (c *cloud) forgeBackup(m *store.Memory, epoch [32]byte) {
	f := c.forger(m, epoch)
	data := []byte(forgedText)
	dataID := f.chunkID(data)
	file := repo.Node{Kind: repo.NodeFile, Name: "a.txt", Mode: 0o644, Size: int64(len(data)),
		Content: repo.Content{Extents: []repo.Extent{{Chunk: dataID, Length: int64(len(data))}}}}
	docs := forgedTree([]repo.Node{file}, 0)
	docsID := f.chunkID(docs)
	root := forgedTree([]repo.Node{{Kind: repo.NodeDir, Name: "src", Mode: 0o755, Files: 1, Size: file.Size,
		Content: repo.Content{Extents: []repo.Extent{{Chunk: docsID, Length: int64(len(docs))}}}}}, 0)
	rootID := f.chunkID(root)
	pack := f.pack([]forgedChunk{{id: dataID, content: data}})
	meta := f.pack([]forgedChunk{{id: docsID, kind: 1, content: docs}, {id: rootID, kind: 1, content: root}})
	f.object("index", forgedIndex(nil, pack, meta))
	f.object("snapshot", forgedSnapshot(rootID, len(root)))
}

func forgedSnapshot(root repo.ID, length int) []byte {
	moment := func(t time.Time) []byte {
		return binary.AppendUvarint(binary.AppendVarint(nil, t.Unix()), 0)
	}
	now := time.Now().Add(time.Minute)
	b := forgedField(nil, 1, moment(now))
	b = forgedField(b, 2, moment(now))
	b = forgedField(b, 3, []byte("host"))
	b = forgedField(b, 6, binary.AppendUvarint(bytes.Clone(root[:]), uint64(length)))
	b = forgedField(b, 7, append(binary.AppendUvarint(nil, 3),
		append([]byte("src"), append(binary.AppendUvarint(nil, 4), []byte("/src")...)...)...))
	return forgedField(b, 9, binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(nil, 1), 1), 20))
}

// forgeRemoval says of every snapshot there is that it was deleted on purpose.
func (c *cloud) forgeRemoval(m *store.Memory, epoch [32]byte) {
	var b []byte
	for _, name := range c.names(m, "snapshots/") {
		n, _ := hex.DecodeString(strings.TrimPrefix(name, "snapshots/"))
		b = forgedField(b, 1, n)
	}
	c.forger(m, epoch).object("removal", b)
}

func (c *cloud) names(m *store.Memory, prefix string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(contents(c.t, m))) {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	return out
}

// forgeIndex puts a pack whose table says that it holds what a genuine one holds, and an index of it: a prune that
// counts chunks there deletes the genuine one.
func (c *cloud) forgeIndex(m *store.Memory, epoch [32]byte) {
	all := contents(c.t, m)
	f := c.forger(m, epoch)
	for _, name := range c.names(m, "packs/") {
		var chunks []forgedChunk
		for _, e := range c.table(name, all[name]) {
			// Long ones, so that the forged pack seems to be the better use of its room.
			chunks = append(chunks, forgedChunk{id: e.id, kind: e.kind, content: bytes.Repeat([]byte(forgedText), 200)})
		}
		if len(chunks) > 0 && c.rand.IntN(2) == 0 {
			f.object("index", forgedIndex(nil, f.pack(chunks)))
		}
	}
}

type forgedEntry struct {
	id     repo.ID
	kind   byte
	record int
	length int
	at     int
}

// table reads a pack's table by an epoch that the cloud knows (chapter 6).
func (c *cloud) table(name string, b []byte) (out []forgedEntry) {
	f, ok := c.ownerOf(name)
	if !ok || len(b) < 32 {
		return nil
	}
	n, _ := hex.DecodeString(name[len(name)-64:])
	gcm := f.cipher("pack", n)
	trailer, err := gcm.Open(nil, forgedNonce(1<<32-1), b[len(b)-32:], []byte("trailer"))
	if err != nil {
		return nil
	}
	sealed := int(binary.BigEndian.Uint32(trailer[8:]))
	table, err := gcm.Open(nil, forgedNonce(1<<32-2), b[len(b)-32-sealed:len(b)-32], []byte("table"))
	if err != nil {
		return nil
	}
	at := 0
	for ; len(table) > 0; table = table[41:] {
		e := forgedEntry{id: repo.ID(table[:32]), kind: table[32], record: int(binary.BigEndian.Uint32(table[33:])),
			length: int(binary.BigEndian.Uint32(table[37:])), at: at}
		at += e.record + 16
		out = append(out, e)
	}
	return out
}

// ownerOf returns a forger of the epoch that wrote an object, if the cloud knows it.
func (c *cloud) ownerOf(name string) (*forger, bool) {
	for secret := range c.public {
		one := &cloud{id: c.id, public: map[[32]byte]bool{secret: true}}
		if one.wrote(name) {
			return &forger{t: c.t, id: c.id, epoch: secret[:]}, true
		}
	}
	return nil, false
}

// reseal puts another content under the names of genuine objects: a record under its id in a pack, a payload under a snapshot's name.
func (c *cloud) reseal(m *store.Memory, epoch [32]byte) {
	ctx := context.Background()
	all := contents(c.t, m)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, ok := c.ownerOf(name)
		if !ok || [32]byte(f.epoch) != epoch || c.rand.IntN(2) == 0 {
			continue
		}
		n, _ := hex.DecodeString(name[len(name)-64:])
		switch {
		case strings.HasPrefix(name, "packs/"):
			b := bytes.Clone(all[name])
			gcm := f.cipher("pack", n)
			for i, e := range c.table(name, b) {
				if e.kind != 0 {
					continue
				}
				record, err := gcm.Open(nil, forgedNonce(uint32(i)), b[e.at:e.at+e.record+16], e.id[:])
				if err != nil || record[0] != 0 {
					continue
				}
				for k := 1; k < len(record); k++ {
					record[k] = forgedText[k%len(forgedText)]
				}
				copy(b[e.at:], gcm.Seal(nil, forgedNonce(uint32(i)), record, e.id[:]))
			}
			_ = m.Replace(ctx, name, b) // memory never fails
		case strings.HasPrefix(name, "snapshots/"):
			payload := c.anyForgedSnapshot(m, epoch)
			if payload == nil {
				continue
			}
			plain := append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
			plain = append(plain, make([]byte, padded(len(plain)+16)-16-len(plain))...)
			_ = m.Replace(ctx, name, f.cipher("snapshot", n).Seal(nil, forgedNonce(0), plain, append([]byte("snapshot"), c.id...)))
		}
	}
}

// anyForgedSnapshot is the payload of a backup that the cloud writes under an epoch.
func (c *cloud) anyForgedSnapshot(m *store.Memory, epoch [32]byte) []byte {
	f := c.forger(m, epoch)
	data := []byte(forgedText)
	dataID := f.chunkID(data)
	root := forgedTree([]repo.Node{{Kind: repo.NodeFile, Name: "src", Mode: 0o644, Size: int64(len(data)),
		Content: repo.Content{Extents: []repo.Extent{{Chunk: dataID, Length: int64(len(data))}}}}}, 0)
	rootID := f.chunkID(root)
	f.object("index", forgedIndex(nil, f.pack([]forgedChunk{{id: dataID, content: data}}),
		f.pack([]forgedChunk{{id: rootID, kind: 1, content: root}})))
	return forgedSnapshot(rootID, len(root))
}
