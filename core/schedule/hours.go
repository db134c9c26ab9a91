package schedule

import "time"

// Hours are a part of each day, from one full hour to another; over midnight where From is the later one. The zero value is
// the whole day.
type Hours struct {
	From int `json:"from"` // 0 to 23
	To   int `json:"to"`
}

// Valid reports whether both are hours of a day.
func (h Hours) Valid() bool { return h.From >= 0 && h.From < 24 && h.To >= 0 && h.To < 24 }

// Hold reports whether a time, by the clock on the wall, is within.
func (h Hours) Hold(t time.Time) bool {
	switch now := t.Hour(); {
	case h.From == h.To:
		return true
	case h.From < h.To:
		return now >= h.From && now < h.To
	default:
		return now >= h.From || now < h.To
	}
}
