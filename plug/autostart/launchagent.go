//go:build darwin

package autostart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// launchd.plist(5) names the folder and the keys.

const suffix = ".plist"

func folder() (string, error) {
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Library", "LaunchAgents"), err
}

// Enabled reports whether the program is started at login.
func (e Entry) Enabled() (bool, error) {
	path, err := e.path()
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// iconPath is nowhere: an agent shows none.
func (e Entry) iconPath() (string, error) { return "", nil }

func (e Entry) content(command []string) []byte {
	var b bytes.Buffer
	text := func(tag, s string) {
		b.WriteString("<" + tag + ">")
		_ = xml.EscapeText(&b, []byte(s)) // a buffer does not fail
		b.WriteString("</" + tag + ">\n")
	}
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` +
		"\n<plist version=\"1.0\"><dict>\n")
	text("key", "Label")
	text("string", e.ID)
	text("key", "ProgramArguments")
	b.WriteString("<array>\n")
	for _, arg := range command {
		text("string", arg)
	}
	b.WriteString("</array>\n")
	text("key", "RunAtLoad")
	b.WriteString("<true/>\n")
	text("key", "ProcessType")
	text("string", "Interactive")
	b.WriteString("</dict></plist>\n")
	return b.Bytes()
}
