package augment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// fieldsOf are the fields of a struct by their JSON names, and the names in order.
func fieldsOf(v reflect.Value) (names []string, fields map[string]reflect.Value) {
	fields = map[string]reflect.Value{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		names = append(names, name)
		fields[name] = v.Field(i)
	}
	return names, fields
}

// assign sets the fields of the struct that into points to, whose own path is given, to the values of a decoded JSON object.
// The errors name what does not fit.
func assign(path string, into any, given map[string]any) (errs []error) {
	names, fields := fieldsOf(reflect.ValueOf(into).Elem())
	for _, key := range slices.Sorted(maps.Keys(given)) {
		name := strings.TrimPrefix(path+"."+key, ".")
		field, ok := fields[key]
		if !ok {
			var p settings.Check
			p.OneOf("", key, names...)
			where := "the file has a key that"
			if path != "" {
				where = path + " has a key that"
			}
			errs = append(errs, fmt.Errorf("%s %v", where, p.Err()))
			continue
		}
		if object, ok := given[key].(map[string]any); ok && field.Kind() == reflect.Struct {
			errs = append(errs, assign(name, field.Addr().Interface(), object)...)
			continue
		}
		if want := set(field, given[key]); want != "" {
			errs = append(errs, fmt.Errorf("%s is %s, want %s", name, inWords(given[key]), want))
		}
	}
	return errs
}

// set sets a field to a decoded JSON value, or says what it wants.
func set(field reflect.Value, value any) (want string) {
	list, isList := value.([]any)
	number, isNumber := value.(float64)
	switch into := field.Addr().Interface().(type) {
	case *float64:
		if !isNumber {
			return "a number"
		}
		*into = number
	case *int:
		if !isNumber || number != float64(int(number)) {
			return "a whole number"
		}
		*into = int(number)
	case *[3]float64:
		for i := range list {
			if number, isNumber := list[i].(float64); isNumber && len(list) == len(into) {
				into[i] = number
			} else {
				isList = false
			}
		}
		if !isList || len(list) != len(into) {
			return "a list of 3 numbers, one for each channel"
		}
	case *[]string:
		words := make([]string, len(list))
		for i := range list {
			word, isText := list[i].(string)
			words[i], isList = word, isList && isText
		}
		if !isList {
			return "a list of " + strings.Join(knownOps, ", ") + ", each in quotes"
		}
		*into = words
	default:
		names, _ := fieldsOf(field)
		return "an object with any of " + strings.Join(names, ", ")
	}
	return ""
}

// inWords is a decoded JSON value as a message shows it.
func inWords(value any) string {
	switch v := value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case string:
		return strconv.Quote(v)
	case nil:
		return "null"
	}
	return fmt.Sprint(value)
}

// repeated are the keys that stand twice in one object of a JSON text, which encoding/json takes the last of.
func repeated(text []byte) (errs []error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	var walk func(path string)
	walk = func(path string) {
		token, _ := decoder.Token() // the text has been decoded once, so it has no errors
		open, nested := token.(json.Delim)
		if !nested {
			return
		}
		seen := map[string]bool{}
		for decoder.More() {
			inner := path
			if open == '{' {
				key, _ := decoder.Token()
				inner = strings.TrimPrefix(path+"."+fmt.Sprint(key), ".")
				if seen[inner] {
					errs = append(errs, fmt.Errorf("%s stands twice in the file, want it once", inner))
				}
				seen[inner] = true
			}
			walk(inner)
		}
		_, _ = decoder.Token() // the end of the object or list
	}
	walk("")
	return errs
}
