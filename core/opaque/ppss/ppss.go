// Package ppss shares a secret under a password over the OPRFs of several
// vaults: password-protected secret sharing after Jarecki, Kiayias, Krawczyk and
// Xu (docs/shared-vaults.md, chapter 1). Any t of n vaults with the right password give
// the secret back; fewer have nothing to test a password against.
//
//	u := ppss.Stretch(password, set.Salt)
//	// ask each vault for the OPRF of set.Input(i, u)
//	secret, err := set.Open(u, outputs)
//	randomized := secret.RandomizedPassword(set.Members[i])
//
// It computes and nothing else: package vaultclient speaks to the vaults.
//
// Of secret values nothing decides a branch or an index; how long a call takes depends on
// n, t, and which vaults have answered. Clearing of secrets is best effort.
package ppss

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"github.com/holdfast-backup/holdfast/core/opaque"
	"github.com/holdfast-backup/holdfast/core/shamir"
)

// MaxMembers is the highest number of vaults in a set.
const MaxMembers = 8

// Lengths in bytes.
const (
	SaltBytes       = 32
	AccountBytes    = 32
	MaskBytes       = 32
	CommitmentBytes = 32
	secretBytes     = 32
)

// Argon2id's cost (RFC 9106), fixed: passes, memory in KiB, lanes.
const (
	argonTime      = 3
	argonMemoryKiB = 64 << 10
	argonLanes     = 4
)

// Labels, docs/shared-vaults.md, chapter 1.
const (
	labelInput      = "holdfast shared vault input v1"
	labelMask       = "holdfast shared vault mask v1"
	labelBridge     = "holdfast shared vault bridge v1"
	labelCommitment = "holdfast shared vault commitment v1"
	labelRandomized = "holdfast shared vault randomized password v1"
)

// What a caller decides on.
var (
	// ErrSet: what describes a set is none.
	ErrSet = errors.New("not a set of vaults")
	// ErrNoFit: no t of the answers fit. The password is not right, or fewer than t vaults answered truthfully.
	ErrNoFit = errors.New("the password is not right, or too few vaults answered truthfully")
)

// Member is one vault's part of a set.
type Member struct {
	PublicKey []byte // V, 33 bytes
	Account   []byte // the account's id there, 32 bytes
	Mask      []byte // e, 32 bytes
	Bridge    []byte // b, 32 bytes; nil: none
}

// Set is a password shared over vaults, as far as it is public. The members are numbered from 1; index i is number i+1.
type Set struct {
	Threshold  int    // t
	Salt       []byte // 32 bytes
	Commitment []byte // C, 32 bytes
	Members    []Member
}

// Check reports with ErrSet what a set may not be.
func (s Set) Check() error {
	n := len(s.Members)
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrSet}, args...)...)
	}
	switch {
	case n < 1 || n > MaxMembers:
		return fail("it has %d vaults", n)
	case s.Threshold <= n/2 || s.Threshold > n:
		return fail("%d of %d are not a majority", s.Threshold, n)
	case len(s.Salt) != SaltBytes, len(s.Commitment) != CommitmentBytes:
		return fail("the salt or the commitment has another length")
	}
	for i, m := range s.Members {
		if len(m.PublicKey) != opaque.PointBytes || len(m.Account) != AccountBytes || len(m.Mask) != MaskBytes ||
			m.Bridge != nil && len(m.Bridge) != MaskBytes {
			return fail("a value of vault %d has another length", i+1)
		}
		for _, other := range s.Members[:i] {
			if string(other.PublicKey) == string(m.PublicKey) || string(other.Account) == string(m.Account) {
				return fail("a vault or an account is in it twice")
			}
		}
	}
	return nil
}

// Stretch is u: Argon2id of the password, in NFC, under the set's salt. 32 bytes. It takes
// about 0.1 s. The caller clears it.
func Stretch(password, salt []byte) []byte {
	return argon2.IDKey(password, salt, argonTime, argonMemoryKiB, argonLanes, secretBytes)
}

// Input is x, what member i's OPRF is asked for: 159 bytes. The caller clears it.
func (s Set) Input(i int, u []byte) []byte {
	m := s.Members[i]
	x := make([]byte, 0, len(labelInput)+SaltBytes+opaque.PointBytes+AccountBytes+secretBytes)
	x = append(append(append(x, labelInput...), s.Salt...), m.PublicKey...)
	return append(append(x, m.Account...), u...)
}

// Secret is S and its shares. Clear it after use.
type Secret struct {
	s      []byte
	shares [][]byte // of members 1 to n
}

// NewSecret draws a secret that any threshold of members give back; the numbers are as Set.Check has them.
func NewSecret(threshold, members int) *Secret {
	s := make([]byte, secretBytes)
	_, _ = rand.Read(s) // never fails since Go 1.24
	p, err := shamir.New(s, threshold)
	if err != nil {
		panic("ppss: " + err.Error())
	}
	defer p.Clear()
	return secretOf(s, p, members)
}

func secretOf(s []byte, p *shamir.Polynomial, members int) *Secret {
	k := &Secret{s: s}
	for i := range members {
		k.shares = append(k.shares, p.Share(byte(i+1)).Bytes)
	}
	return k
}

// Clear overwrites the secret, best effort.
func (k *Secret) Clear() {
	if k == nil {
		return
	}
	clear(k.s)
	for _, s := range k.shares {
		clear(s)
	}
}

// RandomizedPassword is rp of a member: what takes the place of OPAQUE's randomized password there. 32 bytes. The caller clears it.
func (k *Secret) RandomizedPassword(m Member) []byte {
	return derive(k.s, labelRandomized+string(m.PublicKey)+string(m.Account))
}

// Mask is e of member i for the OPRF's output there: its share, masked.
func (k *Secret) Mask(m Member, i int, output []byte) []byte {
	return masked(labelMask, m, output, k.shares[i])
}

// Bridge is b of member i, for the output under the record that the vault has held so far.
func (k *Secret) Bridge(m Member, i int, output []byte) []byte {
	return masked(labelBridge, m, output, k.shares[i])
}

// Holds reports in constant time whether a member's answer gives its share.
func (k *Secret) Holds(m Member, i int, output []byte) bool {
	holds := subtle.ConstantTimeCompare(masked(labelMask, m, output, m.Mask), k.shares[i])
	if m.Bridge != nil {
		holds |= subtle.ConstantTimeCompare(masked(labelBridge, m, output, m.Bridge), k.shares[i])
	}
	return holds == 1
}

// Commit is C of a set under this secret. The set's own commitment does not count.
func (k *Secret) Commit(s Set, u []byte) []byte {
	key := derive(k.s, labelCommitment)
	defer clear(key)
	h := hmac.New(sha256.New, key)
	h.Write([]byte{byte(s.Threshold), byte(len(s.Members))})
	h.Write(s.Salt)
	h.Write(u)
	for i, m := range s.Members {
		h.Write(m.PublicKey)
		h.Write(m.Account)
		h.Write(m.Mask)
		if m.Bridge == nil {
			h.Write(make([]byte, MaskBytes))
		} else {
			h.Write(m.Bridge)
		}
		h.Write(k.shares[i])
	}
	return h.Sum(nil)
}

// Open tries all choices of t answers. outputs[i] is the OPRF's output of member i, 32
// bytes, nil: none. Errors: ErrNoFit, ErrSet.
func (s Set) Open(u []byte, outputs [][]byte) (*Secret, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if len(outputs) != len(s.Members) {
		return nil, fmt.Errorf("%w: %d answers of %d vaults", ErrSet, len(outputs), len(s.Members))
	}
	var found *Secret
	s.choose(nil, 0, outputs, func(choice []shamir.Share) bool {
		k := s.interpolate(choice)
		if subtle.ConstantTimeCompare(k.Commit(s, u), s.Commitment) == 1 {
			found = k
			return false
		}
		k.Clear()
		return true
	})
	if found == nil {
		return nil, ErrNoFit
	}
	return found, nil
}

// choose calls try with each choice of t answers, each by its mask or its bridge, until that returns false.
func (s Set) choose(choice []shamir.Share, from int, outputs [][]byte, try func([]shamir.Share) bool) bool {
	if len(choice) == s.Threshold {
		return try(choice)
	}
	for i := from; i < len(outputs); i++ {
		if outputs[i] == nil {
			continue
		}
		m := s.Members[i]
		values := [][]byte{masked(labelMask, m, outputs[i], m.Mask)}
		if m.Bridge != nil {
			values = append(values, masked(labelBridge, m, outputs[i], m.Bridge))
		}
		for _, v := range values {
			more := s.choose(append(choice[:len(choice):len(choice)], shamir.Share{Number: byte(i + 1), Bytes: v}), i+1, outputs, try)
			clear(v)
			if !more {
				return false
			}
		}
	}
	return true
}

// interpolate makes the secret, and all shares, from t shares.
func (s Set) interpolate(choice []shamir.Share) *Secret {
	at := func(x byte) []byte {
		b, err := shamir.Combine(x, choice...)
		if err != nil {
			panic("ppss: " + err.Error()) // numbers and lengths are ours
		}
		return b
	}
	k := &Secret{s: at(0)}
	for i := range s.Members {
		k.shares = append(k.shares, at(byte(i+1)))
	}
	return k
}

// masked is value ⊕ HKDF-Expand(output, label ‖ V ‖ id).
func masked(label string, m Member, output, value []byte) []byte {
	out, err := hkdf.Expand(sha256.New, output, label+string(m.PublicKey)+string(m.Account), MaskBytes)
	if err != nil {
		panic("ppss: " + err.Error()) // lengths are constants
	}
	subtle.XORBytes(out, out, value)
	return out
}

func derive(key []byte, info string) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, info, secretBytes)
	if err != nil {
		panic("ppss: " + err.Error()) // lengths are constants
	}
	return out
}
