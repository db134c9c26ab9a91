package prune

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-backup/holdfast/core/privatefile"
)

// Memory is a State in a file. It may be lost: packs then stay longer.
type Memory struct {
	State
	path string
}

// Remember returns what a file holds; nothing if there is none. If it cannot be read it returns a Memory of nothing beside the error.
func Remember(path string) (*Memory, error) {
	m := &Memory{path: path}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &m.State)
	}
	if err == nil {
		return m, nil
	}
	m.State = State{}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return m, err
}

// Save writes the file.
func (m *Memory) Save() error {
	b, err := json.Marshal(m.State)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(m.path), 0o700); err != nil {
		return err
	}
	return privatefile.Replace(m.path, b)
}
