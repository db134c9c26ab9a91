// Package google is what the JSON interfaces of Google's services have in common.
package google

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
)

// Multipart is the body of an upload (uploadType=multipart): what is said about an object, then its bytes, which are not
// copied. It returns the body's type and its parts.
func Multipart(about any, data []byte) (contentType string, parts [][]byte, err error) {
	text, err := json.Marshal(about)
	if err != nil {
		return "", nil, err
	}
	boundary := rand.Text()
	head := "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" + string(text) +
		"\r\n--" + boundary + "\r\nContent-Type: application/octet-stream\r\n\r\n"
	return "multipart/related; boundary=" + boundary, [][]byte{[]byte(head), data, []byte("\r\n--" + boundary + "--\r\n")}, nil
}

// Reason is the word by which an answer says what is wrong, "" where it has none.
func Reason(resp *http.Response) string {
	var answer struct {
		Error struct {
			Errors []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer)
	if err != nil || len(answer.Error.Errors) == 0 {
		return ""
	}
	return answer.Error.Errors[0].Reason
}
