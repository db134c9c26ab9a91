// Package repo is the repository of docs/format.md: everything between a
// store of objects and a tree of files.
//
// [Create] and [Open] give a [Repository]. A [Writer] with its Savers adds
// chunks, a [TreeBuilder] directories, and [Writer.WriteSnapshot] makes a
// backup visible, after everything it refers to is durable. To read, list the
// [Repository.Snapshots], call [Repository.LoadIndex], and follow
// [Repository.Tree] and [Repository.Extents] to chunks.
//
// Below it, internal/engine stores and finds chunks, and internal/sealed says which
// objects count. Above it, packages check, prune, erase and protection keep a
// repository up; they take a Repository, and reach below it by [Repository.Engine].
//
// It promises: content that is returned was authenticated under the epoch's
// keys and stands under the id that was asked for; any number of processes
// may write to one repository at once; a crash at any moment leaves every
// snapshot whole; a hostile object makes an error, not a panic, and no
// allocation out of proportion to its size. It does not promise that objects
// the destination has lost can be replaced, nor that the newest state is
// shown: who wrote a snapshot must remember it (check.VerifyOptions.Known).
package repo
