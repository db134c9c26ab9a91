// Package cli is Holdfast for a terminal: the verbs of the window, with
// progress on a terminal, silence in a pipe, JSON for programs, and exit codes
// that scripts can rely on (see Exit).
//
// Secrets come in and go out through files ("-" is standard input, or for
// output standard output), never through arguments or the environment.
package cli
