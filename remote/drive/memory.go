package drive

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/holdfast-backup/holdfast/core/store"
)

// spare are ids that the service has given, for files that are still to be made.
type spare struct {
	turn chan struct{} // who holds it may use what follows
	ids  *[]string
}

func newSpare() spare { return spare{make(chan struct{}, 1), new([]string)} }

// newID returns an id that no file has had (Files: generateIds).
func (s *service) newID(ctx context.Context) (string, error) {
	select {
	case s.spare.turn <- struct{}{}:
		defer func() { <-s.spare.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if len(*s.spare.ids) == 0 {
		var answer struct {
			IDs []string `json:"ids"`
		}
		query := url.Values{"count": {"100"}, "space": {"drive"}, "type": {"files"}, "fields": {"ids"}}
		if err := s.ask(ctx, http.MethodGet, "/files/generateIds", query, nil, &answer); err != nil {
			return "", err
		}
		if len(answer.IDs) == 0 {
			return "", fmt.Errorf("%w: the service gives no ids", store.ErrUnreachable)
		}
		*s.spare.ids = answer.IDs
	}
	id := (*s.spare.ids)[0]
	*s.spare.ids = (*s.spare.ids)[1:]
	return id, nil
}
