package words

import "github.com/holdfast-backup/holdfast/core/places"

// deletions say what becomes of what is deleted at a place, by places.Facts.
var deletions = map[string]string{
	"for-good": "What Holdfast deletes there is gone for good.",
	"as-set":   "What Holdfast deletes there is gone for good, unless the place is set to keep versions or a bin.",
	"to-bin":   "What Holdfast deletes there can be brought back at the service for some weeks, and may take room until then.",
}

// PlaceFacts says what a person may want to know of a place, a sentence each.
func (w Words) PlaceFacts(f places.Facts) (out []string) {
	if text := deletions[string(f.Deletes)]; text != "" {
		out = append(out, w.Say(text, nil))
	}
	if f.PaidDays > 0 {
		out = append(out, w.Say("What is stored there is paid for {{.Days}} days, also if it is deleted before.", Values{"Days": f.PaidDays}))
	}
	if f.ByTimes {
		out = append(out, w.Say("The service refuses no name that is taken. If two computers change the key at the same moment, Holdfast tells the first by the times of the service.", nil))
	}
	return out
}

// PlaceFacts is Words.PlaceFacts in English.
func PlaceFacts(f places.Facts) []string { return Words{}.PlaceFacts(f) }
