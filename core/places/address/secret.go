package address

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Secret is what opens a place, and what was agreed to about it: "password", "key", "passphrase", "identity", ….
type Secret map[string]string

// The fields that do not belong to one kind.
const (
	Password   = "password"
	Key        = "key"        // a private key, PEM
	Passphrase = "passphrase" // of the key
	Identity   = "identity"   // the server's key or certificate that the person has agreed to
	Token      = "token"      // of a sign-in, JSON
)

// The fields of clouds.
const (
	AccountKey     = "account_key"        // of an Azure storage account, base64
	SAS            = "sas"                // a signature for an Azure container, in place of the key: what follows the question mark
	ClientSecret   = "client_secret"      // of the person's own client, which the place's address names
	B2KeyID        = "application_key_id" // of Backblaze B2
	B2Key          = "application_key"
	ServiceAccount = "service_account" // the key file of a Google service account, JSON as Google gives it
)

// ErrNoClient: neither this build nor the place's address names a client id, by which a service knows who asks.
var ErrNoClient = errors.New("this build has no client id for the service, and the address names none")

// ErrSecretFile: a file with a secret cannot be read as one.
var ErrSecretFile = errors.New("no file with the secret of a place")

// ReadSecret reads a file with a secret of a kind: a JSON object of texts, a private key, or the fields of the kind, a line each.
// The file of a Google service account is taken as it is.
// Errors: ErrSecretFile, which says what is wrong and repeats nothing.
func ReadSecret(k Kind, file []byte) (Secret, error) {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	switch text := bytes.TrimSpace(file); {
	case len(text) == 0:
		return nil, fmt.Errorf("%w: the file is empty", ErrSecretFile)
	case k == Google:
		return readServiceAccount(text)
	case text[0] == '{':
		var s Secret
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("%w: it is no JSON object of texts", ErrSecretFile) // err may repeat a part of it
		}
		return s, nil
	case bytes.HasPrefix(text, []byte("-----BEGIN ")) && k == SFTP:
		return Secret{Key: string(text) + "\n"}, nil
	}
	fields := k.Fields()
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(file), "\r\n", "\n"), "\n"), "\n")
	if len(lines) != len(fields) {
		return nil, fmt.Errorf("%w: it has %d lines; for %s:// it has %s, a line each", ErrSecretFile, len(lines), k,
			strings.Join(fields, " and "))
	}
	s := make(Secret)
	for i, f := range fields {
		s[f] = lines[i]
	}
	return s, nil
}

func readServiceAccount(text []byte) (Secret, error) {
	var file struct {
		Type string `json:"type"`
	}
	switch err := json.Unmarshal(text, &file); {
	case err != nil: // which may repeat a part of it
		return nil, fmt.Errorf("%w: it is no JSON, as a service account has", ErrSecretFile)
	case file.Type != "service_account":
		return nil, fmt.Errorf("%w: it is no key of a service account", ErrSecretFile)
	}
	return Secret{ServiceAccount: string(text)}, nil
}
