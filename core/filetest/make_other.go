//go:build !linux

package filetest
