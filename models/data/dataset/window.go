package dataset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// measured is how many training images percentiles are taken of, evenly spread over the set.
const measured = 64

// percentiles are those that Window names, nil where it has samples or is empty, for which it returns the window.
func (c Config) percentiles() (shares []float64, w picture.Window, err error) {
	if !strings.Contains(c.Window, "%") {
		w, err = picture.ParseWindow(c.Window)
		return nil, w, err
	}
	for text := range strings.SplitSeq(c.Window, ",") {
		number, isShare := strings.CutSuffix(text, "%")
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !isShare || !(share >= 0 && share <= 100) {
			return nil, w, fmt.Errorf("dataset: %q is no percentile", text)
		}
		shares = append(shares, share)
	}
	if len(shares) != 2 || shares[0] >= shares[1] {
		return nil, w, fmt.Errorf("dataset: %q, want two percentiles, the lower first", c.Window)
	}
	return shares, w, nil
}

// Measured is the settings with the window in samples: percentiles measured, and that of a packed set taken. It refuses a window
// that does nothing, since none of the training images that percentiles would be taken of has 16-bit samples.
func (c Config) Measured() (Config, error) {
	w, err := c.Levels()
	if err != nil {
		return c, err
	}
	if c.Kind == "folder" && c.Window != "" && !strings.Contains(c.Window, "%") {
		if err := c.checkDeep(); err != nil {
			return c, err
		}
	}
	c.Window = w.String()
	return c, nil
}

// checkDeep refuses a window of samples for image files that have no 16-bit ones.
func (c Config) checkDeep() error {
	dir, err := c.Packed("train")
	if err != nil || dir != "" { // a packed set has the window that it was packed with
		return err
	}
	list, err := files.Open(c.Dir, "train", files.Options{Unlabeled: c.Unlabeled})
	if err != nil {
		return err
	}
	deep := false
	n := look(list, func(file []byte) bool {
		deep = picture.Deep(file)
		return !deep
	})
	if !deep {
		err = fmt.Errorf("dataset: %w: data.window is %s, which is for 16-bit samples, and of %d training images looked at none has them: leave out --window",
			settings.ErrInvalid, c.Window, n)
	}
	return errors.Join(err, list.Close())
}

// Levels is the window of 16-bit samples, for both splits. Percentiles are of all 16-bit samples of up to 64 training images,
// evenly spread: the least sample that so large a share of them does not exceed. It reads those images, and none where Window
// has no percentiles. The error is an [settings.ErrInvalid] where there is no such window.
func (c Config) Levels() (picture.Window, error) {
	shares, w, err := c.percentiles()
	if c.Kind != "folder" || err != nil {
		return picture.Window{}, err
	}
	dir, err := c.Packed("train")
	if err != nil {
		return w, err
	}
	if dir != "" {
		meta, err := packed.ReadMeta(dir)
		if err == nil && c.Window != "" && (shares != nil || w != meta.Window) {
			err = fmt.Errorf("dataset: %w: %s is packed with window %q, want data.window, %q: leave out --window, or pack it again",
				settings.ErrInvalid, dir, meta.Window, c.Window)
		}
		return meta.Window, err
	}
	if shares == nil {
		return w, nil
	}
	list, err := files.Open(c.Dir, "train", files.Options{Unlabeled: c.Unlabeled})
	if err != nil {
		return w, err
	}
	w, err = measure(list, shares)
	return w, errors.Join(err, list.Close())
}

// stretches are the percentiles that [Stretch] takes: the first two that differ.
var stretches = [][]float64{{1, 99}, {0.1, 99.9}, {0, 100}}

// Stretch is a window that suits a list's 16-bit samples: percentiles 1 and 99 of those that [Config.Levels] looks at, or wider
// ones where these are equal. It is none where there are no such samples, or all are equal.
func Stretch(l *files.List) picture.Window {
	counts, total, _ := count(l)
	for _, shares := range stretches {
		if w := between(counts, total, shares); total > 0 && w.Low < w.High {
			return w
		}
	}
	return picture.Window{}
}

// measure finds percentiles of a list's 16-bit samples.
func measure(l *files.List, shares []float64) (w picture.Window, err error) {
	counts, total, n := count(l)
	if total == 0 {
		return w, fmt.Errorf("dataset: %w: data.window is of percentiles, and of %d training images looked at none has 16-bit samples: leave out --window",
			settings.ErrInvalid, n)
	}
	if w = between(counts, total, shares); w.Low >= w.High {
		return w, fmt.Errorf("dataset: %w: the percentiles of data.window are both %d in %d training images: set --window to samples, or to percentiles further apart",
			settings.ErrInvalid, w.Low, n)
	}
	return w, nil
}

// count counts the 16-bit samples of n of a list's images by their values.
func count(l *files.List) (counts []int64, total int64, n int) {
	counts = make([]int64, 1<<16)
	n = look(l, func(file []byte) bool {
		_ = picture.Count(counts, file) // a broken image adds none, and is told of when it is needed
		return true
	})
	for _, count := range counts {
		total += count
	}
	return counts, total, n
}

// look shows some of a list's images, evenly spread, until show returns false. It returns how many it would show.
func look(l *files.List, show func(file []byte) bool) int {
	n := min(measured, l.Len())
	var file []byte
	for k := range n {
		read, err := l.Read(int(int64(k)*int64(l.Len())/int64(n)), file)
		if err != nil {
			continue // as a broken image, told of when it is needed
		}
		if file = read; !show(file) {
			break
		}
	}
	return n
}

// between is the window from one percentile to another.
func between(counts []int64, total int64, shares []float64) picture.Window {
	at := func(share float64) int {
		sum := int64(0)
		for v, count := range counts {
			if sum += count; sum > 0 && float64(sum) >= share/100*float64(total) {
				return v
			}
		}
		return len(counts) - 1
	}
	return picture.Window{Low: at(shares[0]), High: at(shares[1])}
}

// Notes says what a user may not have meant with the images of a source of package data, or of a [files.List].
func Notes(source any) (notes []string) {
	if s, ok := source.(interface{ Skipped() string }); ok && s.Skipped() != "" {
		notes = append(notes, s.Skipped())
	}
	if s, ok := source.(interface{ Plain() bool }); ok && s.Plain() {
		notes = append(notes, "16-bit samples of 0 to 65535 become 0 to 255, and what uses a part of that range is dark and flat: --window=LOW,HIGH, or --window=1%,99% of the training images' samples, stretches it")
	}
	if s, ok := source.(interface{ Paged() bool }); ok && s.Paged() {
		notes = append(notes, "there are TIFFs of several pages, of which the first page is read and no other: to use all, save each page as a file of its own")
	}
	return notes
}
