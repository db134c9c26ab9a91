//go:build linux || darwin

package hsmtest

import (
	_ "embed"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-backup/holdfast/vault/hsm"
)

//go:embed spy/spy.c
var spyModuleSource []byte

// Function is a PKCS#11 function that a Spy knows.
type Function int

// The functions, in spy.c's order.
const (
	Initialize Function = iota
	GetSlotList
	GetTokenInfo
	OpenSession
	CloseSession
	Login
	FindObjectsInit
	FindObjects
	FindObjectsFinal
	GetAttributeValue
	SetAttributeValue
	GenerateKeyPair
	DeriveKey
	CreateObject
	DestroyObject
	Functions          // how many there are
	Any       Function = -1
)

// Action is what a Spy does to a call.
type Action uint64

// The actions.
const (
	FailBefore  Action = iota + 1 // the call does not reach the token
	FailAfter                     // the token does it, and an error is returned
	Hang                          // until Heal, then it is done
	HangAndFail                   // until Heal, then it fails
)

// Rule breaks calls.
type Rule struct {
	Action Action
	Skip   int  // calls that pass before
	Times  int  // calls that are broken; 0: all
	Code   uint // CKR_…
}

// Spy is a SoftHSM token behind a module that counts calls and breaks them. It is a real module, a
// shared library, so it works for other processes too.
type Spy struct {
	URI   *hsm.URI // of the token, with module and pin-source
	words []uint64
}

const (
	spyRelease, spyAny, spyFunctions, spyStride               = 0, 8, 16, 8
	spyCalls, spyAction, spySkip, spyTimes, spyCode, spyHangs = 0, 1, 2, 3, 4, 5
	spySucceeded                                              = 6
)

var spyLibrary = struct {
	once sync.Once
	path string
	out  []byte
	err  error
}{}

// NewSpy builds the module, once in a process, and makes a SoftHSM token of that label behind it.
func NewSpy(t testing.TB, label string) *Spy {
	t.Helper()
	l := &spyLibrary
	l.once.Do(func() {
		var dir string
		if dir, l.err = os.MkdirTemp("", "holdfast-spy-"); l.err != nil {
			return
		}
		var headers []byte
		if headers, l.err = exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output(); l.err != nil {
			return
		}
		l.path = filepath.Join(dir, "spy.so")
		if l.err = os.WriteFile(filepath.Join(dir, "spy.c"), spyModuleSource, 0o600); l.err != nil {
			return
		}
		l.out, l.err = exec.Command("cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-I", strings.TrimSpace(string(headers)), "-o", l.path,
			filepath.Join(dir, "spy.c"), "-ldl").CombinedOutput()
	})
	if l.err != nil {
		t.Fatalf("build the spy: %v\n%s", l.err, l.out)
	}
	uri := SoftHSM(t, label)
	t.Setenv("SPY_MODULE", uri.ModulePath)
	control := filepath.Join(folder(t), "control")
	must(t, os.WriteFile(control, make([]byte, 4096), 0o600))
	t.Setenv("SPY_CONTROL", control)
	f, err := os.OpenFile(control, os.O_RDWR, 0)
	must(t, err)
	defer f.Close() //nolint:errcheck // the mapping stays
	b, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	s := &Spy{URI: uri, words: unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), 512)}
	uri.ModulePath = l.path
	t.Cleanup(s.Heal) // nothing hangs for ever
	return s
}

// CleanupSpy removes what was built; for TestMain.
func CleanupSpy() {
	if spyLibrary.path != "" {
		_ = os.RemoveAll(filepath.Dir(spyLibrary.path))
	}
}

func (s *Spy) word(f Function, field int) *uint64 {
	if f == Any {
		return &s.words[spyAny+field]
	}
	return &s.words[spyFunctions+int(f)*spyStride+field]
}

// Break breaks calls of f, or of Any function, until Heal.
func (s *Spy) Break(f Function, r Rule) {
	times := uint64(math.MaxUint64)
	if r.Times > 0 {
		times = uint64(r.Times)
	}
	atomic.StoreUint64(s.word(f, spySkip), uint64(r.Skip))
	atomic.StoreUint64(s.word(f, spyTimes), times)
	atomic.StoreUint64(s.word(f, spyCode), uint64(r.Code))
	atomic.StoreUint64(s.word(f, spyAction), uint64(r.Action))
}

// Heal ends all rules and lets go what hangs.
func (s *Spy) Heal() {
	for f := Any; f < Functions; f++ {
		atomic.StoreUint64(s.word(f, spyAction), 0)
	}
	atomic.AddUint64(&s.words[spyRelease], 1)
}

// Calls is how often f was called, Succeeded how often it answered with success.
func (s *Spy) Calls(f Function) uint64     { return atomic.LoadUint64(s.word(f, spyCalls)) }
func (s *Spy) Succeeded(f Function) uint64 { return atomic.LoadUint64(s.word(f, spySucceeded)) }

// Hanging is how many calls of f hang.
func (s *Spy) Hanging(f Function) uint64 { return atomic.LoadUint64(s.word(f, spyHangs)) }
