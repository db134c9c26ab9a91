// Package theme is the one place with colours and sizes: Holdfast's tokens in
// light and dark, and how the toolkit's own names map to them. A test computes
// that text and icons stand out enough from what they are drawn on.
package theme
