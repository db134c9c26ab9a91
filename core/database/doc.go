// Package database takes the state of an SQLite database that others may be writing to.
//
// A database is more than its file. What was committed last lies in a log beside it (-wal), and so does what must be
// undone after a crash (-journal). Who copies the parts one after the other, while a program writes, has parts of
// different moments: SQLite calls that malformed, or opens it and is wrong.
//
// Take copies the parts into a scratch folder until all of them are of one moment: because nothing changed meanwhile
// or, where somebody writes, under a read transaction. There SQLite then puts the log into the database. So what is
// taken is one file that needs nothing beside it, with its pages where they were.
//
// It promises: what is Settled is a state that was committed, or parts from which SQLite makes one. No writer waits
// for longer than it takes to compare the database's file with its copy in memory, and in the WAL mode none waits at
// all. Nothing in the source's folder is written, but for SQLite's own locks. It does not promise to find a moment in a
// database that somebody holds locked and writes to all the time: that one is not Settled.
//
// The formats are those of https://sqlite.org/fileformat2.html. Why it is done so is in docs/adr/0022.
package database
