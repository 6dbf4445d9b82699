package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/mocotpu/mocotpu/models/bank"
	"github.com/mocotpu/mocotpu/models/data/files"
	decoding "github.com/mocotpu/mocotpu/models/data/picture"
)

//go:embed search.html
var searchText string

var searchTemplate = template.Must(template.New("search").Parse(searchText))

// searched is an image that was looked for.
type searched struct {
	Query   shown
	Matches []shown
}

// shown is an image on the page of a search. One that cannot be read has no picture.
type shown struct {
	Picture
	// Width is what the picture is shown with, of a height of 96 pixels.
	Width int
}

// WriteSearch writes what a bank has for images as one HTML page without scripts: each image and its matches, the nearest
// first, with their names and similarities. Pictures are read from the images' files; where one cannot be, its name stands
// alone. source names the bank; window is that of 16-bit samples.
func WriteSearch(w io.Writer, source string, found []bank.Found, l decoding.Library, window decoding.Window) error {
	if l == "" {
		l = decoding.Best()
	}
	reader, err := files.NewWorker(decoding.Canvas{Size: mostPixels, Window: window}, l)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	defer reader.Close()
	page := struct {
		Source string
		Rows   []searched
	}{Source: source}
	for _, f := range found {
		row := searched{Query: show(reader, f.Name, f.Name)}
		for _, m := range f.Matches {
			row.Matches = append(row.Matches, show(reader, m.Name, fmt.Sprintf("%.3f %s", m.Similarity, m.Name)))
		}
		page.Rows = append(page.Rows, row)
	}
	if err := searchTemplate.Execute(w, page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// show reads an image's file, with a text to stand below it.
func show(reader *files.Worker, name, text string) shown {
	alone := shown{Picture: Picture{Text: text}}
	if strings.HasPrefix(name, "//") || strings.HasPrefix(name, `\\`) {
		return alone // of another machine: a bank's word is not enough to ask there
	}
	list, err := files.Paths([]string{name})
	if err != nil || list.Len() != 1 {
		return alone
	}
	pixels := make([]uint8, mostPixels*mostPixels*3)
	aspect, err := reader.Decode(list, pixels, 0)
	if err != nil {
		return alone
	}
	p, err := NewPicture(pixels, mostPixels, 3, text)
	if err != nil {
		return alone
	}
	return shown{p, int(min(max(aspect, 0.25), 4) * mostPixels)}
}
