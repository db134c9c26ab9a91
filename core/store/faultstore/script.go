package faultstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Op is a store's operation.
type Op string

// The operations; the empty Op stands for all of them, Write for Put, Replace
// and Delete.
const (
	Put     Op = "put"
	Replace Op = "replace"
	ReadAt  Op = "read"
	Stat    Op = "stat"
	List    Op = "list"
	Delete  Op = "delete"
	Write   Op = "write"
)

// Kind is what goes wrong.
type Kind int

// The kinds of faults. Those that make no sense for an operation (FlipBit of
// a Put) panic when they are hit: the test is wrong.
const (
	Fail          Kind = iota // nothing is done; Err
	Delay                     // Before runs, then all is well
	ShortRead                 // ReadAt, List: half is given, then io.ErrUnexpectedEOF
	FlipBit                   // ReadAt: success, one bit is wrong
	LostWrite                 // Put, Replace, Delete: success, nothing is done
	RepeatedWrite             // Put, Replace, Delete: done twice, as by a proxy that repeats; the first answer is given
	SecondAnswer              // Put, Replace, Delete: the same, and the second answer is given
	PartialWrite              // Put, Replace: half the object is stored under the name, then Err
	LostAnswer                // any: done, then Err
	Crash                     // nothing is done; this and every later call give ErrCrashed
	CrashAfter                // done; this and every later call give ErrCrashed
)

var (
	// ErrFault is what a fault gives that names no error of its own.
	ErrFault = errors.New("fault on purpose")
	// ErrCrashed is what all calls give from a crash on.
	ErrCrashed = errors.New("crashed on purpose")
)

// Fault is one thing that goes wrong.
type Fault struct {
	Op     Op     // the operation it waits for
	Prefix string // of the object's name, or of List's prefix
	Skip   int    // how many such calls pass before it
	Times  int    // how many calls it then hits; 0 means one, Always all
	// SkipBytes lets that many bytes of Put and Replace pass, counted over the
	// calls that match, before it hits the call that exceeds them.
	SkipBytes int64
	Kind      Kind
	Err       error // nil means ErrFault
	// Before, if any, runs first, without locks; its error is the call's. It
	// takes the call's ctx, and is where a test waits or looks on.
	Before func(ctx context.Context) error
}

// Always as Fault.Times hits every call; one hit is enough for VerifyAllHit.
const Always = -1

func (f *Fault) String() string {
	return fmt.Sprintf("%s %q: kind %d after %d calls and %d bytes, %d times", f.Op, f.Prefix, f.Kind, f.Skip, f.SkipBytes, f.times())
}

func (f *Fault) times() int {
	if f.Times == 0 {
		return 1
	}
	return f.Times
}

func (f *Fault) err() error {
	if f.Err == nil {
		return ErrFault
	}
	return f.Err
}

func (f *Fault) matches(op Op, name string) bool {
	return strings.HasPrefix(name, f.Prefix) && (f.Op == "" || f.Op == op || f.Op == Write && (op == Put || op == Replace || op == Delete))
}

// Script is a list of faults and how far each has come. One script may serve
// several stores, as several computers that use one destination.
type Script struct {
	mu     sync.Mutex
	faults []*progress
}

type progress struct {
	Fault
	calls int
	bytes int64
	hits  int
}

// NewScript makes a script. Of several faults that a call meets, the first wins;
// the others count the call as passed.
func NewScript(faults ...Fault) *Script {
	s := &Script{}
	s.Add(faults...)
	return s
}

// Add appends faults; calls before it do not count for them.
func (s *Script) Add(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.faults = append(s.faults, &progress{Fault: f})
	}
}

// next counts a call and returns the fault it meets, or nil.
func (s *Script) next(op Op, name string, bytes int) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var met *Fault
	for _, f := range s.faults {
		if !f.matches(op, name) {
			continue
		}
		f.calls++
		f.bytes += int64(bytes)
		if met == nil && f.calls > f.Skip && (f.SkipBytes == 0 || f.bytes > f.SkipBytes) && (f.Times == Always || f.hits < f.times()) {
			f.hits++
			met = &f.Fault
		}
	}
	return met
}

// T is the part of *testing.T that VerifyAllHit needs.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// VerifyAllHit fails the test for each fault that was not hit as often as it says.
func (s *Script) VerifyAllHit(t T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if want := max(f.times(), 1); f.hits < want {
			t.Errorf("the fault %v was hit %d times, by %d calls that match", &f.Fault, f.hits, f.calls)
		}
	}
}
