package augment

import (
	"fmt"
	"strconv"
	"strings"
)

// numbers is how many numbers a setting's text has: see [Config.Set].
var numbers = map[string]int{"crop": 2, "jitter": 4, "gray": 1, "blur": 1, "flip": 1}

// Set changes one of the settings that are changed most by its name and text, as a flag has it:
//
//	crop    min,max: the area of the crops, a share of the image's
//	jitter  b,c,s,h: the strengths of brightness, contrast, saturation and hue; see [Config.SetJitter]
//	gray    the probability of a view without colour
//	blur    the probability of a blur
//	flip    the probability of a mirrored view
//
// A single 0 stands for as many as there are. It does not validate the values.
func (c *Config) Set(name, text string) error {
	want, ok := numbers[name]
	if !ok {
		return fmt.Errorf("augment: no setting %q", name)
	}
	x, err := parseNumbers(text, want)
	if err != nil {
		return err
	}
	switch name {
	case "crop":
		c.Area.Min, c.Area.Max = x[0], x[1]
	case "jitter":
		c.SetJitter(x[0], x[1], x[2], x[3])
	case "gray":
		c.SetGray(x[0])
	case "blur":
		c.SetBlur(x[0])
	case "flip":
		c.Flip = x[0]
	}
	return nil
}

// Text is what [Config.Set] takes for the value that a setting has.
func (c Config) Text(name string) string {
	j := c.Jitter
	x := map[string][]float64{
		"crop": {c.Area.Min, c.Area.Max}, "jitter": {j.Brightness, j.Contrast, j.Saturation, j.Hue}, "gray": {c.Gray}, "blur": {c.Blur.P}, "flip": {c.Flip},
	}[name]
	parts := make([]string, len(x))
	for i := range x {
		parts[i] = strconv.FormatFloat(x[i], 'g', -1, 64)
	}
	return strings.Join(parts, ",")
}

// parseNumbers takes so many numbers with commas between them; a single 0 stands for as many.
func parseNumbers(text string, want int) ([]float64, error) {
	x := make([]float64, want)
	parts := strings.Split(text, ",")
	if text == "0" {
		return x, nil
	}
	if len(parts) != want {
		return nil, fmt.Errorf("want %d numbers with commas between them", want)
	}
	for i, part := range parts {
		var err error
		if x[i], err = strconv.ParseFloat(strings.TrimSpace(part), 64); err != nil {
			return nil, fmt.Errorf("%q is no number", part)
		}
	}
	return x, nil
}
