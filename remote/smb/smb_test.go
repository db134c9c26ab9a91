package smb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"go.uber.org/goleak"

	"github.com/holdfast-backup/holdfast/core/places/address"
	"github.com/holdfast-backup/holdfast/core/store"
	"github.com/holdfast-backup/holdfast/core/store/storetest"
	"github.com/holdfast-backup/holdfast/remote/servers"
	"github.com/holdfast-backup/holdfast/remote/smb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(s *servers.SMB, path string) address.Address {
	return address.Address{Kind: address.SMB, User: s.User, Host: s.Addr, Path: path}
}

func secret(s *servers.SMB) address.Secret { return address.Secret{address.Password: s.Password} }

func open(t *testing.T, s *servers.SMB, folder string) *smb.Store {
	t.Helper()
	r, err := smb.Open(t.Context(), at(s, "/"+s.Share+"/"+folder), secret(s), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestSamba(t *testing.T) {
	s := servers.Samba(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, s, fmt.Sprint("a folder/", n))
	})
	servers.NoLeftovers(t, s.Root)
}

func TestOpenErrors(t *testing.T) {
	s := servers.Samba(t)
	gone, nobody, stranger := *s, *s, *s
	gone.Addr = "127.0.0.1:" + servers.Port(t)
	nobody.User, stranger.User = "nobody-here", "TEST;"+s.User
	servers.Write(t, filepath.Join(s.Root, "file"), "x")
	servers.OpenErrors(t, map[string]servers.Opening{
		"a password that is wrong":    {At: at(s, "/Files"), Secret: address.Secret{address.Password: "hunter22"}, Want: store.ErrSignIn},
		"no password":                 {At: at(s, "/Files"), Want: store.ErrSignIn},
		"a user who is not known":     {At: at(&nobody, "/Files"), Secret: secret(s), Want: store.ErrSignIn},
		"a folder that is not there":  {At: at(s, "/Files/none"), Secret: secret(s), Want: store.ErrUnreachable},
		"a share that is not there":   {At: at(s, "/none"), Secret: secret(s), Want: store.ErrUnreachable},
		"a file":                      {At: at(s, "/Files/file"), Secret: secret(s), Want: store.ErrUnreachable},
		"nobody listens":              {At: at(&gone, "/Files"), Secret: secret(s), Want: store.ErrUnreachable},
		"a domain before the user":    {At: at(&stranger, "/Files"), Secret: secret(s)},
		"all of the share":            {At: at(s, "/Files"), Secret: secret(s)},
		"a share in other characters": {At: at(s, "/fILES"), Secret: secret(s)},
	}, func(ctx context.Context, a address.Address, secret address.Secret) (*smb.Store, error) {
		return smb.Open(ctx, a, secret, false)
	}, s.Password)
}

// A server that lets in whoever comes signs nothing, and is not believed.
func TestGuestsAreRefused(t *testing.T) {
	s := servers.Samba(t, "map to guest = bad user")
	stranger := *s
	stranger.User = "nobody-here"
	_, err := smb.Open(t.Context(), at(&stranger, "/Files"), secret(s), false)
	if !errors.Is(err, store.ErrSignIn) || !strings.Contains(err.Error(), "guest") {
		t.Errorf("as a guest: %v", err)
	}
	open(t, s, "")
}

// Who may not write is told so, and nothing changes.
func TestPermission(t *testing.T) {
	s := servers.Samba(t)
	w := open(t, s, "")
	if err := w.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	r, err := smb.Open(t.Context(), at(s, "/"+s.Frozen), secret(s), false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // the test ends
	for op, err := range map[string]error{
		"put": r.Put(t.Context(), "packs/aa/2", nil), "put in a new folder": r.Put(t.Context(), "indexes/2", nil),
		"replace": r.Replace(t.Context(), "packs/aa/1", nil), "delete": r.Delete(t.Context(), "packs/aa/1"),
	} {
		if !errors.Is(err, store.ErrPermission) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if b, err := store.ReadAll(t.Context(), r, "packs/aa/1", 10); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

// A folder that goes away is unreachable, and is not made anew. Neither is a share.
func TestFolderGone(t *testing.T) {
	s := servers.Samba(t)
	for _, folder := range []string{"here", ""} {
		root := filepath.Join(s.Root, folder)
		storetest.Gone(t, open(t, s, folder), servers.Away(t, root, root+".away"), servers.IsThere(root), "stat") // Samba stands in the folder
		_, err := smb.Open(t.Context(), at(s, "/Files/"+folder), secret(s), false)
		if !errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%q, open: %v", folder, err)
		}
		if servers.IsThere(root)() {
			t.Errorf("%q is made anew", folder)
		}
	}
}

// A server that dies is unreachable; when it is back, the same store goes on.
func TestServerKilledAndBack(t *testing.T) {
	s := servers.Samba(t)
	r := open(t, s, "x")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	s.Kill(t)
	if err := r.ReadAt(t.Context(), "packs/aa/1", make([]byte, 1), 0); !errors.Is(err, store.ErrUnreachable) || store.IsPermanent(err) {
		t.Errorf("while it is away: %v", err)
	}
	s.Start(t)
	if b, err := store.ReadAll(t.Context(), r, "packs/aa/1", 10); err != nil || string(b) != "x" {
		t.Errorf("when it is back: %q, %v", b, err)
	}
	if err := r.Put(t.Context(), "packs/aa/2", []byte("y")); err != nil {
		t.Error(err)
	}
}

// A call at a server that says nothing ends with its context, and the next one takes another connection.
func TestSilence(t *testing.T) {
	s := servers.Samba(t)
	p := servers.NewProxy(t, s.Addr)
	r := open(t, behind(p, s), "")
	if err := r.Put(t.Context(), "packs/aa/1", []byte("x")); err != nil {
		t.Fatal(err)
	}
	speak := make(chan struct{})
	for op, call := range map[string]func(context.Context) error{
		"put":  func(ctx context.Context) error { return r.Put(ctx, "packs/aa/2", []byte("y")) },
		"read": func(ctx context.Context) error { return r.ReadAt(ctx, "packs/aa/1", make([]byte, 1), 0) },
		"list": func(ctx context.Context) error { return r.List(ctx, "", func(store.Object) error { return nil }) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p.See(func(_ []byte, answer bool) {
			if answer {
				cancel()
				<-speak
			}
		})
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", op, err)
		}
	}
	close(speak)
	p.See(func([]byte, bool) {})
	if b, err := store.ReadAll(t.Context(), r, "packs/aa/1", 10); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestFreeAndLeftovers(t *testing.T) {
	s := servers.Samba(t)
	servers.FreeAndLeftovers(t, s.Root, open(t, s, ""))
}

// wire is what goes to a server and comes from it.
type wire struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *wire) see(b []byte, _ bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(b)
}

// has reports whether a text went over the wire, as SMB writes texts.
func (w *wire) has(text string) bool {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.b.Bytes(), b)
}

// behind returns a server as it is reached through a proxy.
func behind(p *servers.Proxy, s *servers.SMB) *servers.SMB {
	near := *s
	near.Addr = p.Addr
	return &near
}

// Where the server can encrypt, nobody on the way sees even a name. Where it cannot, names are seen, and all is signed.
func TestOnTheWire(t *testing.T) {
	for setting, encrypted := range map[string]bool{
		"server smb encrypt = default": true, "server max protocol = SMB3_00": true, "server smb encrypt = off": false,
	} {
		t.Run(setting, func(t *testing.T) {
			s := servers.Samba(t, setting)
			p := servers.NewProxy(t, s.Addr)
			var w wire
			p.See(w.see)
			r := open(t, behind(p, s), "")
			if err := r.Put(t.Context(), "packs/planted-name", []byte("what is in it")); err != nil {
				t.Fatal(err)
			}
			if w.has("planted-name") == encrypted {
				t.Errorf("encrypted: %t", !encrypted)
			}
			if w.has(s.Password) {
				t.Error("the password goes over the wire")
			}
			var changed atomic.Bool
			p.See(func(b []byte, answer bool) {
				if m := message(b); answer && m != nil && m[12] == 8 { // READ, in clear
					m[len(m)-1] ^= 1
					changed.Store(true)
				}
			})
			err := r.ReadAt(t.Context(), "packs/planted-name", make([]byte, 13), 0)
			if changed.Load() == encrypted {
				t.Errorf("an answer was changed: %t", !encrypted)
			}
			if !encrypted && !errors.Is(err, store.ErrUnreachable) {
				t.Errorf("an answer was changed on its way: %v", err)
			}
		})
	}
}

// Somebody on the way says that the user is a guest, that nothing is signed, or that one of the two knows less than it
// does: none of it turns signing or encryption off.
func TestNobodyTurnsSigningOff(t *testing.T) {
	newest, older := servers.Samba(t), servers.Samba(t, "server max protocol = SMB3_02")
	const negotiate, setup = 0, 1
	done := make([]byte, 4) // the status of what is done
	for name, c := range map[string]struct {
		server *servers.SMB
		answer bool
		change func(m []byte)
	}{
		"a guest": {newest, true, func(m []byte) {
			if m[12] == setup && bytes.Equal(m[8:12], done) {
				m[66] |= 1 // SessionFlags: IS_GUEST
			}
		}},
		"no signature": {newest, true, func(m []byte) {
			if m[12] == setup && bytes.Equal(m[8:12], done) {
				m[16] &^= 8 // Flags: SIGNED
				clear(m[48:64])
			}
		}},
		"another signature": {newest, true, func(m []byte) {
			if m[12] == setup && bytes.Equal(m[8:12], done) {
				m[48] ^= 1
			}
		}},
		"a server of SMB 2.1": {newest, true, func(m []byte) {
			if m[12] == negotiate {
				m[68], m[69] = 0x10, 0x02 // DialectRevision
			}
		}},
		"a server of SMB 3.0": {newest, true, func(m []byte) {
			if m[12] == negotiate {
				m[68], m[69] = 0x00, 0x03
			}
		}},
		"a client of SMB 3.0.2": {newest, false, func(m []byte) {
			if m[12] == negotiate {
				m[100], m[101] = 0x02, 0x03 // the first of Dialects, in place of 3.1.1
			}
		}},
		"a server that cannot encrypt": {older, true, func(m []byte) {
			if m[12] == negotiate {
				m[88] &^= 0x40 // Capabilities: ENCRYPTION
			}
		}},
		"a client that cannot encrypt": {older, false, func(m []byte) {
			if m[12] == negotiate {
				m[72] &^= 0x40
			}
		}},
	} {
		p := servers.NewProxy(t, c.server.Addr)
		var changed atomic.Bool
		p.See(func(b []byte, answer bool) {
			before := bytes.Clone(b)
			if m := message(b); answer == c.answer && m != nil {
				c.change(m)
			}
			if !bytes.Equal(before, b) {
				changed.Store(true)
			}
		})
		r, err := smb.Open(t.Context(), at(behind(p, c.server), "/Files"), secret(c.server), false)
		if err == nil {
			t.Errorf("%s: it opens", name)
			_ = r.Close() // only opened
		}
		if !changed.Load() {
			t.Errorf("%s: nothing was changed: %v", name, err)
		}
	}
	open(t, older, "") // as it is
}

// message returns a message of SMB 2 without its length; nil for anything else, as what is encrypted.
func message(b []byte) []byte {
	if len(b) < 80 || !bytes.Equal(b[4:8], []byte("\xfeSMB")) {
		return nil
	}
	return b[4:]
}
