// Package keyring keeps one secret of 32 bytes, the device key, either in the
// operating system's keyring or in a file of the profile. Nothing longer goes
// there: the systems' limits are tight, and older ones cut without saying so.
package keyring
