// Package frequency has lists of words, the most frequent first.
package frequency

import (
	"embed"
	"strings"
)

//go:embed *.txt
var files embed.FS

// Lists returns the lists by name. They are read at each call.
func Lists() map[string][]string {
	out := make(map[string][]string)
	for _, name := range []string{"english_wikipedia", "female_names", "male_names", "passwords", "surnames", "us_tv_and_film"} {
		text, err := files.ReadFile(name + ".txt")
		if err != nil {
			panic(err) // it is built in
		}
		out[name] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	return out
}
