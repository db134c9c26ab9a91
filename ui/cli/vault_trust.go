package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/holdfast-backup/holdfast/core"
)

// withTrust runs open, which contacts the vault of a backup somewhere. A vault
// that only the card there names is contacted only after the person agreed to it: with
// --trust-vault, or at the terminal. Otherwise the error says which vault it is.
func (c *cli) withTrust(ctx context.Context, destination string, p *passwordFlags, req *core.PasswordRequest) error {
	err := c.elsewhere().TrustedVault(ctx, destination, *req)
	var unknown *core.VaultNotTrustedError
	if !errors.As(err, &unknown) {
		return err
	}
	if !p.trust {
		agreed, asked := c.agrees(unknown.Trust, p.in == "-")
		if !asked || !agreed {
			return err
		}
	}
	// It holds for this very card: another one there a moment later is refused.
	req.Trust = unknown.Trust
	return nil
}

// agrees shows a vault at the terminal and asks. asked is false where there is no terminal.
func (c *cli) agrees(v core.VaultTrust, passwordFromStdin bool) (agreed, asked bool) {
	if f, ok := c.Stderr.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return false, false
	}
	in, done := c.terminal(passwordFromStdin)
	if in == nil {
		return false, false
	}
	defer done()
	c.warn("Only the place of this backup names the vault that checks its password.\nWhoever can write there can name another one.\n")
	for _, line := range trustLines(v) {
		c.warn("  %s", line)
	}
	_, _ = fmt.Fprint(c.Stderr, "\nA vault that is not yours can try out the password that you give. Ask this one? [y/N] ") // see warn
	answer, err := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
	if err != nil && answer == "" {
		return false, true
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, true
	}
	return false, true
}

// terminal is where a person answers, nil: nowhere.
func (c *cli) terminal(passwordFromStdin bool) (in io.Reader, done func()) {
	name := "/dev/tty"
	if runtime.GOOS == "windows" {
		name = "CONIN$"
	}
	if f, err := os.Open(name); err == nil {
		if term.IsTerminal(int(f.Fd())) {
			return f, func() { _ = f.Close() } // only read from
		}
		_ = f.Close() // only looked at
	}
	if f, ok := c.Stdin.(*os.File); ok && !passwordFromStdin && term.IsTerminal(int(f.Fd())) {
		return f, func() {}
	}
	return nil, nil
}

// trustLines tell a vault, one thing a line; of a shared password all of them.
func trustLines(v core.VaultTrust) []string {
	if all := v.Members(); len(all) > 1 || all[0] != v {
		var out []string
		for i, m := range all {
			out = append(append(out, fmt.Sprintf("Vault %d of %d", i+1, len(all))), trustLines(m)...)
		}
		return out
	}
	at := v.Address
	if v.Host != "" {
		at = v.Host + "  (" + v.Address + ")"
	}
	out := []string{"It calls itself: " + v.Name, "It is at:        " + at, "Its key:         " + v.Fingerprint}
	if v.Certificate != "" {
		out = append(out, "Its certificate: "+v.Certificate)
	}
	return out
}
