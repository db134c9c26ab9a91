package vaults

import "time"

// State is what a vault says of an account.
type State struct {
	Name    string `json:"name"`    // of the vault
	Address string `json:"address"` // URL, or the URI of a token
	Local   bool   `json:"local"`   // a token at this computer
	// Destroyed: all guesses are used up. Absent: it was never there, or was removed.
	Destroyed   bool `json:"destroyed,omitempty"`
	Restored    bool `json:"-"` // why it is destroyed: the operator had to restore an old state
	Absent      bool `json:"absent,omitempty"`
	GuessesLeft int  `json:"guesses_left"`
	GuessLimit  int  `json:"guess_limit"`
	// Wrong are the times of the wrong guesses that the vault remembers, also of those that a right one followed: the owner's
	// own right guess must not hide somebody else's wrong ones. WrongTotal counts all since the password was set.
	Wrong      []time.Time `json:"wrong,omitempty"`
	WrongTotal int         `json:"wrong_total,omitempty"`
	LastRight  time.Time   `json:"last_right,omitzero"` // the newest right guess
	WaitUntil  time.Time   `json:"wait_until,omitzero"` // no guess is taken before
	Asked      time.Time   `json:"asked"`
	// Past are the last guesses, at most 16, the newest last.
	Past []Guess `json:"-"`
	// Members are the vaults of a shared password (docs/shared-vaults.md), nil of one vault alone; Threshold of them are needed.
	// GuessesLeft is then how many tries there are before fewer than that have one, as far as they answer.
	Members   []State `json:"vaults,omitempty"`
	Threshold int     `json:"threshold,omitempty"`
	// Findings are what the vaults of a shared password did when it was last right.
	Findings []Finding `json:"findings,omitempty"`
	// OldAccounts are the names of vaults that still hold an account that the password does not need, and wait to be told.
	OldAccounts []string `json:"old_accounts,omitempty"`
	// Unreachable says why a member did not answer; "" if it did.
	Unreachable string `json:"unreachable,omitempty"`
}

// Finding is what one vault of a shared password did that no honest one does, or that it holds something else than the card says.
type Finding struct {
	Vault   string `json:"vault"` // its name
	Address string `json:"address"`
	Lie     Lie    `json:"finding"`
}

// Lie is the kind of a Finding.
type Lie string

// The kinds (docs/shared-vaults.md, chapter 3).
const (
	OtherRegistration Lie = "other-registration"
	WrongEvaluation   Lie = "wrong-evaluation"
	WrongRecord       Lie = "wrong-record"
	WrongProof        Lie = "wrong-proof"
	WrongKey          Lie = "wrong-key"
	NoAccount         Lie = "no-account"
)

func (f Finding) String() string {
	return f.Vault + " " + map[Lie]string{OtherRegistration: "holds another registration", WrongEvaluation: "gives wrong evaluations",
		WrongRecord: "gives a wrong record", WrongProof: "does not prove that it is the vault", WrongKey: "gives a wrong key",
		NoAccount: "does not know the account, or has destroyed it"}[f.Lie]
}

// WrongNow are the wrong guesses since the last right one.
func (s *State) WrongNow() []time.Time {
	var now []time.Time
	for _, t := range s.Wrong {
		if !t.Before(s.LastRight) {
			now = append(now, t)
		}
	}
	return now
}

// Guess is one past guess.
type Guess struct {
	Time    time.Time
	Outcome Outcome
}

// Outcome is how a guess ended.
type Outcome string

// The outcomes. A guess is open for a minute after it began.
const (
	Right Outcome = "right"
	Wrong Outcome = "wrong"
	Open  Outcome = "open"
)
