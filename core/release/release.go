// Package release tells which version of Holdfast this is.
package release

// version is set by the linker (scripts/version says how it is found).
var version string

// Version is this build's version by SemVer, without a "v"; "dev" for one that nobody gave a version.
func Version() string {
	if version == "" {
		return "dev"
	}
	return version
}

// Program names the program and its version, as snapshots keep it: "holdfast 1.2.3".
func Program() string { return "holdfast " + Version() }
