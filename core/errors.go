package core

import "errors"

// What a caller decides on. Each is wrapped with details; use errors.Is. The
// sentence for people is in ui/words.
var (
	ErrNotSetUp        = errors.New("no backup is set up in this profile")
	ErrAlreadySetUp    = errors.New("a backup is already set up in this profile")
	ErrProfileInUse    = errors.New("another holdfast process uses this profile")
	ErrBusy            = errors.New("other work is under way")
	ErrNoKeyring       = errors.New("no keyring on this computer")
	ErrKeyringDenied   = errors.New("the keyring did not give the device key")
	ErrSecretsDamaged  = errors.New("the sealed secrets of this profile cannot be opened")
	ErrNoBackup        = errors.New("there is no backup at this place")
	ErrExistingBackup  = errors.New("this place already holds a backup")
	ErrNewerFormat     = errors.New("the backup was written by a newer version")
	ErrDamaged         = errors.New("the backup is damaged")
	ErrWrongKey        = errors.New("the key does not open this backup")
	ErrKeyNeeded       = errors.New("the backup is encrypted and needs its key")
	ErrNotEncrypted    = errors.New("the backup is not encrypted")
	ErrEncrypted       = errors.New("the backup is encrypted already")
	ErrDowngraded      = errors.New("the backup at the destination is not the encrypted one this computer wrote")
	ErrOlderState      = errors.New("the destination shows an older state than this computer left there")
	ErrDestinationGone = errors.New("the destination cannot be reached")
	ErrNoSpace         = errors.New("the destination is full")
	ErrPermission      = errors.New("no permission")
	ErrNoSnapshot      = errors.New("no such snapshot")
	ErrNoEntry         = errors.New("no such file in the snapshot")
	ErrNoSource        = errors.New("none of the sources can be read")
	ErrTarget          = errors.New("the folder to restore to cannot be used")
	ErrInvalid         = errors.New("invalid request")
)
