package bucket

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/holdfast-backup/holdfast/core/store"
)

// MaxAnswer is the size of the largest answer that is read as a whole: a page of a list, bytes.
const MaxAnswer = 32 << 20

// Said is what a status means where the service's code, which may be empty, says no more.
func Said(status int, code string) error {
	words := fmt.Sprintf("the service answers %d %s", status, plain(code))
	switch status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: %s", store.ErrSignIn, words)
	case http.StatusForbidden:
		return fmt.Errorf("%w: %s", store.ErrPermission, words)
	case http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %s", store.ErrTooLarge, words)
	case http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %s", store.ErrNoSpace, words)
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %s", ErrFailed, words)
	}
	return fmt.Errorf("%w: %s", store.ErrUnreachable, words)
}

// plain returns a service's code if it is one word of letters, and nothing else: what a server says may be anything.
func plain(code string) string {
	odd := func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' }
	if len(code) > 60 || strings.ContainsFunc(code, odd) {
		return ""
	}
	return code
}

// Fill fills p from the answer to a request for its range, which begins at offset. Errors: io.ErrUnexpectedEOF where
// the object ends before, store.ErrUnreachable where the answer does.
func Fill(resp *http.Response, p []byte, offset int64) error {
	last := offset + int64(len(p)) - 1
	switch resp.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		return io.ErrUnexpectedEOF
	case http.StatusPartialContent:
		var from, to int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d", &from, &to); err != nil || from != offset {
			return fmt.Errorf("%w: the service sends another range", store.ErrUnreachable)
		}
		if to < last {
			return io.ErrUnexpectedEOF
		}
	default: // the whole
		return fmt.Errorf("%w: the service knows no ranges", store.ErrUnreachable)
	}
	if _, err := io.ReadFull(resp.Body, p); err != nil {
		// Not wrapped: io.ErrUnexpectedEOF would say that the object is short.
		return fmt.Errorf("%w: the answer was cut off: %s", store.ErrUnreachable, err.Error())
	}
	return nil
}

// Whole returns the body of an answer that has a whole object. Errors: store.ErrTooLarge where it has more than most
// bytes, store.ErrUnreachable where the answer is cut off.
func Whole(resp *http.Response, most int64) ([]byte, error) {
	if resp.ContentLength > most {
		return nil, fmt.Errorf("%w: %d bytes, %d allowed", store.ErrTooLarge, resp.ContentLength, most)
	}
	if resp.ContentLength < 0 {
		return nil, fmt.Errorf("%w: the service tells no size", store.ErrUnreachable)
	}
	data := make([]byte, resp.ContentLength)
	if _, err := io.ReadFull(resp.Body, data); err != nil {
		// Not wrapped: io.ErrUnexpectedEOF would say that the object is short.
		return nil, fmt.Errorf("%w: the answer was cut off: %s", store.ErrUnreachable, err.Error())
	}
	return data, nil
}

// ReadJSON reads an answer. Errors: store.ErrUnreachable.
func ReadJSON(resp *http.Response, into any) error {
	return readable(json.NewDecoder(io.LimitReader(resp.Body, MaxAnswer)).Decode(into))
}

// ReadXML is ReadJSON of XML.
func ReadXML(resp *http.Response, into any) error {
	return readable(xml.NewDecoder(io.LimitReader(resp.Body, MaxAnswer)).Decode(into))
}

func readable(err error) error {
	if err == nil {
		return nil
	}
	// Not wrapped: an EOF of the connection is none of an object.
	return fmt.Errorf("%w: the service's answer cannot be read: %s", store.ErrUnreachable, err.Error())
}

// Range asks for the part of an object that fills p, as a header.
func Range(p []byte, offset int64) string {
	return fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(p))-1)
}

// Finish reads the rest of an answer, so that its connection can be used again.
func Finish(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 256<<10) // what is longer costs the connection
	_ = resp.Body.Close()                           // nothing follows from it
}
