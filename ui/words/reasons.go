package words

import "strings"

const readOnlyDisk = "Its disk is read-only, so Holdfast cannot write there."

// reasons word why one file could not be read or written, by what core's
// reason begins with or holds.
var reasons = []struct{ says, text string }{
	{"read-only file system", readOnlyDisk},
	{"write protected", readOnlyDisk}, // in Windows' words
	{"no permission", "Its access rights keep Holdfast out. Look whom it belongs to."},
	{"it is not there", "It is not there any more."},
	{"damaged in the backup", "It is damaged in the backup."},
	{"may not open: it was written to all the time",
		"A program wrote to this database all the time, so what was backed up may not open. Close the program and back up again."},
	{"may not open: write", "There was no room on this computer for a copy of this database, so what was backed up may not open."},
	{"may not open", "This database could not be copied at one moment, so what was backed up may not open. The details say more."},
	{"changed while it was read", "It changed again and again while it was read. It is tried again at the next backup."},
	{"replaced while the folder was read", "It changed again and again while it was read. It is tried again at the next backup."},
	{"only a part of this folder", "Its disk or server stopped answering, so it was left out. What was backed up of it before is still there."},
	{"nothing more of it was read", "Its disk or server does not answer, so nothing more of it was read. Is it connected?"},
	{"does not answer", "Its disk or server did not answer for a long time, so it was left out. Is it connected?"},
	{"holds no file any more", "It held files before and holds none now, so it was left out. Is its disk connected?"},
	{"the place of the backup itself", "It is the place of the backup itself, so it was left out."},
	{"on another disk", "It is on another disk than at the last backup. Look whether the right disk is connected."},
	{"log of the database that was here before",
		"It is the log of the database that was there before. It has another name now, so that it is not taken for the restored one's."},
	{"input/output error", "The disk gave an error. Look whether it is failing."},
	{"owner not restored", "The file is whole. Its owner could not be restored."},
	{"group not restored", "The file is whole. Its group could not be restored."},
	{"mode not restored", "The file is whole. Its access rights could not be restored."},
	{"time not restored", "The file is whole. Its date could not be restored."},
	{"attribute", "The file is whole. One of its attributes could not be restored."},
	{"not restored", "The file is there, but not all that belongs to it: owner, times or attributes."},
	{"in the way", "Something else of that name is in the way."},
	{"no such kind of file", "This system has no such kind of file."},
	{"no space left", "The disk is full."},
	{"too long", "Its name is too long for this disk."},
	{"", "The system refused it. The details say more."},
}

// Reason words why one file could not be read or written, as core has it.
func (w Words) Reason(reason string) string {
	for _, r := range reasons {
		if strings.Contains(reason, r.says) {
			return w.Say(r.text, nil)
		}
	}
	return ""
}
