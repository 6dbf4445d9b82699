package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// Report is what was found. Names of images are paths below their folder, or the split and the number.
type Report struct {
	// Data is the set, or its folder.
	Data   string   `json:"data"`
	Splits []*Split `json:"splits"`
	// Bytes is the memory that the search took, beside the images at hand.
	Bytes int64 `json:"bytes"`
	// Leaks are nil without test images.
	Leaks *Leaks `json:"leaks,omitempty"`
	// Neighbours are nil without labels in both splits.
	Neighbours *Neighbours `json:"neighbours,omitempty"`
	Negatives  Negatives   `json:"negatives"`
	// Duplicates are the images that are near or exact duplicates of earlier ones of their split, each with the one it is
	// most like, the most similar first: 10 000 at most.
	Duplicates []Pair `json:"duplicates"`
	// Facts are what the settings were chosen by, and Settings the flags of `mocotpu train`.
	Facts    run.Facts    `json:"facts"`
	Settings []run.Choice `json:"settings"`
}

// Leaks are the test images that are near or exact duplicates of training images.
type Leaks struct {
	Images int `json:"images"`
	// Share of the test images, in percent.
	Share    float64 `json:"share"`
	Exact    int     `json:"exact"`
	Near     int     `json:"near"`
	Mirrored int     `json:"mirrored"`
	// OtherClass counts those that have another class than the training image.
	OtherClass int `json:"other_class"`
	// Pairs has each with the training image that it is most like, the most similar first: 10 000 at most.
	Pairs []Pair `json:"pairs"`
}

// Pair is an image and the earlier one, or the training image, that it is a duplicate of.
type Pair struct {
	Image string `json:"image"`
	Of    string `json:"of"`
	// Kind is exact, near, or mirrored for a near duplicate of the mirror image.
	Kind string `json:"kind"`
	// Similarity is the cosine of the images in gray, 16x16, less their means.
	Similarity float32 `json:"similarity"`
	// OtherClass says that the two have different labels.
	OtherClass bool `json:"other_class,omitempty"`

	at [2]int // numbers of Of and Image
}

// Command is the line that trains by the settings.
func (r *Report) Command() string {
	words := []string{"mocotpu train"}
	for i, c := range r.Settings {
		words = append(words, "--"+c.Flag+"="+c.Value)
		if i == 0 {
			words = append(words, "--data="+quoted(r.Data))
		}
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,=:@%+") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// WriteText writes the report for a person, without the pairs.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, s := range r.Splits {
		s.write(&b)
	}
	if l := r.Leaks; l != nil {
		fmt.Fprintf(&b, "leaks: %d of %d test images (%.2f %%) are among the training images: %d exact, %d near, %d mirrored; %d of another class\n",
			l.Images, r.Splits[1].Images, l.Share, l.Exact, l.Near, l.Mirrored, l.OtherClass)
	}
	if n := r.Neighbours; n != nil {
		n.write(&b)
	}
	fmt.Fprintf(&b, "false negatives: %d training images have duplicates; a queue of %d holds %.3f %% of the query's own on average, one or more for %.1f %% of the queries\n",
		r.Negatives.Images, r.Negatives.Queue, r.Negatives.Share, r.Negatives.Queries)
	fmt.Fprintf(&b, "memory: %s\n\nsettings\n", limits.Text(r.Bytes))
	for _, c := range r.Settings {
		fmt.Fprintf(&b, "  --%-26s %s\n", c.Flag+"="+c.Value, c.Why)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Command())
	_, err := io.WriteString(w, b.String())
	return err
}

// write writes what is in a split.
func (s *Split) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %d images of %dx%dx%d, mean %.4f, deviation %.4f\n", s.Name, s.Images, s.Size, s.Size, s.Channels, s.Mean, s.Deviation)
	if len(s.Classes) > 0 {
		var counts []int
		for _, n := range s.Classes {
			counts = append(counts, n)
		}
		slices.Sort(counts)
		fmt.Fprintf(b, "  classes: %d, of %d to %d images\n", len(counts), counts[0], counts[len(counts)-1])
	}
	fmt.Fprintf(b, "  duplicates of earlier ones: %d exact, %d near (%d of them mirrored); %d distinct\n", s.Exact, s.Near, s.Mirrored, s.Distinct)
	for _, of := range []struct {
		what  string
		names []string
	}{{"flat", s.Flat}, {"tiny", s.Tiny}} {
		if len(of.names) > 0 {
			fmt.Fprintf(b, "  %s: %d, such as %q\n", of.what, len(of.names), of.names[0])
		}
	}
	if len(s.Broken) > 0 {
		fmt.Fprintf(b, "  broken: %d, such as %q: %q\n", len(s.Broken), s.Broken[0].Name, s.Broken[0].Problem)
	}
}
