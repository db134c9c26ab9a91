// Package backup turns what is on this computer into a snapshot.
//
// One goroutine walks the sources in order and decides, by one lstat a file
// and the change cache, what must be read. Workers read, hash, compress and
// seal: each job is a gathered run of small files or one block of a large
// file. A third party, the assembler, takes the walk's items in order, waits
// for their chunks and builds the tree. So the walk runs ahead of the work,
// a directory's entries stay in order, and memory is bounded by the queue
// and the workers' buffers, whatever the size of a file or a folder.
//
// A database with something in its log, or that is written to, is taken by
// package database first, and read from that copy.
//
// It promises: a snapshot is written only after everything it refers to is
// durable; a file that cannot be read, or does not answer, is reported and never stops the run; a
// file that changes while it is read is read again, and reported if it never
// holds still; a database is of one moment, with its logs, or it is reported.
// It does not promise that two other files are from the same moment.
package backup
