package format

import (
	"testing"
)

func TestPadmeLeaksLittleAndCostsLittle(t *testing.T) {
	for length := 1; length < 1<<22; length = length*9/8 + 1 {
		p := Padme(length)
		if p < length || p > length+length*12/100+1 || Padme(p) != p {
			t.Fatalf("padme(%d) = %d", length, p)
		}
	}
}
