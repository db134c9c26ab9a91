package vaultclient

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
)

// Tried remembers which passwords a vault has called wrong, so that the same one typed again costs no second guess. It keeps
// an HMAC of each, under a key that is in memory alone and ends with the process: at rest it would let who takes the computer test
// what is nearly the password (ADR 46). It holds for one registration of an account. A nil *Tried remembers nothing.
type Tried struct {
	key [32]byte

	mu    sync.Mutex
	wrong [][]mark
}

type mark [sha256.Size]byte

// maxTried is how many wrong passwords are remembered. A vault takes ten.
const maxTried = 100

// NewTried makes an empty memory.
func NewTried() *Tried {
	t := &Tried{}
	_, _ = rand.Read(t.key[:]) // never fails since Go 1.24
	return t
}

// mark stands for a password, or what it was stretched to, at an account that was registered at a time.
func (t *Tried) mark(s string, publicKey, account []byte, registered int64, password []byte) mark {
	if t == nil {
		return mark{}
	}
	h := hmac.New(sha256.New, t.key[:])
	h.Write([]byte(s)) // all parts but the last have a fixed length
	h.Write(publicKey)
	h.Write(account)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(registered)))
	h.Write(password)
	return mark(h.Sum(nil))
}

// before reports whether one guess was wrong at all of these.
func (t *Tried) before(marks []mark) bool {
	if t == nil || len(marks) == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, guess := range t.wrong {
		if !slices.ContainsFunc(marks, func(m mark) bool { return !slices.Contains(guess, m) }) {
			return true
		}
	}
	return false
}

// note remembers a guess that was wrong at all of these together.
func (t *Tried) note(marks []mark) {
	if t == nil || len(marks) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wrong = append(t.wrong, marks); len(t.wrong) > maxTried {
		t.wrong = t.wrong[1:]
	}
}
