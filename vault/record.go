package vault

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// MaxSealedKeyBytes is the longest sealed key that a vault takes.
const MaxSealedKeyBytes = 256

const (
	recordFormat    = 1
	recordPadding   = 512 // sizes do not tell living from destroyed
	recordFixed     = 4 + 4*8 + 32 + 32 + opaque.RecordBytes + 2
	openStartBytes  = 16 + 8
	pastGuessBytes  = 16 + 8 + 1
	maxRecordBytes  = 64 << 10
	maxOpenOrPast   = 64
	stateLiving     = 1
	stateDestroyed  = 2
	outcomeOpenByte = 0
)

var errRecord = errors.New("not a record of an account")

var reasonBytes = []Reason{"", ReasonGuesses, ReasonRestored}
var outcomeBytes = []Outcome{OutcomeOpen, OutcomeRight, OutcomeWrong}

// encode is the plaintext of docs/vault-protocol.md, section 5.
func (r *record) encode() []byte {
	size := recordFixed + len(r.sealedKey) + 1 + len(r.open)*openStartBytes + 1 + len(r.past)*pastGuessBytes
	b := make([]byte, 0, (size+recordPadding-1)/recordPadding*recordPadding)
	state, reason := byte(stateLiving), byte(0)
	if r.reason != "" {
		state = stateDestroyed
		for i, known := range reasonBytes {
			if known == r.reason {
				reason = byte(i)
			}
		}
	}
	b = append(b, recordFormat, state, byte(r.guessesLeft), reason)
	b = binary.BigEndian.AppendUint64(b, r.version)
	for _, t := range []int64{r.registered, r.changed, r.lastStart} {
		b = binary.BigEndian.AppendUint64(b, uint64(t))
	}
	b = append(b, r.management[:]...)
	b = append(b, r.scalar[:]...)
	b = append(b, r.opaque[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.sealedKey)))
	b = append(b, r.sealedKey...)
	b = append(b, byte(len(r.open)))
	for _, s := range r.open {
		b = append(b, s.id[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(s.begun))
	}
	b = append(b, byte(len(r.past)))
	for _, g := range r.past {
		b = append(b, g.id[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(g.time))
		outcome := byte(outcomeOpenByte)
		for i, known := range outcomeBytes {
			if known == g.outcome {
				outcome = byte(i)
			}
		}
		b = append(b, outcome)
	}
	return b[:cap(b)]
}

// reader takes fields off a slice and remembers whether it was too short.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad = true
		return make([]byte, n)
	}
	field := r.b[:n]
	r.b = r.b[n:]
	return field
}

func (r *reader) byte() byte      { return r.take(1)[0] }
func (r *reader) int64() int64    { return int64(binary.BigEndian.Uint64(r.take(8))) }
func (r *reader) id() (i startID) { copy(i[:], r.take(16)); return i }

// decodeRecord is the inverse of encode.
func decodeRecord(b []byte) (*record, error) {
	if len(b) > maxRecordBytes {
		return nil, fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	in, r := &reader{b: b}, &record{}
	format, state, left, reason := in.byte(), in.byte(), in.byte(), in.byte()
	if format != recordFormat || state != stateLiving && state != stateDestroyed || left > Guesses ||
		int(reason) >= len(reasonBytes) || (state == stateDestroyed) != (reason != 0) {
		return nil, errRecord
	}
	r.guessesLeft, r.reason = int(left), reasonBytes[reason]
	r.version = uint64(in.int64())
	r.registered, r.changed, r.lastStart = in.int64(), in.int64(), in.int64()
	copy(r.management[:], in.take(len(r.management)))
	copy(r.scalar[:], in.take(len(r.scalar)))
	copy(r.opaque[:], in.take(len(r.opaque)))
	length := int(binary.BigEndian.Uint16(in.take(2)))
	if length > MaxSealedKeyBytes {
		return nil, errRecord
	}
	if length > 0 {
		r.sealedKey = append([]byte(nil), in.take(length)...)
	}
	n := int(in.byte())
	for range min(n, maxOpenOrPast) {
		r.open = append(r.open, openStart{in.id(), in.int64()})
	}
	past := int(in.byte())
	for range min(past, maxOpenOrPast) {
		id, at, outcome := in.id(), in.int64(), in.byte()
		if int(outcome) >= len(outcomeBytes) {
			return nil, errRecord
		}
		r.past = append(r.past, guess{id, at, outcomeBytes[outcome]})
	}
	if in.bad || n > maxOpenOrPast || past > maxOpenOrPast || len(in.b) >= recordPadding {
		return nil, errRecord
	}
	for _, c := range in.b {
		if c != 0 {
			return nil, errRecord
		}
	}
	return r, nil
}
