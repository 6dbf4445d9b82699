package augment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// maxFile bounds a file of views, which has less than a kilobyte.
const maxFile = 1 << 16

// example is what messages show as a file of views.
const example = `a JSON object such as {"flip": 0.5}`

// Read returns base with the fields that a JSON file gives: an object with those of [Config], "gray" and "blur.sigma" for
// example. A field that the file leaves out stays as it is in base. Where the file leaves out "ops", an operation that it
// describes is listed, or taken out by a probability of 0, as [Config.SetJitter], [Config.SetGray] and [Config.SetBlur] do.
// Of an operation that base does not have, what the file leaves out is filled in: jitter with a p of 0.8, blur with MoCo
// v2's, mix with that of preset glyphs.
//
// The error lists all that is wrong with the fields: unknown ones, values of another kind, and keys that stand twice. It
// does not validate the numbers.
func Read(name string, base Config) (Config, error) {
	text, err := regular.ReadFile(name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("augment: views: %s: there is no such file, want %s", name, example)
	}
	if err != nil {
		return Config{}, fmt.Errorf("augment: views: %w", err)
	}
	c, err := parse(text, base)
	if err != nil {
		return Config{}, fmt.Errorf("augment: views: %s: %w", name, err)
	}
	return c, nil
}

// parse is base with the fields of a file's text.
func parse(text []byte, base Config) (Config, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return base, fmt.Errorf("the file is empty, want %s", example)
	}
	var whole any
	if err := json.Unmarshal(text, &whole); err != nil {
		var syntax *json.SyntaxError
		if !errors.As(err, &syntax) {
			return base, errors.New("a number in it is too large, want one such as 0.5") // all that is left where anything is taken
		}
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return base, fmt.Errorf("line %d is no JSON (%w), want one JSON object and nothing behind it", line, err)
	}
	given, ok := whole.(map[string]any)
	if !ok {
		return base, fmt.Errorf("got %s, want %s", inWords(whole), example)
	}
	if err := errors.Join(repeated(text)...); err != nil {
		return base, err
	}
	c := base
	c.Ops = slices.Clone(base.Ops)
	c.fillIn(given)
	if err := errors.Join(assign("", &c, given)...); err != nil {
		return base, err
	}
	return c, c.listGiven(given)
}

// fillIn gives the operations that c does not have, and a file describes, what the file may leave out.
func (c *Config) fillIn(given map[string]any) {
	added := func(op string, p float64) bool { return given[op] != nil && p == 0 }
	if added(OpJitter, c.Jitter.P) {
		c.Jitter.P = jitterP
	}
	if added(OpMix, c.Mix.P) {
		c.Mix = Mix{P: 1, Gain: Range{0.6, 1.4}}
	}
	if added(OpBlur, c.Blur.P) {
		c.Blur = mocoBlur
	}
}

// listGiven lists the operations that a file describes and takes out those whose probability is 0, unless the file has a list.
func (c *Config) listGiven(given map[string]any) error {
	if given["ops"] != nil {
		return nil
	}
	if given[OpJitter] != nil {
		j := c.Jitter
		still := j.Brightness == 0 && j.Contrast == 0 && j.Saturation == 0 && j.Hue == 0
		if given := given[OpJitter].(map[string]any); still && j.P != 0 && given["p"] != nil && len(given) == 1 {
			return fmt.Errorf("jitter has a p of %v and no strength, want brightness, contrast, saturation or hue as well", j.P)
		}
		if j.P == 0 || still {
			c.Jitter = Jitter{}
		}
		c.list(OpJitter, c.Jitter != Jitter{})
	}
	if given[OpGray] != nil {
		c.SetGray(c.Gray)
	}
	if given[OpMix] != nil {
		if c.Mix.P == 0 {
			c.Mix = Mix{}
		}
		c.list(OpMix, c.Mix.P != 0)
	}
	if given[OpBlur] != nil {
		if c.Blur.P == 0 {
			c.Blur = Blur{}
		}
		c.list(OpBlur, c.Blur.P != 0)
	}
	return nil
}
