// Package storetest holds every vault.Store against the text of the interface.
package storetest
