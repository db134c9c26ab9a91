package cli

import (
	"fmt"
	"os"
)

// Hang begins as a command does, and opens a file that never answers.
func Hang(path string) {
	ctx, stop := untilSignal()
	defer stop()
	_, _ = fmt.Fprintln(os.Stdout, "begun")
	<-ctx.Done()
	_, _ = fmt.Fprintln(os.Stdout, "told to end")
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	_, _ = fmt.Fprintln(os.Stdout, f, err)
}
