//go:build !linux

package restore

import "os"

// renameNew gives temp another name in its folder, and fails with fs.ErrExist where that is taken.
func renameNew(root *os.Root, _ *os.File, temp, as string) error {
	return renameByPlaceholder(root, temp, as)
}
