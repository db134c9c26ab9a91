// Package ui is Holdfast's window. It drives core.App and knows nothing below
// it, and it imports no display driver: package main does, so that everything
// here builds and is tested without cgo and without a screen.
//
// ui/shell is the window and what all pages share. Each feature is a package
// that says in its Core what it needs of core: home (the Backup screen),
// restore, activity, settings, setup, sources (what is backed up), place
// (where), schedule (when), and secret (keys and passwords). Features show
// pages and own their flows; pieces (ui/widgets) show state and call back.
// This package makes the features and introduces them to each other.
package ui
