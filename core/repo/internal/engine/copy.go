package engine

import (
	"github.com/holdfast-backup/holdfast/core/repo/internal/format"
	"github.com/holdfast-backup/holdfast/core/repo/internal/index"
)

// RecordToCopy decrypts a sealed record in place and returns it as it was stored, once its content has been held against its id.
func RecordToCopy(c format.PackCipher, at index.Row, sealed []byte) ([]byte, error) {
	_, err := c.OpenRecord(at.ID, at.Ordinal, sealed, int(at.Content), nil)
	return sealed[:len(sealed)-format.GCMTag], err
}

// CopyRecord puts the record of a chunk that is stored already into another pack.
func (w *Writer) CopyRecord(at index.Row, record []byte) error {
	class := w.data
	if at.Kind != format.KindData {
		class = w.meta
	}
	p, ordinal, place, err := class.reserve(format.PackEntry{ID: at.ID, Kind: at.Kind, Record: at.Record, Content: at.Content})
	if err != nil {
		return err
	}
	p.cipher.SealRecord(place, at.ID, ordinal, record)
	p.done()
	return nil
}

// FlushCopies is Flush for a writer that made copies alone: no snapshot is to come, so its pending objects go.
func (w *Writer) FlushCopies() error {
	if err := w.Flush(); err != nil {
		return err
	}
	return w.eng.DeleteAll(w.ctx, format.KindPending, w.pending)
}
