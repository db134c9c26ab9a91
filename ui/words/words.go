package words

import (
	"fmt"
	"strings"
)

// Values fill the places "{{.Name}}" of a template.
type Values map[string]any

// Translate words an English template in another language, with its values
// filled in. It returns English for what it does not know.
type Translate func(template string, values Values) string

// Words speaks one language; the zero value speaks English.
type Words struct {
	translate Translate
	nothing   bool // no backup was made yet
}

// In returns Words that speak through translate.
func In(translate Translate) Words { return Words{translate: translate} }

// WithoutBackups are the words for where no backup was made yet: none is said to be safe.
func (w Words) WithoutBackups() Words {
	w.nothing = true
	return w
}

// Say words one template.
func (w Words) Say(template string, values Values) string {
	if w.translate != nil {
		return w.translate(template, values)
	}
	return Fill(template, values)
}

// Fill puts values into a template without translating it.
func Fill(template string, values Values) string {
	if len(values) == 0 {
		return template
	}
	pairs := make([]string, 0, 2*len(values))
	for name, v := range values {
		pairs = append(pairs, "{{."+name+"}}", fmt.Sprint(v))
	}
	return strings.NewReplacer(pairs...).Replace(template)
}
