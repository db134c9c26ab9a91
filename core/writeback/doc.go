// Package writeback tells the system when what was written goes to the disk, and that it need
// not stay in the page cache. All of it but Await's error are hints.
package writeback
