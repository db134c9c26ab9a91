package dropbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/bucket"
)

// means says what the tags of an error mean. One that stands above is looked for first.
var means = []struct {
	err  error
	tags []string
}{
	{store.ErrNotExist, []string{"not_found", "not_file", "not_folder"}},
	{store.ErrExists, []string{"conflict"}},
	{store.ErrNoSpace, []string{"insufficient_space", "insufficient_quota", "team_folder_insufficient_space"}},
	{bucket.ErrFailed, []string{"too_many_write_operations", "too_many_requests", "internal_error"}},
	{store.ErrPermission, []string{
		"no_write_permission", "access_restricted", "restricted_content", "team_folder", "operation_suppressed", "locked",
	}},
	{store.ErrTooLarge, []string{"payload_too_large"}},
}

// told turns an answer that nobody hoped for into an error of store.
func told(resp *http.Response) error {
	if resp.StatusCode >= 500 {
		return bucket.Said(resp.StatusCode, "") // a service that failed knows nothing
	}
	tags := tagsOf(resp)
	for _, m := range means {
		for _, tag := range m.tags {
			if slices.Contains(tags, tag) {
				return fmt.Errorf("%w: the service says %s", m.err, tag)
			}
		}
	}
	code := ""
	if len(tags) > 0 {
		code = tags[len(tags)-1]
	}
	return bucket.Said(resp.StatusCode, code)
}

// tagsOf are the words by which an answer says what is wrong, each within the one before. The summary is not for
// programs.
func tagsOf(resp *http.Response) []string {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return nil // of a 400 and of a gateway it is text
	}
	var tags []string
	for inner := answer.Error; len(inner) > 0 && len(tags) < 8; {
		var tag string
		if json.Unmarshal(inner, &tag) == nil { // one with nothing in it may be written so
			return append(tags, tag)
		}
		var one map[string]json.RawMessage
		if json.Unmarshal(inner, &one) != nil {
			return tags
		}
		next := one["reason"] // of an upload, and of too many requests
		if json.Unmarshal(one[".tag"], &tag) == nil {
			tags = append(tags, tag)
			if within, ok := one[tag]; ok {
				next = within
			}
		}
		inner = next
	}
	return tags
}
