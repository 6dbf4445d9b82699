package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ErrIncompatible marks a configuration that cannot continue a saved run.
var ErrIncompatible = errors.New("not the configuration of the saved run")

// harmless are the fields, or groups of fields, that may change when a run is
// resumed: they change neither the state nor what the next step computes from
// it, beyond rounding. A longer or shorter run redraws its schedule, which the
// notice lets the user see.
var harmless = []string{
	"preset", "views.preset", "data.dir", "data.test_images", "data.workers", "encoder.remat", "moco.micro", "knn", "engine",
	"run.init", "run.resume_from", "run.epochs", "run.steps", "run.checkpoint_every", "run.keep", "run.expect", "run.log_every",
}

// Diff names the fields in which b differs from a, one per string, in the order
// of the fields: "moco.queue: 4096, now 65536". It is empty for equal values;
// Run.Dir is not compared, and nil equals an empty list.
func Diff(a, b Config) []string {
	var lines []string
	for _, d := range differences(a, b) {
		lines = append(lines, d.line)
	}
	return lines
}

func isHarmless(field string) bool {
	return slices.ContainsFunc(harmless, func(h string) bool {
		return field == h || strings.HasPrefix(field, h+".")
	})
}

type difference struct {
	field, line string
	was, now    reflect.Value
}

func differences(a, b Config) []difference {
	var found []difference
	var walk func(field string, a, b reflect.Value)
	walk = func(field string, a, b reflect.Value) {
		if a.Kind() == reflect.Struct {
			for i := range a.NumField() {
				name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
				if name == "-" {
					continue
				}
				walk(strings.TrimPrefix(field+"."+name, "."), a.Field(i), b.Field(i))
			}
			return
		}
		same := reflect.DeepEqual(a.Interface(), b.Interface())
		if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
			same = true
		}
		if !same {
			found = append(found, difference{field, fmt.Sprintf("%s: %s, now %s", field, show(a), show(b)), a, b})
		}
	}
	walk("", reflect.ValueOf(a), reflect.ValueOf(b))
	return found
}

func show(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprint(v.Interface())
}

// decodeExactly fills *into from one JSON object that has all of its keys, in
// whatever order, and no others.
func decodeExactly[T any](text []byte, into *T) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	again, err := json.Marshal(into)
	if err != nil {
		return err
	}
	var got, want any
	if err := errors.Join(json.Unmarshal(text, &got), json.Unmarshal(again, &want)); err != nil {
		return err
	}
	return sameKeys("", got, want)
}

// sameKeys compares the keys of two decoded JSON objects, and of the objects in
// them. encoding/json alone accepts a missing key and one in another case.
func sameKeys(path string, got, want any) error {
	wanted, ok := want.(map[string]any)
	if !ok {
		return nil
	}
	var errs []error
	given, _ := got.(map[string]any)
	for _, key := range sortedKeys(wanted) {
		if value, ok := given[key]; ok {
			errs = append(errs, sameKeys(path+key+".", value, wanted[key]))
		} else {
			errs = append(errs, fmt.Errorf("%s%s is missing", path, key))
		}
	}
	for _, key := range sortedKeys(given) {
		if _, ok := wanted[key]; !ok {
			errs = append(errs, fmt.Errorf("%s%s is not a known key", path, key))
		}
	}
	return errors.Join(errs...)
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
