package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/data/dataset"
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
	// Seen is nil without an encoder.
	Seen      *Seen     `json:"seen,omitempty"`
	Negatives Negatives `json:"negatives"`
	// Duplicates are the images that are near or exact duplicates of earlier ones of their split, each with the one it is
	// most like, the most similar first: 10 000 at most.
	Duplicates []Pair `json:"duplicates"`
	// Facts are what the settings were chosen by, and Settings the flags of `mocotpu train`.
	Facts    run.Facts    `json:"facts"`
	Settings []run.Choice `json:"settings"`
	// Command is the line that trains by them. It is "" where nothing trains on the set, for the reason that Unfit gives.
	Command string `json:"command"`
	Unfit   string `json:"unfit,omitempty"`
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
	// Kind is exact, near, mirrored for a near duplicate of the mirror image, or seen: see [Seen].
	Kind string `json:"kind"`
	// Similarity is the cosine of the images in gray, 16x16, less their means, or that of an encoder's features.
	Similarity float32 `json:"similarity"`
	// OtherClass says that the two have different labels.
	OtherClass bool `json:"other_class,omitempty"`
	// Pictures are Of and Image, for the first pairs of a list, where Options.Pictures asks for them.
	Pictures []Picture `json:"-"`

	at [2]int32 // numbers of Of and Image in the album
}

// Picture is an image as it was looked at, uint8 [Size, Size, Channels].
type Picture struct {
	Pixels         []uint8
	Size, Channels int
}

// LookAlike says what a near duplicate may be.
const LookAlike = "alike in gray of 16x16 pixels; they may be two pictures that look alike, as digits and line drawings do"

// LookAlikes tells whether there are near duplicates.
func (r *Report) LookAlikes() bool {
	return slices.ContainsFunc(r.Splits, func(s *Split) bool { return s.Near+s.Mirrored > 0 }) || r.Leaks != nil && r.Leaks.Near+r.Leaks.Mirrored > 0
}

// command is the line that trains on a data set by settings, of which the first is the preset.
func command(settings []run.Choice, d dataset.Config) string {
	words := []string{"mocotpu train", "--" + settings[0].Flag + "=" + settings[0].Value}
	switch {
	case d.Kind == "folder":
		words = append(words, "--data="+quoted(d.Dir))
	case d.Dir != "":
		words = append(words, "--data="+d.Name(), "--data-dir="+quoted(d.Dir))
	default:
		words = append(words, "--data="+d.Name())
	}
	for _, c := range settings[1:] {
		words = append(words, "--"+c.Flag+"="+c.Value)
	}
	if d.Unlabeled {
		words = append(words, "--unlabeled")
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
	leaked := 0
	if l := r.Leaks; l != nil {
		if leaked = l.Images; leaked == r.Splits[1].Images {
			leaked = 0 // none is left without them
		}
		flat := ""
		if r.Splits[0].allFlat() || r.Splits[1].allFlat() {
			flat = "; flat images are not compared for near ones"
		}
		fmt.Fprintf(&b, "leaks: %d of %d %s images (%.2f %%) have a duplicate among the training images: %d exact, %d near, %d mirrored; %d of another class%s\n",
			l.Images, r.Splits[1].Images, r.Splits[1].Name, l.Share, l.Exact, l.Near, l.Mirrored, l.OtherClass, flat)
	}
	if r.LookAlikes() {
		fmt.Fprintf(&b, "near and mirrored: %s: look at the pairs (--html shows them)\n", LookAlike)
	}
	if n := r.Neighbours; n != nil {
		n.write(&b, leaked)
	}
	if s := r.Seen; s != nil {
		advice := "look at them"
		if 2*s.Images > s.Of {
			advice = "so many that it does not tell single pictures apart"
		}
		fmt.Fprintf(&b, "alike to the encoder (cosine %.3f): %d of %d images, no duplicates by their pixels: %s\n", s.Cosine, s.Images, s.Of, advice)
	}
	fmt.Fprintf(&b, "false negatives: %d training images (%.2f %%) have a duplicate among the others", r.Negatives.Images, 100*float64(r.Negatives.Images)/float64(r.Splits[0].Images))
	if r.Negatives.Queue > 0 {
		fmt.Fprintf(&b, "; of a queue of %d keys duplicates of the query are %.4f %%, and for %.2f %% of the queries there are some", r.Negatives.Queue, r.Negatives.Share, r.Negatives.Queries)
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "memory: %s kept of the images\n\nsettings\n", limits.Text(r.Bytes))
	if r.Unfit != "" {
		fmt.Fprintf(&b, "  none: %s\n", r.Unfit)
	}
	for _, c := range r.Settings {
		fmt.Fprintf(&b, "  --%-26s %s\n", c.Flag+"="+c.Value, c.Why)
	}
	if r.Command != "" {
		fmt.Fprintf(&b, "\n%s\n", r.Command)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// allFlat tells whether all images that can be read show nothing.
func (s *Split) allFlat() bool { return s.Flat.Images > 0 && s.Flat.Images == s.Images-s.unread }

// write writes what is in a split.
func (s *Split) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %d images of %s; looked at as %dx%dx%d", s.Name, s.Images, s.Own, s.Size, s.Size, s.Channels)
	if s.Window != "" {
		fmt.Fprintf(b, " in window %s", s.Window)
	}
	fmt.Fprintf(b, ", mean %.4f, deviation %.4f\n", s.Mean, s.Deviation)
	if len(s.Classes) > 0 {
		var counts []int
		for _, n := range s.Classes {
			counts = append(counts, n)
		}
		slices.Sort(counts)
		fmt.Fprintf(b, "  classes: %d, of %d to %d images\n", len(counts), counts[0], counts[len(counts)-1])
	}
	if s.allFlat() {
		fmt.Fprintf(b, "  duplicates of earlier ones: %d exact; all images are flat, and flat ones are not compared for near ones\n", s.Exact)
	} else {
		fmt.Fprintf(b, "  duplicates of earlier ones: %d exact, %d near, %d mirrored; %d distinct, which have no earlier one", s.Exact, s.Near, s.Mirrored, s.Distinct)
		if s.Groups < s.Distinct {
			fmt.Fprintf(b, " (in %d groups: two that share a later duplicate are in one)", s.Groups)
		}
		b.WriteString("\n")
	}
	for _, of := range []struct {
		what string
		Named
	}{{"flat", s.Flat}, {"tiny", s.Tiny}} {
		if of.Images > 0 {
			fmt.Fprintf(b, "  %s: %d, such as %q\n", of.what, of.Images, of.Names[0])
		}
	}
	if len(s.Broken) > 0 {
		fmt.Fprintf(b, "  broken: %d, such as %q: %q\n", len(s.Broken), s.Broken[0].Name, s.Broken[0].Problem)
	}
}
