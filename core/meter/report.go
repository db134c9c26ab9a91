// Package meter tells how far long work is, how fast it goes and how long it will take.
package meter

import "time"

// Step is what long work is doing now, in the order in which a run meets them.
type Step string

// The steps of all kinds of long work.
const (
	Preparing Step = "preparing" // opening the destination, reading its index
	BackingUp Step = "backing-up"
	Finishing Step = "finishing" // index and snapshot
	Proving   Step = "proving"   // reading the new backup back
	Moving    Step = "moving"    // storing anew what is kept among much that goes
	Deleting  Step = "deleting"  // removing what is not needed any more
	Restoring Step = "restoring"
	Checking  Step = "checking"
)

// Report is one report of long work. It is a value: keep it, compare it.
type Report struct {
	Step Step
	// Path is what is being worked on, as shown to people ("" when nothing in particular).
	Path string
	// Waiting is a path of a source that has not answered for a while, as on a network drive whose server is gone; "" when there is none.
	Waiting string
	// FilesDone of FilesTotal files; a total of 0 is not known yet.
	FilesDone, FilesTotal int64
	// BytesDone of BytesTotal bytes of the source (or of the stored data when checking).
	BytesDone, BytesTotal int64
	// BytesNew, of a backup, are those that the destination did not have yet: the others are looked at only.
	BytesNew int64
	// BytesPerSecond is a moving average; 0 while unknown.
	BytesPerSecond float64
	// TimeLeft is an honest estimate; negative while there is none yet.
	TimeLeft time.Duration
	Paused   bool
	// Problems counts files that could not be read (or written) so far.
	Problems int
}
