package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-backup/holdfast/core"
	"github.com/holdfast-backup/holdfast/core/backupkey"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// line is a sentence as one line.
func line(s words.Sentence) string {
	return strings.Join(strings.Fields(strings.Join([]string{s.What, s.Safe, s.Do}, " ")), " ")
}

func files(n int64) string { return words.Words{}.Files(n) }

// proposalLine is the question about a key with a typing error.
func proposalLine(p backupkey.Proposal) string {
	var parts []string
	for _, c := range p.Changes {
		parts = append(parts, fmt.Sprintf("group %d: did you mean %s instead of %s?", c.Group, c.After, c.Before))
	}
	return "The key is not right, but nearly: " + strings.Join(parts, " ") + " If so, correct the file and try again."
}

func progressLine(p core.Progress) string {
	if p.Waiting != "" {
		return "Waiting for " + core.DisplayName(p.Waiting) + ", which does not answer"
	}
	var b strings.Builder
	if p.BytesTotal > 0 {
		fmt.Fprintf(&b, "%3d %%  %s of %s", min(100, 100*p.BytesDone/p.BytesTotal), words.Bytes(p.BytesDone), words.Bytes(p.BytesTotal))
	}
	if p.FilesTotal > 0 {
		fmt.Fprintf(&b, "  %d of %d files", p.FilesDone, p.FilesTotal)
	}
	if p.BytesPerSecond > 0 {
		fmt.Fprintf(&b, "  %s/s", words.Bytes(int64(p.BytesPerSecond)))
	}
	if p.TimeLeft >= 0 {
		fmt.Fprintf(&b, "  %s left", words.Duration(p.TimeLeft))
	}
	return strings.TrimSpace(words.Words{}.Step(p.Step) + "  " + b.String())
}

func backupLine(r core.BackupReport) string {
	s := fmt.Sprintf("Backed up %s (%s) in %.1f s: %d new, %d changed; %s stored. Snapshot %s.",
		files(r.Files), words.Bytes(r.Bytes), r.Seconds, r.FilesNew, r.FilesChanged, words.Bytes(r.BytesStored), r.Snapshot[:12])
	if r.Errors > 0 {
		s += fmt.Sprintf(" %s could not be read, listed above.", filesOrFolders(r.Errors))
	}
	return s
}

// filesOrFolders counts what could not be read: a folder is one, however much is in it.
func filesOrFolders(n int) string {
	if n == 1 {
		return "1 file or folder"
	}
	return fmt.Sprintf("%d files or folders", n)
}

// leftOutLine tells what gives rights over a computer and was not restored.
func leftOutLine(n int64) string {
	return fmt.Sprintf("%d device files, set-id bits or file capabilities were left out: they give rights over this computer. --devices-and-setuid restores them too.", n)
}

func restoreLine(r core.RestoreReport) string {
	s := fmt.Sprintf("Restored %s (%s) in %.1f s; every byte was checked.", files(r.Files), words.Bytes(r.Bytes), r.Seconds)
	if r.Files == 0 {
		s = "Restored 0 files."
	}
	if r.Kept > 0 {
		s += fmt.Sprintf(" %d existed and were kept", r.Kept)
		switch {
		case r.Differ == 1:
			s += "; 1 of them differs from the backup"
		case r.Differ > 1:
			s += fmt.Sprintf("; %d of them differ from the backup", r.Differ)
		}
		s += "."
	}
	if r.Renamed > 0 {
		s += fmt.Sprintf(" %d were restored beside existing ones.", r.Renamed)
	}
	if r.Errors > 0 {
		s += fmt.Sprintf(" %d could not be restored whole; they are listed above.", r.Errors)
	}
	return s
}

func verifyLines(r core.VerifyReport) []string {
	var out []string
	for _, d := range r.Damage {
		out = append(out, "damaged: "+core.DisplayName(d))
	}
	for _, n := range r.Notes {
		out = append(out, "note: "+core.DisplayName(n))
	}
	end := fmt.Sprintf("Checked %d snapshots in %d objects, %s read back, in %.1f s: ", r.Snapshots, r.Objects, words.Bytes(r.Bytes),
		r.Seconds)
	if len(r.Damage) == 0 {
		return append(out, end+"all is well.")
	}
	return append(out, fmt.Sprintf("%s%d findings. What they do not name can be restored.", end, len(r.Damage)))
}

func snapshotLine(s core.Snapshot) string {
	line := fmt.Sprintf("%s  %s  %9s  %s", s.ID[:12], s.Time.Local().Format("2006-01-02 15:04:05"), words.Bytes(s.Bytes),
		core.DisplayName(s.Host))
	if s.Pinned {
		line += "  pinned"
	}
	return line
}

func entryLine(e core.Entry) string {
	name, size := core.DisplayName(e.Name), words.Bytes(e.Size)
	switch e.Kind {
	case core.EntryFolder:
		name += "/"
	case core.EntrySymlink:
		name += " -> " + core.DisplayName(e.Link)
		size = "-"
	case core.EntryOther:
		size = "-"
	}
	return fmt.Sprintf("%04o  %10s  %s  %s", e.Mode, size, e.Modified.Local().Format("2006-01-02 15:04:05"), name)
}

func statusLines(s core.Status, now time.Time) []string {
	if !s.SetUp {
		return []string{"No backup is set up. 'holdfast setup --help' shows how."}
	}
	protection := map[core.Protection]string{core.ProtectionNone: "not encrypted",
		core.ProtectionKey: "end-to-end encrypted, 64-digit key"}[s.Protection]
	out := []string{
		"Backing up:  " + strings.Join(s.Sources, ", "),
		"To:          " + s.Destination,
		"Protection:  " + protection,
	}
	if s.LastGood == nil {
		out = append(out, "Last backup: none yet")
	} else {
		out = append(out, fmt.Sprintf("Last backup: %s, %s, %s", words.Ago(s.LastGood.Ended, now), files(s.LastGood.Files),
			words.Bytes(s.LastGood.Bytes)))
	}
	if s.Proven != nil {
		out = append(out, "Proven:      restorable, "+words.Ago(s.Proven.Ended, now))
	}
	if l := s.LastDrill; l != nil && l.Outcome == core.OutcomePartly {
		out = append(out, fmt.Sprintf("The newest drill found %s that do not come back: 'holdfast verify --data 100' finds all.",
			files(int64(l.ProblemsTotal))))
	}
	if len(s.NotBackedUp) > 0 {
		out = append(out, "Not in it:   "+strings.Join(s.NotBackedUp, ", "))
	}
	if l := s.LastBackup; l != nil && l.Outcome == core.OutcomeInterrupted {
		out = append(out, "The newest try, "+words.Ago(l.Started, now)+", was interrupted. What it stored counts.")
	}
	if l := s.LastBackup; l != nil && l.Outcome == core.OutcomeFailed {
		out = append(out, "The newest try did not work: "+line(words.For(core.ErrorOf(l.Code))))
	}
	if s.Change != core.ChangeNone {
		out = append(out, "A change of encryption is not finished: 'holdfast encryption resume' goes on with it, 'holdfast encryption give-up' takes it back.")
	}
	return out
}
