package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
)

// pointMap is features in two dimensions: their first two principal components.
type pointMap struct {
	Drawing template.HTML
	// Shares are the percentages of the variance in the two components.
	Shares [2]float64
}

// mapSize is the width and height of the map in its own units.
const mapSize = 640.0

// newMap draws an image's class at the place of its unit-length features; a dot where the name is long.
func newMap(f encoder.Features, s *data.Set) (pointMap, error) {
	x := mat.NewDense(f.Len(), f.Dim, nil)
	for row := range f.Len() {
		values := f.Data[row*f.Dim : (row+1)*f.Dim]
		norm := 0.0
		for _, v := range values {
			norm += float64(v) * float64(v)
		}
		norm = math.Sqrt(max(norm, 1e-24))
		for i, v := range values {
			x.Set(row, i, float64(v)/norm)
		}
	}
	var pc stat.PC
	if f.Len() < 3 || f.Dim < 2 || !pc.PrincipalComponents(x, nil) {
		return pointMap{}, fmt.Errorf("report: no principal components of %d features of %d", f.Len(), f.Dim)
	}
	var m pointMap
	total := 0.0
	for _, v := range pc.VarsTo(nil) {
		total += v
	}
	for i := range m.Shares {
		m.Shares[i] = 100 * pc.VarsTo(nil)[i] / max(total, 1e-24)
	}
	var vectors, places mat.Dense
	pc.VectorsTo(&vectors)
	places.Mul(x, vectors.Slice(0, f.Dim, 0, 2))
	m.Drawing = drawMap(&places, s)
	return m, nil
}

func drawMap(places *mat.Dense, s *data.Set) template.HTML {
	n, _ := places.Dims()
	var axes [2]scale
	for axis := range axes {
		low, high := math.Inf(1), math.Inf(-1)
		for row := range n {
			low, high = min(low, places.At(row, axis)), max(high, places.At(row, axis))
		}
		axes[axis] = newScale(low, high)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="map" viewBox="0 0 %g %g" role="img" aria-label="map of the features">`, mapSize, mapSize)
	for row := range n {
		x, y := axes[0].at(places.At(row, 0), 10, mapSize-10), axes[1].at(places.At(row, 1), mapSize-10, 10)
		name := className(s, row)
		fill := "#1b6ca8"
		if name != "" {
			fill = classColour(int(s.Labels[row]), len(s.Classes))
		}
		if name == "" || len(name) > 2 {
			fmt.Fprintf(&out, `<circle cx="%.0f" cy="%.0f" r="2.6" fill="%s"/>`, x, y, fill)
			continue
		}
		fmt.Fprintf(&out, `<text x="%.0f" y="%.0f" fill="%s">%s</text>`, x, y, fill, template.HTMLEscapeString(name))
	}
	out.WriteString("</svg>")
	return template.HTML(out.String())
}

// classColour goes round the colour wheel, dark enough for white paper; neighbours differ in lightness, too.
func classColour(class, classes int) string {
	return fmt.Sprintf("hsl(%d,70%%,%d%%)", class*360/max(classes, 1), 30+class%3*8)
}
