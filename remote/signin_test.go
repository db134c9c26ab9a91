package main_test

import (
	"bufio"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/places"
	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/ui/cli"
)

// People sign in to each cloud through the program, which opens it then; and again where that was taken back.
func TestPeopleSignIn(t *testing.T) {
	type cloud struct {
		accounts *servers.Accounts
		internet *servers.Internet
	}
	for kind, begin := range map[address.Kind]func() cloud{
		address.Drive:    func() cloud { c := servers.GoogleDrive(t); return cloud{c.Accounts, c.Internet} },
		address.OneDrive: func() cloud { c := servers.OneDriveCloud(t); return cloud{c.Accounts, c.Internet} },
		address.Dropbox:  func() cloud { c := servers.DropboxCloud(t); return cloud{c.Accounts, c.Internet} },
	} {
		c := begin()
		own := address.Address{Kind: kind, Path: "/Holdfast", Query: url.Values{"client": {c.accounts.Client.ID}}}
		s := atCloud(t, c.internet, own, address.Secret{address.ClientSecret: c.accounts.Client.Secret}).here()
		at := places.Through(start(t))
		show := func(page string) error {
			if status, text := c.internet.Browse(t, page, "en"); !strings.Contains(text, "Signed in") {
				t.Errorf("%s: the browser shows %d %s", kind, status, text)
			}
			return nil
		}
		if _, err := at.Open(t.Context(), s.place, true); !errors.Is(err, store.ErrSignIn) {
			t.Errorf("%s: before a sign-in: %v", kind, err)
		}
		if err := at.Know(s.place, s.secret); err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			if err := at.SignIn(t.Context(), s.place, show); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			r, err := at.Open(t.Context(), s.place, round == 0)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if err := r.Put(t.Context(), "packs/"+string(rune('a'+round)), nil); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			c.accounts.Revoke()
			if err := r.Put(t.Context(), "packs/x", nil); !errors.Is(err, store.ErrSignIn) {
				t.Errorf("%s: taken back: %v", kind, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		// This build has no client of its own, and says so.
		own.Query = nil
		if err := at.SignIn(t.Context(), own.String(), show); !errors.Is(err, address.ErrNoClient) {
			t.Errorf("%s: without a client: %v", kind, err)
		}
	}
	if err := places.Through(start(t)).SignIn(t.Context(), "sftp://host/x", nil); !errors.Is(err, address.ErrInvalid) {
		t.Errorf("a place that nobody signs in to: %v", err)
	}
}

// By command, a sign-in goes into a file, which opens the place on a computer without a profile.
func TestASignInByCommand(t *testing.T) {
	d := servers.GoogleDrive(t)
	own := address.Address{Kind: address.Drive, Path: "/Holdfast", Query: url.Values{"client": {d.Client.ID}}}
	s := atCloud(t, d.Internet, own, address.Secret{}).here()
	dir := t.TempDir()
	client := servers.Write(t, filepath.Join(dir, "client"), `{"client_secret": "`+d.Client.Secret+`"}`)
	out, said := filepath.Join(dir, "signed-in"), &strings.Builder{}
	told, tells := io.Pipe()
	browsed := make(chan string, 1)
	go func() {
		page := ""
		for lines := bufio.NewScanner(told); lines.Scan(); {
			if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "https://accounts.google.com/") {
				_, page = d.Browse(t, line, "en")
			}
		}
		browsed <- page
	}()
	code := cli.Run(cli.Params{
		Args:  []string{"place", "sign-in", s.place, "--secret-in", client, "--secret-out", out},
		Stdin: strings.NewReader(""), Stdout: tells, Stderr: said,
		Places:     places.Through(start(t)),
		NewKeyring: func(string, string) (core.Keyring, error) { return nil, errors.New("there is no profile") },
	})
	_ = tells.Close() // it has ended
	if page := <-browsed; code != 0 || !strings.Contains(page, "Signed in") {
		t.Fatalf("exit code %d, %s; the browser shows %s", code, said, page)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := address.ReadSecret(address.Drive, text)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := places.Through(start(t))
	if err := elsewhere.Know(s.place, secret); err != nil {
		t.Fatal(err)
	}
	r, err := elsewhere.Open(t.Context(), s.place, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
