package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// errOutput: standard output did not take what was printed.
var errOutput = errors.New("standard output")

// output is standard output: buffered, as a listing may have a million lines. It keeps its first error, so that it is
// enough to look at the end; what something depends on is looked at before.
type output struct {
	*bufio.Writer
	to io.Writer
}

func newOutput(to io.Writer) *output { return &output{bufio.NewWriter(to), to} }

// Flush writes what is buffered. It returns the first error of all writes so far: errOutput.
func (o *output) Flush() error {
	if err := o.Writer.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}

// arrived flushes, and waits until a file has stored it; a pipe and a terminal have nothing to wait for.
func (o *output) arrived() error {
	if err := o.Flush(); err != nil {
		return err
	}
	f, ok := o.to.(interface{ Sync() error })
	if !ok {
		return nil
	}
	err := f.Sync()
	if err == nil || errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return fmt.Errorf("%w: %w", errOutput, err)
}
