package hsm

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/miekg/pkcs11"
)

// Module is the part of PKCS#11 that this package calls. Tests put a counting
// or a faulty one in between.
type Module interface {
	Initialize(...pkcs11.InitializeOption) error
	GetSlotList(tokenPresent bool) ([]uint, error)
	GetTokenInfo(slot uint) (pkcs11.TokenInfo, error)
	GetMechanismInfo(slot uint, m []*pkcs11.Mechanism) (pkcs11.MechanismInfo, error)
	OpenSession(slot uint, flags uint) (pkcs11.SessionHandle, error)
	CloseSession(pkcs11.SessionHandle) error
	Login(s pkcs11.SessionHandle, user uint, pin string) error
	FindObjectsInit(s pkcs11.SessionHandle, template []*pkcs11.Attribute) error
	FindObjects(s pkcs11.SessionHandle, most int) ([]pkcs11.ObjectHandle, bool, error)
	FindObjectsFinal(s pkcs11.SessionHandle) error
	GetAttributeValue(s pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error)
	SetAttributeValue(s pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) error
	GenerateKeyPair(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle,
		pkcs11.ObjectHandle, error)
	DeriveKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, base pkcs11.ObjectHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	CreateObject(s pkcs11.SessionHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	DestroyObject(s pkcs11.SessionHandle, o pkcs11.ObjectHandle) error
}

// modules are the loaded ones. PKCS#11 keeps its state for the whole process
// (C_Initialize), so this has to as well.
var modules = struct {
	sync.Mutex
	open      map[string]*loaded
	libraries map[string]*pkcs11.Ctx
}{open: map[string]*loaded{}, libraries: map[string]*pkcs11.Ctx{}}

type loaded struct {
	path string
	ctx  *pkcs11.Ctx
	uses int
}

// load opens the module at path, an absolute path, or takes one more use of it.
func load(path string) (*loaded, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%w: %s is not an absolute path", ErrModule, path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	modules.Lock()
	defer modules.Unlock()
	if m := modules.open[real]; m != nil {
		m.uses++
		return m, nil
	}
	ctx := modules.libraries[real]
	if ctx == nil {
		if ctx = pkcs11.New(real); ctx == nil {
			return nil, fmt.Errorf("%w: %s is not a PKCS#11 module for this kind of computer", ErrModule, path)
		}
		modules.libraries[real] = ctx
	}
	if err := initialize(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", path, words(err))
	}
	m := &loaded{path: real, ctx: ctx, uses: 1}
	modules.open[real] = m
	return m, nil
}

// release gives back one use of the module.
func (m *loaded) release() {
	modules.Lock()
	defer modules.Unlock()
	if m.uses--; m.uses > 0 {
		return
	}
	delete(modules.open, m.path)
	// The library stays loaded: several modules do not survive being unloaded.
	_ = m.ctx.Finalize() // it is gone for us either way
}

// OpenModules returns how many modules are loaded, for tests that look for leaks.
func OpenModules() int {
	modules.Lock()
	defer modules.Unlock()
	return len(modules.open)
}

func initialize(m interface {
	Initialize(...pkcs11.InitializeOption) error
}) error {
	err := m.Initialize()
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return nil
	}
	return err
}
