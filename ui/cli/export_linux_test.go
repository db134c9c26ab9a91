package cli

import (
	"fmt"
	"os"
)

// Hang begins as a command does, and opens a file that never answers.
func Hang(path string) {
	ctx, stop := untilSignal()
	defer stop()
	fmt.Println("begun")
	<-ctx.Done()
	fmt.Println("told to end")
	f, err := os.OpenFile(path, os.O_RDONLY, 0)
	fmt.Println(f, err)
}
