package cli_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/cli"
)

// person is somebody at a terminal, with a folder to back up.
type person struct {
	t   *testing.T
	dir string
}

func newPerson(t *testing.T) *person {
	p := &person{t, t.TempDir()}
	if err := os.Mkdir(p.at("src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.at("src/letter"), []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *person) at(name string) string { return filepath.Join(p.dir, name) }

// runs runs a command with this standard output. @ in an argument stands for the person's folder.
func (p *person) runs(stdout io.Writer, args ...string) (code int, stderr string) {
	all := []string{"--profile", p.at("profile"), "--keyring", "file"}
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "@", p.dir+"/"))
	}
	var said strings.Builder
	code = cli.Run(cli.Params{
		Args: all, Stdin: strings.NewReader(""), Stdout: stdout, Stderr: &said,
		NewKeyring: func(_, profile string) (core.Keyring, error) {
			return keyring.File{Path: filepath.Join(profile, "device.key")}, nil
		},
	})
	return code, said.String()
}

func (p *person) must(args ...string) string {
	p.t.Helper()
	var out strings.Builder
	if code, said := p.runs(&out, args...); code != cli.ExitDone {
		p.t.Fatalf("%q: exit %d: %s", args, code, said)
	}
	return out.String()
}

// full is a disk with no room left.
func full(t *testing.T) io.Writer {
	t.Helper()
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return fullWriter{}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// No command ends well when what it prints does not arrive.
func TestAFullOutputIsAFailure(t *testing.T) {
	commands := []string{
		"--help", "backup --help", "completion bash", "status", "backup", "snapshots", "ls latest", "ls latest src", "find letter",
		"versions src/letter",
		"diff latest latest", "verify", "verify --data 100", "drill", "prune", "prune --dry-run", "pin latest", "unpin latest", "key show",
		"repair --dry-run",
		"restore latest --to @back", "erase src/letter --dry-run", "encryption off", "encryption on --key-out @second.key", "delete latest",
	}
	for _, json := range []bool{false, true} {
		p := newPerson(t)
		p.must("setup", "--destination", "@dst", "--source", "@src", "--key-out", "@first.key")
		p.must("backup")
		for _, command := range commands {
			args := strings.Fields(command)
			if command == "diff latest latest" {
				var out strings.Builder
				if _, _ = p.runs(&out, args...); out.Len() == 0 {
					continue // nothing differs, and nothing is said
				}
			}
			if json {
				silent := []string{"--help", "backup --help", "completion bash", "pin latest", "unpin latest", "delete latest", "key change"}
				if slices.Contains(silent, command) {
					continue
				}
				args = append([]string{"--json"}, args...)
			}
			code, said := p.runs(full(t), args...)
			if code != cli.ExitFailed || !strings.Contains(said, "did not arrive") {
				t.Errorf("%q: exit %d: %s", args, code, said)
			}
		}
	}
}

// Nothing is changed for a key that did not arrive.
func TestNothingDependsOnAKeyThatDidNotArrive(t *testing.T) {
	p := newPerson(t)
	code, said := p.runs(full(t), "setup", "--destination", "@dst", "--source", "@src", "--key-out", "-")
	if code != cli.ExitFailed || !strings.Contains(said, "did not arrive") {
		t.Errorf("setup: exit %d: %s", code, said)
	}
	if _, err := os.Stat(p.at("dst")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("setup made a backup for a key that nobody has: %v", err)
	}
	p.must("setup", "--destination", "@dst", "--source", "@src", "--key-out", "@first.key")
	p.must("backup")
	if code, said := p.runs(full(t), "key", "change", "--key-out", "-"); code != cli.ExitFailed || !strings.Contains(said, "did not arrive") {
		t.Errorf("key change: exit %d: %s", code, said)
	}
	if key, err := os.ReadFile(p.at("first.key")); err != nil || p.must("key", "show") != string(key) {
		t.Errorf("the key was changed though the new one did not arrive: %v", err)
	}
	p.must("ls", "latest", "--destination", "@dst", "--key-in", "@first.key")
	p.must("encryption", "off")
	if code, said := p.runs(full(t), "encryption", "on", "--key-out", "-"); code != cli.ExitFailed ||
		!strings.Contains(said, "did not arrive") {
		t.Errorf("encryption on: exit %d: %s", code, said)
	}
	if out := p.must("status"); !strings.Contains(out, "not encrypted") || strings.Contains(out, "not finished") {
		t.Errorf("encryption was turned on for a key that nobody has: %s", out)
	}
	// A key that arrives is the one in use, whatever is printed later.
	var out strings.Builder
	if code, said := p.runs(&out, "encryption", "on", "--key-out", "-"); code != cli.ExitDone ||
		!strings.HasPrefix(out.String(), strings.TrimSpace(p.must("key", "show"))) {
		t.Errorf("encryption on: exit %d: %s", code, said)
	}
}
