package b2

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// rest is what a list goes on with: the next page, and the name that the last one ended with, of which there may be more
// versions.
type rest struct {
	Name string   `json:"name"`
	ID   string   `json:"id"`
	Held *version `json:"held,omitempty"`
}

// List implements bucket.Service. Each name is listed once, by the version that counts.
func (s *service) List(ctx context.Context, prefix, at string, limit int) ([]bucket.Entry, string, error) {
	if limit == 0 {
		limit = most
	}
	query := map[string]any{"prefix": prefix, "maxFileCount": limit}
	var r rest
	if at != "" {
		if err := json.Unmarshal([]byte(at), &r); err != nil {
			return nil, "", fmt.Errorf("%w: the list cannot go on", store.ErrUnreachable)
		}
		query["startFileName"], query["startFileId"] = r.Name, r.ID
	}
	p, err := s.list(ctx, query)
	if err != nil {
		return nil, "", err
	}
	var entries []bucket.Entry
	take := func(v *version) {
		if v != nil {
			s.files.Set(v.Name, v.ID)
			entries = append(entries, v.entry())
		}
	}
	held := r.Held
	for _, v := range p.Files {
		switch {
		case v.Action != "upload":
		case held != nil && held.Name == v.Name:
			if older(v, *held) < 0 {
				held = &v
			}
		default:
			take(held)
			held = &v
		}
	}
	if p.NextName == "" {
		take(held)
		return entries, "", nil
	}
	next, err := json.Marshal(rest{p.NextName, p.NextID, held})
	return entries, string(next), err
}

func sorted(all []version) { slices.SortFunc(all, older) }

func timeOf(milliseconds int64) time.Time { return time.UnixMilli(milliseconds) }
