package shell

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"

	"fyne.io/fyne/v2"

	"github.com/holdfast-backup/holdfast/core/privatefile"
)

// preferences are small values that the window keeps; fyne.Preferences are some.
type preferences interface {
	Bool(key string) bool
	SetBool(key string, value bool)
	Float(key string) float64
	SetFloat(key string, value float64)
	String(key string) string
	SetString(key string, value string)
}

// memory keeps preferences in a file of the profile, which is replaced as a
// whole: a loss of power leaves the old one or the new one. The toolkit's own
// are cut short first and written then; they are read for what older versions
// kept there. It is for the toolkit's goroutine.
type memory struct {
	path   string
	values map[string]any
	before fyne.Preferences
	work   *Work // writes; nil: nothing is changed

	writing sync.Mutex
	written int // the newest that was written
	turn    int
}

// windowFile is the file's name in the profile.
const windowFile = "window.json"

func newMemory(profile string, before fyne.Preferences, w *Work) *memory {
	m := &memory{path: filepath.Join(profile, windowFile), values: make(map[string]any), before: before, work: w}
	b, err := os.ReadFile(m.path)
	if err == nil {
		err = json.Unmarshal(b, &m.values)
	}
	if err != nil || m.values == nil { // there is none yet, or it is not ours: begin anew
		m.values = make(map[string]any)
	}
	return m
}

func (m *memory) Bool(key string) bool {
	if v, ok := m.values[key].(bool); ok {
		return v
	}
	return m.before.Bool(key)
}

func (m *memory) Float(key string) float64 {
	if v, ok := m.values[key].(float64); ok {
		return v
	}
	return m.before.Float(key)
}

func (m *memory) String(key string) string {
	if v, ok := m.values[key].(string); ok {
		return v
	}
	return m.before.String(key)
}

func (m *memory) SetBool(key string, v bool)     { m.set(key, v) }
func (m *memory) SetFloat(key string, v float64) { m.set(key, v) }
func (m *memory) SetString(key string, v string) { m.set(key, v) }

func (m *memory) set(key string, v any) {
	if old, ok := m.values[key]; ok && old == v {
		return
	}
	m.values[key] = v
	b, err := json.MarshalIndent(m.values, "", "  ")
	if err != nil {
		panic("shell: a preference is no JSON: " + err.Error()) // a mistake in the program
	}
	m.turn++
	turn := m.turn
	m.work.keep(func() {
		m.writing.Lock()
		defer m.writing.Unlock()
		if turn < m.written {
			return // a newer one was faster
		}
		m.written = turn
		if err := privatefile.Replace(m.path, append(b, '\n')); err != nil {
			fyne.LogError(windowFile, err)
		}
	})
}
