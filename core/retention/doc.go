// Package retention says which snapshots a prune keeps: a function of the rules, of all snapshots there are and of the time.
//
// Each profile's snapshots are judged among themselves, and for each source those that hold it. So no profile's backups take the place
// of another's, and a backup in which a source was missing never takes the place of one that holds it. The newest of each stays, by its
// date and also by its number, since a clock may have been behind. So do pinned ones and those that are dated in the future: no rule fits
// these, and they take nobody's place.
package retention
