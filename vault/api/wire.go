package api

import (
	"encoding/hex"
	"time"

	"github.com/holdfast-backup/holdfast/vault"
)

// MaxBodyBytes is the longest request body.
const MaxBodyBytes = 8 << 10

// TypePrefix begins the type of every problem; a Code follows.
const TypePrefix = "urn:holdfast:vault:"

// Code is what went wrong, for programs.
type Code string

// The codes of docs/vault-protocol.md, section 6.
const (
	CodeInvalid     Code = "invalid"
	CodeEnrolment   Code = "enrolment"
	CodeWrongProof  Code = "wrong-proof"
	CodeSignature   Code = "signature"
	CodeNoAccount   Code = "no-account"
	CodeStale       Code = "stale"
	CodeDestroyed   Code = "destroyed"
	CodeWait        Code = "wait"
	CodeRate        Code = "rate"
	CodeUnavailable Code = "unavailable"
	CodeNotFound    Code = "not-found" // no such path or method
)

// Problem is the body of every error (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// WaitUntil comes with CodeWait.
	WaitUntil time.Time `json:"wait_until,omitzero"`
	// Reason comes with CodeDestroyed.
	Reason vault.Reason `json:"reason,omitempty"`
}

// Vault is GET /v1/vault.
type Vault struct {
	Name      string `json:"name"`
	Suite     int    `json:"suite"`
	PublicKey []byte `json:"public_key"`
	Guesses   int    `json:"guesses"`
	// WrongGuesses is how many wrong guesses one registration has in all.
	WrongGuesses int `json:"wrong_guesses"`
}

// RegistrationStart and RegistrationReply are POST …/registration.
type RegistrationStart struct {
	Request []byte `json:"request"`
}

// RegistrationReply answers RegistrationStart.
type RegistrationReply struct {
	Response []byte `json:"response"`
	Ticket   []byte `json:"ticket"`
}

// RegistrationFinish is POST …/registration/finish; it is answered with 204.
type RegistrationFinish struct {
	Ticket        []byte `json:"ticket"`
	Record        []byte `json:"record"`
	SealedKey     []byte `json:"sealed_key"`
	ManagementKey []byte `json:"management_key"`
	Signature     []byte `json:"signature"`
}

// RecoveryStart is POST …/recovery.
type RecoveryStart struct {
	KE1     []byte `json:"ke1"`
	Version uint64 `json:"version"`
}

// RecoveryReply answers it.
type RecoveryReply struct {
	KE2         []byte `json:"ke2"`
	GuessesLeft int    `json:"guesses_left"`
}

// RecoveryFinish is POST …/recovery/finish.
type RecoveryFinish struct {
	Start []byte `json:"start"`
	KE3   []byte `json:"ke3"`
}

// Released answers it.
type Released struct {
	Released []byte `json:"released"`
}

// The states of an account.
const (
	StateLiving    = "living"
	StateDestroyed = "destroyed"
)

// Account is GET /v1/accounts/{id}.
type Account struct {
	State       string       `json:"state"`
	Reason      vault.Reason `json:"reason,omitempty"`
	GuessesLeft int          `json:"guesses_left"`
	Version     uint64       `json:"version"`
	// WrongGuesses counts those since the password was set.
	WrongGuesses int       `json:"wrong_guesses"`
	Registered   time.Time `json:"registered"`
	Changed      time.Time `json:"changed"`
	WaitUntil    time.Time `json:"wait_until,omitzero"`
	Guesses      []Guess   `json:"guesses"`
}

// Guess is one past guess of an Account.
type Guess struct {
	Time    time.Time     `json:"time"`
	Outcome vault.Outcome `json:"outcome"`
}

// FormatID is an account id as it stands in paths: 64 lower-case hexadecimal digits.
func FormatID(id vault.AccountID) string { return hex.EncodeToString(id[:]) }

func parseID(s string) (id vault.AccountID, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	id = vault.AccountID(b)
	return id, FormatID(id) == s
}
