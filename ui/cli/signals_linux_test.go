package cli_test

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/holdfast-backup/holdfast/ui/cli"
)

// The second signal ends a command at once that a file system holds, of whatever kind they are. Here a FIFO hangs it:
// nobody ever writes the key.
func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			dir := t.TempDir()
			fifo := filepath.Join(dir, "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			// What this process catches, the other one does not ignore, whatever started the tests.
			caught := make(chan os.Signal, 1)
			signal.Notify(caught, s)
			defer signal.Stop(caught)
			cmd := exec.Command(os.Args[0], "-test.run", "^TestHangs$")
			cmd.Env = append(os.Environ(), "HOLDFAST_HANGS="+fifo)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for _, want := range []string{"begun", "told to end"} {
				if !lines.Scan() || lines.Text() != want {
					t.Fatalf("it says %q, not %q: %v", lines.Text(), want, lines.Err())
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			err = cmd.Wait()
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != s {
				t.Errorf("it ended by %v", err)
			}
		})
	}
}

// TestHangs is what the test above starts.
func TestHangs(t *testing.T) {
	fifo := os.Getenv("HOLDFAST_HANGS")
	if fifo == "" {
		return
	}
	cli.Hang(fifo)
}
