// Package opaquetest has what tests of the vault need of OPAQUE: scalars in
// memory that stand in for an HSM, and a client that does not stretch the
// password, so that a thousand logins take a second and not three minutes. Never use it elsewhere.
package opaquetest
