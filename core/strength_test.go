package core_test

import (
	"bytes"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
)

func TestStrength(t *testing.T) {
	for password, want := range map[string]core.PasswordStrength{
		"": {Refused: true, Advice: core.AdviceEmpty}, "\xff\xfe\xfd": {Refused: true, Advice: core.AdviceNotText},
		string(bytes.Repeat([]byte("long "), 300)): {Refused: true, Advice: core.AdviceTooLong},
		"password":                   {Refused: true, Advice: core.AdviceCommon},
		"12345678":                   {Refused: true, Advice: core.AdviceCommon},
		"holdfast":                   {Refused: true, Advice: core.AdviceCommon},
		"qwertyuiop":                 {Refused: true, Advice: core.AdviceCommon},
		"lamp otter quilt seventy":   {Score: 4, Advice: core.AdviceBest},
		"Überraschung im Gemüsefach": {Score: 4, Advice: core.AdviceBest},
	} {
		if got := core.Strength([]byte(password)); got.Refused != want.Refused || got.Advice != want.Advice || want.Score > 0 && got.Score != want.Score {
			t.Errorf("%.30q: %+v, want %+v", password, got, want)
		}
	}
	// Characters are never cut in two, whatever their length.
	for n := range 12 {
		if got := core.Strength([]byte(string(bytes.Repeat([]byte("a"), 90+n)) + "ééééééééé𐍈𐍈𐍈")); got.Advice == core.AdviceNotText {
			t.Errorf("%d: %+v", n, got)
		}
	}
}
