package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/mocotpu/mocotpu/models/judge"
)

// confusion counts, for each class, which classes its images were given.
type confusion struct {
	Text string
	// Drawing is the matrix, empty where there are too many classes to see anything.
	Drawing  template.HTML
	Mistakes []string
}

const (
	mostClasses   = 128 // drawn
	shownMistakes = 10
	confusionSize = 640.0
)

func newConfusion(t *judge.Tally, classes []string, text string) confusion {
	c := confusion{Text: text}
	for _, m := range t.Mistakes(shownMistakes) {
		c.Mistakes = append(c.Mistakes, fmt.Sprintf("%s taken for %s: %d", classes[m.Label], classes[m.Given], m.Images))
	}
	if len(classes) <= mostClasses {
		c.Drawing = drawConfusion(t, classes)
	}
	return c
}

// drawConfusion has a row for each class and a column for each class given; the darker, the larger the share of the
// row's images.
func drawConfusion(t *judge.Tally, classes []string) template.HTML {
	cell := (confusionSize - 20) / float64(len(classes))
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="confusion" viewBox="0 0 %g %g" role="img" aria-label="confusion matrix">`, confusionSize, confusionSize)
	fmt.Fprintf(&out, `<rect x="20" y="20" width="%.1f" height="%.1f" fill="#f4f4f2"/>`, confusionSize-20, confusionSize-20)
	for label, row := range t.Confusion {
		images := 0
		for _, n := range row {
			images += n
		}
		at := 20 + float64(label)*cell
		if len(classes[label]) <= 2 {
			size := min(cell, 12)
			fmt.Fprintf(&out, `<text x="14" y="%.1f" font-size="%.1f" text-anchor="middle">%[3]s</text><text x="%.1[4]f" y="15" font-size="%.1[2]f" text-anchor="middle">%[3]s</text>`,
				at+0.8*cell, size, template.HTMLEscapeString(classes[label]), at+cell/2)
		}
		for given, n := range row {
			if n == 0 {
				continue
			}
			fill := "#b3402a"
			if given == label {
				fill = "#1b6ca8"
			}
			fmt.Fprintf(&out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" fill-opacity="%.2f"><title>%s taken for %s: %d of %d</title></rect>`,
				20+float64(given)*cell, at, cell, cell, fill, math.Sqrt(float64(n)/float64(images)),
				template.HTMLEscapeString(classes[label]), template.HTMLEscapeString(classes[given]), n, images)
		}
	}
	out.WriteString("</svg>")
	return template.HTML(out.String())
}
