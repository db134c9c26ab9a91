// Package schedule says when backups run by themselves, and when it has been
// too long since the last one.
//
// Everything is a pure function of wall-clock times: a computer sleeps, its
// clock is set, it travels, and summer time begins. Who asks often enough
// (Watch tells when it was not) misses no backup: one that was due while
// nobody asked is due at once, and once only, however many were missed.
package schedule
