//go:build windows || darwin

package freedesktop

// NoLaunch does nothing: these systems have no session bus.
func NoLaunch() error { return nil }
