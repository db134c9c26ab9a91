package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
)

// signer shows the service that a request is allowed: by a signature of each under the account's key (Shared Key), or
// by one that somebody with the key has made beforehand (SAS).
type signer struct {
	account string
	key     []byte
	sas     string
}

func newSigner(account string, secret address.Secret) (signer, error) {
	sas := strings.TrimSpace(secret[address.SAS])
	if _, query, whole := strings.Cut(sas, "?"); whole { // a URL with it, as Azure's portal gives too
		sas = query
	}
	if sas != "" {
		if _, err := url.ParseQuery(sas); err != nil {
			return signer{}, fmt.Errorf("%w: the signature (SAS) cannot be read", store.ErrSignIn) // err repeats a part of it
		}
		return signer{sas: sas}, nil
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(secret[address.AccountKey]))
	if err != nil || len(key) == 0 {
		return signer{}, fmt.Errorf("%w: the account key is missing or cannot be read", store.ErrSignIn)
	}
	return signer{account: account, key: key}, nil
}

// sign adds what shows that a request is allowed. Nothing of it is changed after that.
func (s signer) sign(req *http.Request) {
	if s.sas != "" {
		req.URL.RawQuery = strings.TrimPrefix(req.URL.RawQuery+"&"+s.sas, "&")
		return
	}
	req.Header.Set("X-Ms-Date", time.Now().UTC().Format(http.TimeFormat))
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(toSign(req, s.account)))
	req.Header.Set("Authorization", "SharedKey "+s.account+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// signed are the headers that are signed by their place, before those that begin with x-ms-.
var signed = []string{
	"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match",
	"If-None-Match", "If-Unmodified-Since", "Range",
}

// toSign is the text that is signed (Authorize with Shared Key, of version 2015-02-21 and later).
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func toSign(req *http.Request, account string) string {
	var b strings.Builder
	b.WriteString(req.Method + "\n")
	for _, h := range signed {
		v := req.Header.Get(h)
		if h == "Content-Length" && req.ContentLength > 0 {
			v = strconv.FormatInt(req.ContentLength, 10)
		}
		b.WriteString(v + "\n")
	}
	own := make(map[string][]string)
	for h, values := range req.Header {
		if h = strings.ToLower(h); strings.HasPrefix(h, "x-ms-") {
			own[h] = values
		}
	}
	for _, h := range slices.Sorted(maps.Keys(own)) {
		b.WriteString(h + ":" + strings.Join(own[h], ",") + "\n")
	}
	b.WriteString("/" + account + req.URL.EscapedPath())
	queries := req.URL.Query()
	for _, q := range slices.Sorted(maps.Keys(queries)) { // they are in lower case
		slices.Sort(queries[q])
		b.WriteString("\n" + q + ":" + strings.Join(queries[q], ","))
	}
	return b.String()
}
