//go:build !linux

package filetest

import "testing"

// Hard fills a folder with what is hard to keep. It is Linux that has all of it.
func Hard(t testing.TB, _ string) {
	t.Helper()
	t.Skip("the hard tree is made on Linux")
}
