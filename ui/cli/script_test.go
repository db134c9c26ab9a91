package cli_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/keyring"
	"github.com/holdfast-backup/holdfast/ui/cli"
)

// The scripts in testdata/script run the command line as a process of its
// own, as DESIGN's contract with scripts has it: arguments, exit codes, what
// is printed where.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"holdfast": func() {
		os.Exit(cli.Run(cli.Params{
			Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Vaults: testVaults(),
			NewKeyring: func(kind, profile string) (core.Keyring, error) {
				switch kind {
				case "system":
					return keyring.System{}, nil
				case "file":
					return keyring.File{Path: filepath.Join(profile, "device.key")}, nil
				}
				return nil, fmt.Errorf("--keyring is system or file, not %q", kind)
			},
		}))
	}})
}

func TestScripts(t *testing.T) { runScripts(t, "testdata/script", nil) }

// runScripts runs the scripts of a folder; setup may prepare each further.
func runScripts(t *testing.T, dir string, setup func(*testscript.Env) error) {
	t.Helper()
	runScriptsWith(t, dir, nil, setup)
}

// runScriptsWith is runScripts with more commands, for scripts that share something: they run one after the other.
func runScriptsWith(t *testing.T, dir string, more map[string]func(*testscript.TestScript, bool, []string),
	setup func(*testscript.Env) error,
) {
	t.Helper()
	commands := map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"exits": exits, "mistype": mistype, "one-line": oneLine, "same-tree": sameTree, "tmpfs": tmpfs, "saves": saves, "paper": paper,
	}
	maps.Copy(commands, more)
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			// No Secret Service answers here, whatever the machine has.
			e.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(e.WorkDir, "no-bus"))
			e.Setenv("HOME", e.WorkDir)
			if setup != nil {
				return setup(e)
			}
			return nil
		},
		Cmds: commands,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return runtime.GOOS == "linux" && os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// exits CODE COMMAND... runs a command that must end with this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// mistype FILE NEW DIGIT... copies a key with these digits (from 0) changed.
func mistype(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: mistype FILE NEW DIGIT...")
	}
	b := []byte(strings.ReplaceAll(ts.ReadFile(args[0]), " ", ""))
	for _, a := range args[2:] {
		at, err := strconv.Atoi(a)
		ts.Check(err)
		if b[at] == '0' {
			b[at] = '1'
		} else {
			b[at] = '0'
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// one-line stdout|stderr REGEXP: the output is one line, and it matches.
func oneLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: one-line stdout|stderr REGEXP")
	}
	text := ts.ReadFile(args[0])
	if strings.Count(text, "\n") != 1 || !regexp.MustCompile(args[1]).MatchString(text) {
		ts.Fatalf("not one line that matches %q:\n%s", args[1], text)
	}
}

// same-tree A B compares names and bytes of two folders.
func sameTree(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same-tree A B")
	}
	out, err := exec.Command("diff", "-r", "--no-dereference", ts.MkAbs(args[0]), ts.MkAbs(args[1])).CombinedOutput()
	if (err == nil) == neg {
		ts.Fatalf("%s %v", out, err)
	}
}

// tmpfs DIR SIZE mounts a small file system for the rest of the script.
func tmpfs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tmpfs DIR SIZE")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).Run())
	ts.Defer(func() { ts.Check(exec.Command("umount", "--lazy", dir).Run()) })
}

// saves VAR REGEXP: the first group's match in the last standard output.
func saves(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: saves VAR REGEXP")
	}
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("nothing matches %q", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// What CI must run cannot be left out there for want of rights.
func TestCIHasWhatTheScriptsNeed(t *testing.T) {
	if os.Getenv("CI") == "" {
		return
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Error("CI must run as root on Linux: some scripts mount a small disk")
	}
	if files, err := filepath.Glob("testdata/script/*.txtar"); err != nil ||
		!slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, "full-disk.txtar") }) {
		t.Errorf("the scripts are not there: %v", err)
	}
}
