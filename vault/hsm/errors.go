package hsm

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// What a caller decides on. Each is wrapped with details; use errors.Is.
var (
	ErrModule     = errors.New("the PKCS#11 module cannot be used")
	ErrAbsent     = errors.New("the token is not there")
	ErrAmbiguous  = errors.New("more than one fits")
	ErrPIN        = errors.New("the token does not accept the PIN")
	ErrNoPIN      = errors.New("the token needs a PIN")
	ErrNoKeys     = errors.New("the token has no vault keys")
	ErrExists     = errors.New("the token has vault keys already")
	ErrIncapable  = errors.New("the token cannot do what a vault needs")
	ErrFaulty     = errors.New("the token answers wrongly")
	ErrClosed     = errors.New("the token is closed")
	ErrPoint      = errors.New("not a point that can be evaluated")
	ErrNoObjects  = errors.New("the token keeps no data objects")
	ErrGeneration = errors.New("no storage key of this generation")
	ErrExposed    = errors.New("a key of the vault may be known outside of the token")
	ErrSilent     = errors.New("the token does not answer")
)

// lost tells errors after which sessions and handles are worth nothing: the
// token was pulled, the module was finalised, another login was lost, a session is stuck.
func lost(err error) bool {
	var e pkcs11.Error
	if !errors.As(err, &e) {
		return false
	}
	switch uint(e) {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_DEVICE_REMOVED,
		pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED,
		pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_SESSION_COUNT,
		pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_OPERATION_NOT_INITIALIZED: // a search that could not be ended spoils its session
		return true
	}
	return false
}

// words says what a PKCS#11 error means. The module's own code follows.
func words(err error) error {
	var e pkcs11.Error
	if !errors.As(err, &e) {
		return err
	}
	kind := ErrModule
	switch uint(e) {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED,
		pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
		kind = ErrPIN
	case pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SLOT_ID_INVALID,
		pkcs11.CKR_DEVICE_ERROR:
		kind = ErrAbsent
	case pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_FUNCTION_NOT_SUPPORTED:
		kind = ErrIncapable
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// asGeneration says that a storage key is missing where a key is.
func asGeneration(err error) error {
	if errors.Is(err, ErrNoKeys) {
		return fmt.Errorf("%w: %w", ErrGeneration, err)
	}
	return err
}
