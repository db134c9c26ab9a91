package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/holdfast-backup/holdfast/core/opaque"
)

// ticketFor is how long a ticket is good.
const ticketFor = 10 * time.Minute

// TicketBytes is the length of a ticket: nonce, s, version, time, tag.
const TicketBytes = 12 + 32 + 8 + 8 + gcmOverhead

// tickets are what ties the two messages of a registration together. They are sealed under a key of this process
// and used once. Their time counts from the start of the process, so that no change of the clock makes one live longer.
type tickets struct {
	aead  cipher.AEAD
	begun time.Time

	mu   sync.Mutex
	used map[[16]byte]usedTicket
}

// usedTicket is what a ticket was used for.
type usedTicket struct {
	at      time.Time
	version uint64 // of the account after it
}

// ticket is what one says.
type ticket struct {
	scalar  opaque.Scalar
	version uint64 // of the account when it was made, 0 for none
}

func (t *tickets) init(now time.Time) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails since Go 1.24
	defer clear(key)
	t.aead, t.begun, t.used = newGCM(key), now, map[[16]byte]usedTicket{}
}

// seal makes the ticket of an account.
func (t *tickets) seal(id AccountID, s *opaque.Scalar, version uint64, now time.Time) []byte {
	plain := binary.BigEndian.AppendUint64(append(make([]byte, 0, 48), s[:]...), version)
	plain = binary.BigEndian.AppendUint64(plain, uint64(now.Sub(t.begun).Milliseconds()))
	defer clear(plain)
	nonce := make([]byte, 12, TicketBytes)
	_, _ = rand.Read(nonce) // never fails since Go 1.24
	return t.aead.Seal(nonce, nonce, plain, append([]byte(labelTicket), id[:]...))
}

// open reads a ticket of that length. ErrStale for one that is too old, or of another process or account.
func (t *tickets) open(id AccountID, sealed []byte, now time.Time) (k ticket, err error) {
	plain, err := t.aead.Open(nil, sealed[:12], sealed[12:], append([]byte(labelTicket), id[:]...))
	if err != nil {
		return k, ErrStale
	}
	defer clear(plain)
	age := now.Sub(t.begun) - time.Duration(binary.BigEndian.Uint64(plain[40:]))*time.Millisecond
	if age >= ticketFor {
		return k, ErrStale
	}
	copy(k.scalar[:], plain)
	k.version = binary.BigEndian.Uint64(plain[32:])
	return k, nil
}

func ticketName(sealed []byte) [16]byte {
	sum := sha256.Sum256(sealed)
	return [16]byte(sum[:16])
}

// usedFor returns the account's version after the registration that the ticket was used for.
func (t *tickets) usedFor(name [16]byte) (version uint64, used bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, used := t.used[name]
	return u.version, used
}

// use marks it as used. Each costs a durable change, so there are not many.
func (t *tickets) use(name [16]byte, version uint64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, u := range t.used {
		if now.Sub(u.at) >= ticketFor {
			delete(t.used, name)
		}
	}
	t.used[name] = usedTicket{now, version}
}
