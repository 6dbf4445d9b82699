package run

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Setting is one field of the configuration and its value in each run, "-" where it is empty or left out.
type Setting struct {
	Name   string
	Values []string
}

// Differing are the settings in which runs differ, in the order of their names. A run's directory does not count.
func Differing(configs []Config) ([]Setting, error) {
	var flat []map[string]string
	names := map[string]bool{}
	for _, c := range configs {
		text, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("run: config: %w", err)
		}
		var tree map[string]any
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber() // 1000000 is no 1e+06
		if err := decoder.Decode(&tree); err != nil {
			return nil, fmt.Errorf("run: config: %w", err)
		}
		all := map[string]string{}
		flatten("", tree, all)
		flat = append(flat, all)
		for name := range all {
			names[name] = true
		}
	}
	var differing []Setting
	for name := range names {
		s := Setting{Name: name}
		for _, all := range flat {
			s.Values = append(s.Values, cmp.Or(all[name], "-"))
		}
		if len(slices.Compact(slices.Clone(s.Values))) > 1 {
			differing = append(differing, s)
		}
	}
	slices.SortFunc(differing, func(a, b Setting) int { return slices.Compare([]string{a.Name}, []string{b.Name}) })
	return differing, nil
}

// flatten names the leaves by their path: moco.queue.
func flatten(prefix string, tree map[string]any, into map[string]string) {
	for name, value := range tree {
		if branch, ok := value.(map[string]any); ok {
			flatten(prefix+name+".", branch, into)
			continue
		}
		into[prefix+name] = fmt.Sprint(value)
	}
}
