package shell

import (
	"fmt"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"github.com/holdfast-backup/holdfast/assets"
	"github.com/holdfast-backup/holdfast/ui/words"
)

// loadTranslations hands the embedded languages to the toolkit, once.
var loadTranslations = sync.OnceFunc(func() {
	if err := lang.AddTranslationsFS(assets.Translations, "translations"); err != nil {
		panic(fmt.Sprintf("shell: an embedded translation cannot be read: %v", err)) // a test loads them all
	}
})

// Languages are the choices of Settings; "" is the system's.
var Languages = []string{"", "en", "de"}

// Speak changes the language of the texts that are made from now on. The
// toolkit asks the system which one to speak and cannot be told another, so the
// wanted one is handed to it under the name of the system's.
func Speak(language string) {
	// Without its region: there the toolkit has the texts of its own dialogs.
	system, _, _ := strings.Cut(lang.SystemLocale().LanguageString(), "-")
	if language == "" {
		language = "en"
		if system == "de" {
			language = "de"
		}
	}
	b, err := assets.Translations.ReadFile("translations/" + language + ".json")
	if err == nil {
		err = lang.AddTranslationsForLocale(b, fyne.Locale(system))
	}
	if err != nil {
		panic(fmt.Sprintf("shell: the language %q cannot be spoken: %v", language, err)) // a test speaks them all
	}
}

// translate lets ui/words speak the window's language.
func translate(template string, v words.Values) string {
	if len(v) == 0 {
		return lang.L(template)
	}
	return lang.L(template, v)
}
