//go:build unix

package remote

import (
	"os/exec"
	"syscall"
)

// alone keeps a Ctrl-C at the terminal from the program: the app ends it.
func alone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
