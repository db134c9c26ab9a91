package engine

import (
	"context"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
)

// Saver stores chunks for one goroutine: it hashes, looks up, compresses and
// seals into the open pack, with no copy between.
type Saver struct {
	w      *Writer
	hasher *format.Hasher
	zstd   *zstd.Encoder
	out    []byte // compressed record
}

// ChunkBuffer returns a buffer for a chunk of up to n bytes. The content
// starts at index 1: the record's encoding byte comes before it.
func ChunkBuffer(n int) []byte { return make([]byte, 1+n) }

// NewSaver returns a Saver.
func (w *Writer) NewSaver() (*Saver, error) {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	return &Saver{w: w, hasher: w.epoch.NewHasher(), zstd: enc}, nil
}

// Save stores a chunk if it is not stored yet and returns its id. buf is a
// ChunkBuffer cut to 1 + the content's length; its first byte is overwritten.
// The chunk is durable after the Writer's next Flush.
func (s *Saver) Save(kind format.Kind, buf []byte) (format.ID, error) {
	return s.save(kind, buf, s.compress)
}

// SaveData is Save for file data.
func (s *Saver) SaveData(buf []byte) (format.ID, error) { return s.Save(format.KindData, buf) }

// SaveMedia is SaveData for what a codec has made small already: it is compressed
// only if samples of it can be.
func (s *Saver) SaveMedia(buf []byte) (format.ID, error) {
	return s.save(format.KindData, buf, func(content []byte) []byte {
		if s.dense(content) {
			return nil
		}
		return s.compress(content)
	})
}

func (s *Saver) save(kind format.Kind, buf []byte, compress func([]byte) []byte) (format.ID, error) {
	if err := s.w.ctx.Err(); err != nil {
		return format.ID{}, context.Cause(s.w.ctx)
	}
	content := buf[1:]
	if len(content) == 0 || len(content) > format.MaxChunk {
		panic(fmt.Sprintf("repo: chunk of %d bytes", len(content)))
	}
	id := s.hasher.ID(content)
	if !s.w.claim(id) {
		return id, nil
	}
	record := buf
	record[0] = format.EncodingRaw
	if c := compress(content); c != nil {
		record = c
	}
	class := s.w.data
	if kind != format.KindData {
		class = s.w.meta
	}
	p, ordinal, place, err := class.reserve(format.PackEntry{ID: id, Kind: kind, Record: uint32(len(record)), Content: uint32(len(content))})
	if err != nil {
		return format.ID{}, err
	}
	p.cipher.SealRecord(place, id, ordinal, record)
	p.done()
	s.w.newChunks.Add(1)
	s.w.added.Add(int64(len(content)))
	return id, nil
}

// compress returns the zstd record of a content, nil where it saves less than 3 %.
func (s *Saver) compress(content []byte) []byte {
	if len(content) < 64 {
		return nil
	}
	if s.out == nil {
		s.out = make([]byte, 0, 64<<10)
	}
	s.out = s.zstd.EncodeAll(content, append(s.out[:0], format.EncodingZstd))
	if len(s.out) > len(content)-len(content)/32 {
		return nil
	}
	return s.out
}

// Samples of a content.
const (
	samples    = 4
	sampleSize = 8 << 10
)

// dense reports whether samples from all over a content cannot be compressed.
func (s *Saver) dense(content []byte) bool {
	if len(content) < 4*samples*sampleSize {
		return false
	}
	for i := range samples {
		at := i * (len(content) - sampleSize) / (samples - 1)
		if s.compress(content[at:at+sampleSize]) != nil {
			return false
		}
	}
	return true
}
