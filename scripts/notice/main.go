// Command notice signs the notice of a newer version (docs/adr/0044).
//
//	go run ./scripts/notice key NAME PRIVATE                       makes a key; prints what builds are given
//	go run ./scripts/notice sign PRIVATE VERSION DAY PAGE > notice
//
// NAME is a name for the key, as a domain. PRIVATE is the file of the private key, which must not exist.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/holdfast-backup/holdfast/core/release"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "key":
		return makeKey(args[1], args[2], out)
	case len(args) == 5 && args[0] == "sign":
		return sign(args[1], args[2:], out)
	}
	return errors.New("key NAME PRIVATE, or sign PRIVATE VERSION DAY PAGE")
}

func makeKey(name, private string, out io.Writer) error {
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(private, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(secret); err != nil {
		_ = f.Close() // it holds nothing of use
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, public)
	return err
}

func sign(private string, lines []string, out io.Writer) error {
	secret, err := os.ReadFile(private)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(string(secret))
	if err != nil {
		return fmt.Errorf("%s holds no key", private) // err repeats what it holds
	}
	day, err := time.Parse(time.DateOnly, lines[1])
	if err != nil {
		return err
	}
	text := release.Notice{Version: lines[0], Released: day, Page: lines[2]}.Text()
	if _, err := release.ParseNotice(text); err != nil { // nobody could read it
		return err
	}
	msg, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return err
	}
	_, err = out.Write(msg)
	return err
}
