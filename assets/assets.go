package assets

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed icons/*.svg
var icons embed.FS

// ChevronNext and ChevronDown are drawn in fills, which the toolkit recolours
// by itself in its own widgets.
//
//go:embed toolkit/chevron-next.svg
var ChevronNext []byte

//go:embed toolkit/chevron-down.svg
var ChevronDown []byte

// AppIcon is the app's icon, an SVG.
//
//go:embed icon.svg
var AppIcon []byte

// tray holds the app's icon with a sign for each state; each sign has a shape of
// its own, for people who cannot tell the colours apart.
//
//go:embed tray/*.svg
var tray embed.FS

// TrayIcon is the app's icon, an SVG, with a sign for how things are: well, running, paused, attention, or bad.
func TrayIcon(state string) []byte {
	b, err := tray.ReadFile("tray/" + state + ".svg")
	if err != nil {
		panic(fmt.Sprintf("assets: tray icon %q: %v", state, err)) // a mistake in the program
	}
	return b
}

// WindowIcon is the same as a PNG: what a window's frame shows costs no drawing at the start.
//
//go:embed icon.png
var WindowIcon []byte

// Translations holds translations/<language>.json: English text → its translation.
//
//go:embed translations/*.json
var Translations embed.FS

// Licences are those of the modules that the program is built from
// (scripts/licences writes them).
//
//go:embed licences.txt
var Licences string

// Icon returns the SVG of a small icon. A name that does not exist is a
// mistake in the program, so it panics.
func Icon(name string) []byte {
	b, err := icons.ReadFile("icons/" + name + ".svg")
	if err != nil {
		panic(fmt.Sprintf("assets: icon %q: %v", name, err))
	}
	return b
}

// IconNames are the names that Icon knows.
func IconNames() []string {
	all, err := icons.ReadDir("icons")
	if err != nil {
		panic(err) // it is embedded
	}
	var out []string
	for _, e := range all {
		out = append(out, strings.TrimSuffix(e.Name(), ".svg"))
	}
	return out
}
