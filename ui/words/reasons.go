package words

import "strings"

// reasons word why one file could not be read or written, by what core's
// reason begins with or holds.
var reasons = []struct{ says, text string }{
	{"no permission", "Holdfast may not read or write it."},
	{"it is not there", "It is not there any more."},
	{"damaged in the backup", "It is damaged in the backup."},
	{"changed while it was read", "It changed again and again while it was read. It is tried again at the next backup."},
	{"replaced while the folder was read", "It changed again and again while it was read. It is tried again at the next backup."},
	{"only a part of this folder", "Its disk or server stopped answering, so it was left out. What was backed up of it before is still there."},
	{"nothing more of it was read", "Its disk or server does not answer, so nothing more of it was read. Is it connected?"},
	{"does not answer", "Its disk or server did not answer for a long time, so it was left out. Is it connected?"},
	{"holds no file any more", "It held files before and holds none now, so it was left out. Is its disk connected? If it is really empty, say so: `holdfast backup --really-empty`."},
	{"the place of the backup itself", "It is the place of the backup itself, so it was left out."},
	{"on another disk", "It is on another disk than at the last backup. Look whether the right disk is connected."},
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
	{"", "The system did not let it be read or written. The details say more."},
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
