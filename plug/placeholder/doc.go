// Package placeholder has Windows show the files of clouds as what they are for people: files.
//
// Such a file, of OneDrive or Nextcloud, is a reparse point, and its bytes are fetched when they are read. Most programs
// see that by default and take it for no regular file: it would not be backed up, and an object of a backup in such a
// folder would not be there.
package placeholder
