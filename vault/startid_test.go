package vault

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// Two messages whose first 16 bytes of SHA-256 agree, which 2^64 hashes find, are two guesses.
func TestAStartIsNamedByAllItsBytes(t *testing.T) {
	r := &record{guessesLeft: 10, granted: 10, proven: true, version: 1}
	one, two := startID(bytes.Repeat([]byte{1}, 32)), startID(bytes.Repeat([]byte{1}, 32))
	two[31]++
	at := moment{now: 1000}
	answer, r, err := apply(at, startRequest{one, 1}, r)
	if err != nil || !answer.counted {
		t.Fatalf("%+v %v", answer, err)
	}
	answer, same, err := apply(at, startRequest{one, 1}, r)
	if err != nil || answer.counted || same != r {
		t.Fatalf("the same message: %+v %v", answer, err)
	}
	answer, r, err = apply(at, startRequest{two, r.version}, r)
	if err != nil || !answer.counted || r.guessesLeft != 8 || len(r.open) != 2 {
		t.Fatalf("another message: %+v %+v %v", answer, r, err)
	}
	_, r, _ = apply(at, finishRequest{id: two, ke3: []byte{1}, expected: []byte{2}}, r)
	if len(r.open) != 1 || r.open[0].id != one {
		t.Errorf("the other start was closed: %+v", r.open)
	}
}

// A start that the version before counted has half an id: the same message is not
// counted again, and its end closes it.
func TestStartsOfTheVersionBefore(t *testing.T) {
	id := startID(bytes.Repeat([]byte{7}, 32))
	was := &record{guessesLeft: 9, granted: 10, proven: true, version: 3, sealedKey: []byte("x"), open: []openStart{{id, 500}},
		past: []guess{{id.short(), 500, OutcomeOpen}}}
	b := was.encode()
	// Format 1: half an id of each open start, and no tail.
	at := recordFixed + len(was.sealedKey) + 1
	old := append([]byte(nil), b[:at+16]...)
	old = append(old, b[at+32:at+32+8+1+pastGuessBytes]...)
	old[0] = 1
	old = append(old, make([]byte, recordPadding-len(old)%recordPadding)...)
	r, err := decodeRecord(old)
	if err != nil || r.open[0].id != id.short() || int64(binary.BigEndian.Uint64(b[at+32:])) != 500 {
		t.Fatalf("%+v %v", r, err)
	}
	answer, same, err := apply(moment{now: 1000}, startRequest{id, 2}, r)
	if err != nil || answer.counted || same != r {
		t.Errorf("the same message: %+v %v", answer, err)
	}
	_, r, err = apply(moment{now: 1000}, finishRequest{id: id, ke3: bytes.Repeat([]byte{1}, 32), expected: bytes.Repeat([]byte{1}, 32)}, r)
	if err != nil || len(r.open) != 0 || r.past[0].outcome != OutcomeRight {
		t.Errorf("%+v %v", r, err)
	}
}
