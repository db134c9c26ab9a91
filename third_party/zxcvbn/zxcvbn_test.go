package zxcvbn

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/holdfast-backup/holdfast/third_party/zxcvbn/scoring"
)

// TestAsTheOriginal holds guesses and scores to those of Dropbox's release 4.4.2.
func TestAsTheOriginal(t *testing.T) {
	b, err := os.ReadFile("testdata/output.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Password string
		Guesses  float64
		Score    int
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 50 {
		t.Fatalf("%d cases", len(cases))
	}
	scoring.ReferenceYear = 2019 // when they were made
	for _, c := range cases {
		if got := PasswordStrength(c.Password, nil); got.Guesses != c.Guesses || got.Score != c.Score {
			t.Errorf("%q: %g guesses, score %d; want %g, %d", c.Password, got.Guesses, got.Score, c.Guesses, c.Score)
		}
	}
}
