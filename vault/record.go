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
	recordFormat    = 2         // 1 ends before wrong: docs/vault-protocol.md, section 5
	recordTail      = 2 + 1 + 1 // wrong, granted, proven
	recordPadding   = 512       // sizes do not tell living from destroyed
	recordFixed     = 4 + 4*8 + 32 + 32 + opaque.RecordBytes + 2
	openStartBytes  = 32 + 8 // of format 1: 16 + 8
	pastGuessBytes  = shortStart + 8 + 1
	maxRecordBytes  = 64 << 10
	maxOpenOrPast   = 64
	stateLiving     = 1
	stateDestroyed  = 2
	stateDeleted    = 3 // of format 2
	outcomeOpenByte = 0
)

var errRecord = errors.New("not a record of an account")

var reasonBytes = []Reason{"", ReasonGuesses, ReasonRestored}
var outcomeBytes = []Outcome{OutcomeOpen, OutcomeRight, OutcomeWrong}

// encode is the plaintext of docs/vault-protocol.md, section 5.
func (r *record) encode() []byte {
	size := recordFixed + len(r.sealedKey) + 1 + len(r.open)*openStartBytes + 1 + len(r.past)*pastGuessBytes + recordTail
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
	if r.deleted {
		state = stateDeleted
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
		b = append(b, g.id[:shortStart]...)
		b = binary.BigEndian.AppendUint64(b, uint64(g.time))
		outcome := byte(outcomeOpenByte)
		for i, known := range outcomeBytes {
			if known == g.outcome {
				outcome = byte(i)
			}
		}
		b = append(b, outcome)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(r.wrong))
	b = append(b, byte(r.granted), 0)
	if r.proven {
		b[len(b)-1] = 1
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

func (r *reader) byte() byte           { return r.take(1)[0] }
func (r *reader) int64() int64         { return int64(binary.BigEndian.Uint64(r.take(8))) }
func (r *reader) id(n int) (i startID) { copy(i[:], r.take(n)); return i }

// decodeRecord is the inverse of encode.
func decodeRecord(b []byte) (*record, error) {
	if len(b) > maxRecordBytes {
		return nil, fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	in, r := &reader{b: b}, &record{}
	format, state, left, reason := in.byte(), in.byte(), in.byte(), in.byte()
	if format < 1 || format > recordFormat || state < stateLiving || state > stateDeleted || state == stateDeleted && format == 1 ||
		left > Guesses ||
		int(reason) >= len(reasonBytes) || (state == stateDestroyed) != (reason != 0) {
		return nil, errRecord
	}
	r.guessesLeft, r.reason, r.deleted = int(left), reasonBytes[reason], state == stateDeleted
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
	whole := len(startID{})
	if format == 1 {
		whole = shortStart
	}
	for range min(n, maxOpenOrPast) {
		r.open = append(r.open, openStart{in.id(whole), in.int64()})
	}
	past := int(in.byte())
	for range min(past, maxOpenOrPast) {
		id, at, outcome := in.id(shortStart), in.int64(), in.byte()
		if int(outcome) >= len(outcomeBytes) {
			return nil, errRecord
		}
		r.past = append(r.past, guess{id, at, outcomeBytes[outcome]})
	}
	r.granted, r.proven = Guesses, true // of format 1
	if format >= 2 {
		r.wrong = int(binary.BigEndian.Uint16(in.take(2)))
		r.granted = int(in.byte())
		proven := in.byte()
		r.proven = proven == 1
		if r.granted > Guesses || proven > 1 {
			return nil, errRecord
		}
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
