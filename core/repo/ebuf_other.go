//go:build !unix

package repo

func newBuffer(size int) ([]byte, error) { return make([]byte, size), nil }

func freeBuffer([]byte) {}
