// Package words turns what core says into sentences for one person, and
// numbers and times into how people say them. The window and the command line
// both speak through it, so that they never tell the same thing in two ways.
//
// Each thing that can go wrong has a Sentence: what happened, what is safe,
// what can be done. The raw text of an error is for a page of details only.
//
// Everything is written as English templates, "{{.Name}}" standing for a value,
// and the template is the key of its translation: Words takes the function
// that translates. The package itself knows no toolkit and no language files;
// the plain functions speak English.
package words
