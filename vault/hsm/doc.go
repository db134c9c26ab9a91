// Package hsm is what the vault needs of a PKCS#11 token, and no more: it
// multiplies points with scalars that the token made and never gives away,
// derives the storage secret, and keeps the rollback anchor.
//
//	uri, err := hsm.ParseURI("pkcs11:token=vault?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/holdfast/pin")
//	err = hsm.Init(ctx, hsm.Params{URI: uri})      // once; refuses to overwrite
//	h, err := hsm.Open(ctx, hsm.Params{URI: uri})
//	defer h.Close()
//
// Any token will do that makes P-256 keys, offers CKM_ECDH1_DERIVE with
// CKD_NULL, lets the derived secret be read, and lets a key's label be
// changed. [Probe] says in plain words what one lacks.
//
// # Promises
//
// A token that was pulled and put back is found again by its URI, logged in
// to, and used as before; calls meanwhile give ErrAbsent. Keys are found
// exactly once or not at all: two keys of one name are ErrAmbiguous, since
// guessing which is right could use the wrong one. Every evaluation is done
// twice in a way that a wrong answer of the token is noticed (opaque.FromXOnly).
//
// # What it does not do
//
// It does not know what accounts are. It cannot keep whoever holds the token's
// PIN from using the token. Modules run in this process: one that crashes
// takes the process with it.
//
// A PKCS#11 module is a process-wide thing: it is initialised once however
// many tokens of it are open, and finalised when the last is closed.
package hsm
