// Package filetest makes and compares folders for tests: everything a file
// system can hold that a backup must bring back.
package filetest
