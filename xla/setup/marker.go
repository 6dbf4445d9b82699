package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

const markerFile = "installed.json"

// marker is what installed.json says.
type marker struct {
	Version string `json:"version"` // of the plugin, for people
	Recipe  string `json:"recipe"`  // changes when Install would install something else
	Path    string `json:"path"`    // relative to the marker's folder, or absolute for Options.Plugin
	// CompileOnly says that the plugin's libraries are missing.
	CompileOnly bool              `json:"compile_only"`
	Files       map[string]string `json:"files"` // what it was made of: file name to SHA-256
}

// installed returns what Install installed; ok is false where there is nothing, or (with an error) nothing that works.
func installed(engine string) (p Plugin, ok bool, err error) {
	dir, err := engineDir(engine)
	if err != nil {
		return Plugin{}, false, err
	}
	m, err := readMarker(dir)
	if errors.Is(err, os.ErrNotExist) {
		return Plugin{}, false, nil
	}
	if err != nil {
		return Plugin{}, false, err
	}
	p = m.plugin(engine, dir)
	if err := CheckFile(p.Path); err != nil {
		return Plugin{}, false, err
	}
	return p, true, nil
}

func (m marker) plugin(engine, dir string) Plugin {
	path := m.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return Plugin{Engine: engine, Path: path, Version: m.Version, CompileOnly: m.CompileOnly, Dir: filepath.Dir(path)}
}

// maxMarker bounds a marker, which has a few hundred bytes.
const maxMarker = 1 << 20

func readMarker(dir string) (marker, error) {
	var m marker
	path := filepath.Join(dir, markerFile)
	text, err := regular.ReadFile(path, maxMarker)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func writeMarker(dir string, m marker) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(durable.Disk{}, filepath.Join(dir, markerFile), append(text, '\n'))
}
