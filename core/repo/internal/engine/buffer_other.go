//go:build !unix

package engine

func newBuffer(size int) ([]byte, error) { return make([]byte, size), nil }

func freeBuffer([]byte) {}
