package strength

import (
	"bytes"
	"testing"
)

func TestStrength(t *testing.T) {
	for password, want := range map[string]Strength{
		"": {Refused: true, Advice: Empty}, "\xff\xfe\xfd": {Refused: true, Advice: NotText},
		string(bytes.Repeat([]byte("long "), 300)): {Refused: true, Advice: TooLong},
		"password":                   {Refused: true, Advice: Common},
		"12345678":                   {Refused: true, Advice: Common},
		"holdfast":                   {Refused: true, Advice: Common},
		"qwertyuiop":                 {Refused: true, Advice: Common},
		"lamp otter quilt seventy":   {Score: 4, Advice: Best},
		"Überraschung im Gemüsefach": {Score: 4, Advice: Best},
	} {
		if got := Of([]byte(password)); got.Refused != want.Refused || got.Advice != want.Advice || want.Score > 0 && got.Score != want.Score {
			t.Errorf("%.30q: %+v, want %+v", password, got, want)
		}
	}
	// Characters are never cut in two, whatever their length.
	for n := range 12 {
		if got := Of([]byte(string(bytes.Repeat([]byte("a"), 90+n)) + "ééééééééé𐍈𐍈𐍈")); got.Advice == NotText {
			t.Errorf("%d: %+v", n, got)
		}
	}
}
