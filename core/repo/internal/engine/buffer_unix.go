//go:build unix

package engine

import "golang.org/x/sys/unix"

// newBuffer returns memory outside the collected heap, so that tens of
// megabytes of pack buffers do not make the collector allow the heap to grow
// by as much again. freeBuffer gives it back.
func newBuffer(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func freeBuffer(b []byte) { _ = unix.Munmap(b[:cap(b)]) }
