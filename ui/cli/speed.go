package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// speed is a flag such as 500K or 2M: so many bytes a second.
type speed struct{ bytesPerSecond int64 }

func (s *speed) String() string { return "" }

func (s *speed) Type() string { return "SPEED" }

func (s *speed) Set(text string) error {
	number, unit := strings.ToUpper(text), 1.0
	for suffix, u := range map[string]float64{"K": 1e3, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = n, u
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n*unit >= 0 && n*unit <= 1e15) || n > 0 && n*unit < 1 {
		return fmt.Errorf("%q is no speed such as 500K or 2M, in bytes a second", text)
	}
	s.bytesPerSecond = int64(n * unit)
	return nil
}
