// Package widgets holds the pieces that Holdfast's screens are built from, one
// in each file. They show plain state, expose callbacks, and know nothing of
// backups: controllers in package ui own the flows. Colours and sizes come from
// ui/theme alone. Everything that can be tapped can be focused, shows that it
// is, and answers to Space and Return.
package widgets
