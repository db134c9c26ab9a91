// Package store keeps the vault's sealed values: in a bbolt file (Bolt), on the token itself (Token), or in memory (Memory).
//
// A Store needs to be neither secret nor honest: the vault encrypts what it stores, and notices when it gets something else
// back. storetest.Run holds every implementation against the text of the interface.
package store
