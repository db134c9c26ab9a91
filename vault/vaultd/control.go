package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// controlPath is a socket on which a running vaultd takes the operator's
// commands; its folder is the operator's alone.
func controlPath(data string) string { return filepath.Join(data, "vaultd.sock") }

func listenControl(ctx context.Context, data string) (net.Listener, error) {
	path := controlPath(data)
	// The store is locked, so no other vaultd uses this folder: the socket is a dead one's.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// report is what status says.
type report struct {
	Running      bool   `json:"running"`
	Ready        bool   `json:"ready"`
	Problem      string `json:"problem,omitempty"`
	Token        string `json:"token"`
	PublicKey    []byte `json:"public_key"`
	Accounts     uint64 `json:"accounts"`
	CommitNumber uint64 `json:"commit_number"`
	StorageKey   uint32 `json:"storage_key"`
}

func (o *opened) report(ctx context.Context, running bool) report {
	c := o.Counts()
	r := report{Running: running, Ready: true, Token: o.token.URI(), PublicKey: o.Public().PublicKey, Accounts: c.Accounts,
		CommitNumber: c.CommitNumber, StorageKey: c.Generation}
	if err := o.Ready(ctx); err != nil {
		r.Ready, r.Problem = false, err.Error()
	}
	return r
}

// rotated is what rotate says.
type rotated struct {
	Accounts   int    `json:"accounts"`
	StorageKey uint32 `json:"storage_key"`
}

func (o *opened) rotate(ctx context.Context) (rotated, error) {
	n, err := o.Rotate(ctx)
	return rotated{n, o.Counts().Generation}, err
}

// removed is what remove says.
type removed struct {
	Removed bool `json:"removed"`
}

// control serves the socket.
func control(o *opened, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body any, err error) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body) // the client is gone then
	}
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { answer(w, o.report(r.Context(), true), nil) })
	mux.HandleFunc("POST /rotate", func(w http.ResponseWriter, r *http.Request) {
		log.Info("the storage key is being rotated")
		done, err := o.rotate(context.WithoutCancel(r.Context()))
		answer(w, done, err)
	})
	mux.HandleFunc("POST /remove/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := accountID(r.PathValue("id"))
		if err == nil {
			err = o.Remove(r.Context(), id)
		}
		answer(w, removed{true}, err)
	})
	mux.HandleFunc("GET /backup", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(noDeadline) // a large store takes its time
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Trailer", "Complete")
		if _, err := o.store.Backup(w); err == nil {
			w.Header().Set("Complete", "yes")
		}
	})
	return mux
}

// errNotRunning: no vaultd has the data folder.
var errNotRunning = errors.New("vaultd is not running")

// ask sends a command to the vaultd that has the data folder.
func ask(ctx context.Context, data, method, path string, to io.Writer) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", controlPath(data))
	}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, method, "http://vaultd"+path, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return errNotRunning
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	if answer.StatusCode != http.StatusOK {
		var text bytes.Buffer
		_, _ = io.Copy(&text, io.LimitReader(answer.Body, 4096)) // as much as there is
		return fmt.Errorf("the running vaultd says: %s", bytes.TrimSpace(text.Bytes()))
	}
	if _, err := io.Copy(to, answer.Body); err != nil {
		return err
	}
	if path == "/backup" && answer.Trailer.Get("Complete") != "yes" {
		return errors.New("the copy is not complete")
	}
	return nil
}
