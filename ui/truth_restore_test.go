package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-backup/holdfast/core"
)

// restore restores everything of the newest date to where a third of it is, a third is there otherwise, and a third is not.
func (l *life) restore(n int) {
	newest := l.kept[len(l.kept)-1]
	l.made++
	target := filepath.Join(l.root, fmt.Sprintf("restored %d", l.made))
	same, differ, bytes := 0, 0, 0
	var names []string
	for name := range newest.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		text := newest.files[name]
		switch (i + n/3) % 3 {
		case 0:
			bytes += len(text)
			continue
		case 1:
			same++
		case 2:
			differ++
			text = "something else"
		}
		l.must(os.MkdirAll(filepath.Dir(filepath.Join(target, name)), 0o755))
		l.must(os.WriteFile(filepath.Join(target, name), []byte(text), 0o644))
	}
	if !l.toRestore() {
		l.t.Fatalf("%s: there are no dates", l.when)
	}
	l.d.row(l.d.firstDate()).Tapped(nil)
	l.d.Sees("What do you want back?")
	l.d.Sees("Folder ")
	l.d.press("All")
	l.d.Sees("Everything: " + english.Files(int64(len(names))) + ", " + english.Bytes(newest.bytes()))
	l.d.press("Continue")
	l.d.write(0, target)
	choice := []string{"Keep what is there", "Keep both", "Replace what is there"}[n%3]
	l.d.door(choice)
	l.d.pressRestore()
	l.ended(core.RunRestore, core.OutcomeDone)
	l.d.Sees("Restored to")
	l.restored(n%3, target, newest, same, differ, bytes)
	l.d.press("Done")
}

// restored holds the result of a restore against what is in its folder.
func (l *life) restored(conflict int, target string, from kept, same, differ, bytes int) {
	beside, wrong := 0, 0
	for name, text := range from.files {
		b, err := os.ReadFile(filepath.Join(target, name))
		l.must(err)
		if string(b) != text {
			wrong++
		}
		if _, err := os.Stat(filepath.Join(target, name+" (restored)")); err == nil {
			beside++
		}
	}
	came := len(from.files) - same - differ // that were not there
	texts := strings.Join(l.d.Texts(), "\n")
	says := func(text string, want bool) {
		if strings.Contains(texts, text) != want {
			l.lied("after a restore of %d files, %d of them there and %d there otherwise, with choice %d, %q is said: %v\n%s", len(from.files), same,
				differ, conflict, text, !want, texts)
		}
	}
	files := func(n int) string { return english.Files(int64(n)) }
	switch conflict {
	case 0:
		says("Left as they were", same+differ > 0)
		says(files(differ)+" of those differ", differ > 0)
		if came > 0 {
			says(files(came)+" · "+english.Bytes(int64(bytes))+" · ", true)
		} else {
			says("Nothing was restored", true)
			says("Everything that was asked for is there already.", differ == 0)
		}
		if wrong != differ {
			l.lied("%d files are not as in the backup, %d were not", wrong, differ)
		}
	case 1:
		says("Restored beside", beside > 0)
		if beside > 0 {
			says(files(beside)+" existed there already; the restored ones", true)
		}
		if came+beside > 0 {
			says(files(came+beside)+" · ", true)
		}
	case 2:
		if wrong > 0 {
			l.lied("%d files were to be replaced and are not", wrong)
		}
		says("Not as in the backup", false)
	}
}
