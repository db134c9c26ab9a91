package ui

import (
	"fmt"
	"sync"

	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// loadTranslations hands the embedded languages to the toolkit, once.
var loadTranslations = sync.OnceFunc(func() {
	if err := lang.AddTranslationsFS(assets.Translations, "translations"); err != nil {
		panic(fmt.Sprintf("ui: an embedded translation cannot be read: %v", err)) // a test loads them all
	}
})

// translate lets ui/words speak the window's language.
func translate(template string, v words.Values) string {
	if len(v) == 0 {
		return lang.L(template)
	}
	return lang.L(template, vals(v))
}
