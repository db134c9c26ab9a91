// Package erase takes files and folders out of snapshots that are there already.
//
// It writes the snapshots anew without them, and with them every chunk that holds bytes of theirs beside others. The bytes
// themselves go with the prunes that follow.
package erase
