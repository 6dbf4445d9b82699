package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/doctor"
)

//go:embed doctor.html
var doctorText string

var doctorTemplate = template.Must(template.New("doctor").Parse(doctorText))

// doctorList is pairs of images under a heading.
type doctorList struct {
	Heading, About string
	Pairs          []doctorPair
	Left           int // pairs that are not shown
}

type doctorPair struct {
	Images []Picture
	Text   string
	Other  bool // of another class
}

// lookAlike is what there is to say about pairs of which some are near duplicates.
func lookAlike(pairs []doctor.Pair) string {
	if slices.ContainsFunc(pairs, func(p doctor.Pair) bool { return p.Kind != "exact" }) {
		return " Near and mirrored ones are " + doctor.LookAlike + ": look at them."
	}
	return ""
}

// WriteDoctor writes what `mocotpu data doctor` found as one HTML page without scripts: the text, and those pairs of images
// that have pictures, the most similar first.
func WriteDoctor(w io.Writer, r *doctor.Report) error {
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		return err
	}
	page := struct {
		Data, Text string
		Lists      []doctorList
	}{Data: r.Data, Text: text.String()}
	if r.Leaks != nil {
		list, err := newDoctorList("Leaks", "A training image, and the test image that is a duplicate of it."+lookAlike(r.Leaks.Pairs), r.Leaks.Pairs)
		if err != nil {
			return err
		}
		page.Lists = append(page.Lists, list)
	}
	if r.Seen != nil {
		list, err := newDoctorList("Alike to the encoder", fmt.Sprintf("Pairs of a cosine of %.3f or more, which an image has to its own centre; no duplicates by their pixels.", r.Seen.Cosine), r.Seen.Pairs)
		if err != nil {
			return err
		}
		page.Lists = append(page.Lists, list)
	}
	list, err := newDoctorList("Duplicates", "An image, and a later one of the same split that is a duplicate of it."+lookAlike(r.Duplicates), r.Duplicates)
	if err != nil {
		return err
	}
	page.Lists = append(page.Lists, list)
	if err := doctorTemplate.Execute(w, page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func newDoctorList(heading, about string, pairs []doctor.Pair) (doctorList, error) {
	list := doctorList{Heading: heading, About: about}
	for _, p := range pairs {
		if len(p.Pictures) < 2 {
			list.Left++
			continue
		}
		shown := doctorPair{Text: fmt.Sprintf("%s %.4f", p.Kind, p.Similarity), Other: p.OtherClass}
		for i, name := range []string{p.Of, p.Image} {
			picture, err := NewPicture(p.Pictures[i].Pixels, p.Pictures[i].Size, p.Pictures[i].Channels, name)
			if err != nil {
				return list, err
			}
			shown.Images = append(shown.Images, picture)
		}
		list.Pairs = append(list.Pairs, shown)
	}
	return list, nil
}
