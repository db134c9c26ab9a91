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
