// Package profile is what one person's Holdfast remembers on this computer:
// the settings (what, where, which backup), the sealed secrets, the history of
// runs, and the lock that keeps a second process out.
//
// A profile is a folder:
//
//	settings.json   no secrets
//	secrets         keys, sealed under the device key (package keyring)
//	activity.jsonl  one run a line
//	window.json     the window's own preferences (ui), no secrets
//	cache/          may be deleted at any time
//	lock
//
// Files are replaced as a whole and synced, so a crash leaves the old or the
// new. A profile is for one process, and safe for its goroutines.
package profile
