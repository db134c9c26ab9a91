// Package hsmtest makes real tokens for tests: SoftHSM 2 and NSS softokn. A
// test that needs one fails where the module is not installed, naming Debian's package; it is never skipped.
//
// PKCS#11 modules read their configuration when the process initialises them.
// So a test has one token of a kind at a time, does not run in parallel with
// others that have, and closes all it opened.
package hsmtest
