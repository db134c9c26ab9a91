package remote

import (
	"os/exec"
	"syscall"
)

// alone keeps a Ctrl-C at the terminal from the program, and has it open no window.
func alone(cmd *exec.Cmd) {
	const createNoWindow = 0x08000000
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | createNoWindow, HideWindow: true}
}
