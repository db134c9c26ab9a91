package schedule

import (
	"testing"
	"time"
)

func TestHours(t *testing.T) {
	for _, c := range []struct {
		h        Hours
		in, out  []int
		anywhere bool
	}{
		{h: Hours{}, in: []int{0, 12, 23}},
		{h: Hours{7, 7}, in: []int{0, 7, 23}},
		{h: Hours{8, 18}, in: []int{8, 17}, out: []int{7, 18, 0, 23}},
		{h: Hours{22, 6}, in: []int{22, 23, 0, 5}, out: []int{6, 12, 21}},
	} {
		for _, hour := range c.in {
			if !c.h.Hold(time.Date(2026, 11, 30, hour, 59, 59, 0, time.Local)) {
				t.Errorf("%+v does not hold at %d", c.h, hour)
			}
		}
		for _, hour := range c.out {
			if c.h.Hold(time.Date(2026, 11, 30, hour, 0, 0, 0, time.Local)) {
				t.Errorf("%+v holds at %d", c.h, hour)
			}
		}
	}
	for h, want := range map[Hours]bool{{0, 23}: true, {-1, 5}: false, {5, 24}: false} {
		if h.Valid() != want {
			t.Errorf("%+v", h)
		}
	}
}
