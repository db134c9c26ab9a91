//go:build !unix

package source

// HandleLimit is how many files this process may have open.
func HandleLimit() int { return 512 }
