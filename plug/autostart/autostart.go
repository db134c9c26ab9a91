// Package autostart starts a program when the person logs in: by an entry in
// the XDG autostart folder, a LaunchAgent, or the registry's Run key. Each is the person's own; no administrator is asked.
package autostart

import "os"

// Entry is what is to be started.
type Entry struct {
	ID      string // a reversed domain name
	Name    string // for people
	Comment string
	// Program is the path of the program; "" is the one that runs.
	Program string
	Args    []string
	Icon    []byte // a PNG of 512 × 512; nil: none
}

func (e Entry) command() ([]string, error) {
	program := e.Program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	return append([]string{program}, e.Args...), nil
}
