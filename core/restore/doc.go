// Package restore writes what a snapshot holds into a folder.
//
// It promises: every byte written was authenticated; nothing is written,
// changed or removed outside the target folder, whatever names and links a
// hostile repository holds or the folder already has (all access is under one
// os.Root, and a directory's entries are reached through its own handle); a
// file appears under its name only when it is complete; what cannot be
// restored is reported and does not stop the rest. It does not promise that the target's
// file system can hold everything a snapshot can: what it refuses (owners,
// attributes, device nodes) is reported.
package restore
