// Package assets holds what is embedded into the program: the app's icon, the
// small icons, and the translations. Icons are drawn in "currentColor", which
// ui/widgets replaces with a colour of the theme.
package assets
