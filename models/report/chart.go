package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// colours distinguish runs, and classes where there are no more classes than colours; from ColorBrewer's Dark2 and Set1.
var colours = []string{"#1b6ca8", "#d95f02", "#2e8b57", "#c2185b", "#7570b3", "#8c6d1f", "#4d4d4d", "#e6ab02"}

// The size of a chart in its own units; the page scales it.
const (
	chartWidth, chartHeight          = 360.0, 210.0
	marginLeft, marginRight          = 44.0, 8.0
	marginTop, marginBottom          = 8.0, 24.0
	mostPoints, mostTicks, mostMarks = 400, 7, 30
)

// Series is one line of a chart.
type Series struct {
	// Name is what the line is of: "loss", "positive"; Run is the number of its run, from 0, which gives its colour.
	Name string
	Run  int
	// Dashed marks the second kind of line in a chart.
	Dashed bool
	// X and Y have equal lengths. The line has gaps where Y is NaN or infinite.
	X, Y []float64
}

// Chart is lines over steps.
type Chart struct {
	Title string
	// Note says what the chart shows, and how its lines differ.
	Note   string
	Series []Series
}

// scale maps values to places on the page. ticks are the values at which numbers are written.
type scale struct {
	low, high float64
	ticks     []float64
}

// newScale covers the values with round ticks.
func newScale(low, high float64) scale {
	if !(low < high) {
		low, high = low-0.5, low+0.5
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/mostTicks)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*factor) <= mostTicks {
			step *= factor
			break
		}
	}
	s := scale{low: low, high: high}
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9; i++ {
		s.ticks = append(s.ticks, i*step+0) // adding 0 turns -0 into 0
	}
	return s
}

// at is the place of a value between from and to.
func (s scale) at(v, from, to float64) float64 { return from + (v-s.low)/(s.high-s.low)*(to-from) }

// SVG draws the chart. The marks' titles show the numbers when the mouse is over them.
func (c Chart) SVG() template.HTML {
	x, y := c.scales()
	var out strings.Builder
	fmt.Fprintf(&out, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`, chartWidth, chartHeight, template.HTMLEscapeString(c.Title))
	for _, tick := range y.ticks {
		at := y.at(tick, chartHeight-marginBottom, marginTop)
		fmt.Fprintf(&out, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/>`, marginLeft, chartWidth-marginRight, at, at)
		fmt.Fprintf(&out, `<text x="%g" y="%.1f" text-anchor="end">%s</text>`, marginLeft-5, at+3.5, number(tick))
	}
	for _, tick := range x.ticks {
		at := x.at(tick, marginLeft, chartWidth-marginRight)
		fmt.Fprintf(&out, `<text x="%.1f" y="%g" text-anchor="middle">%s</text>`, at, chartHeight-8, number(tick))
	}
	for _, s := range c.Series {
		s.draw(&out, x, y)
	}
	out.WriteString("</svg>")
	return template.HTML(out.String())
}

// scales cover all lines, with a little air above and below.
func (c Chart) scales() (x, y scale) {
	lowX, highX, lowY, highY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, s := range c.Series {
		for i, v := range s.Y {
			if finite(v) {
				lowX, highX = min(lowX, s.X[i]), max(highX, s.X[i])
				lowY, highY = min(lowY, v), max(highY, v)
			}
		}
	}
	if lowX > highX {
		return newScale(0, 1), newScale(0, 1)
	}
	air := (highY - lowY) / 20
	return newScale(lowX, highX), newScale(lowY-air, highY+air)
}

// draw writes a line, broken where it has gaps, and marks where there are few points.
func (s Series) draw(out *strings.Builder, x, y scale) {
	s = s.thinned()
	dash := ""
	if s.Dashed {
		dash = ` stroke-dasharray="5 3"`
	}
	var path strings.Builder
	pen := "M"
	for i, v := range s.Y {
		if !finite(v) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x.at(s.X[i], marginLeft, chartWidth-marginRight), y.at(v, chartHeight-marginBottom, marginTop))
		pen = "L"
	}
	fmt.Fprintf(out, `<path class="line" stroke="%s"%s d="%s"/>`, colours[s.Run%len(colours)], dash, path.String())
	if len(s.Y) > mostMarks {
		return
	}
	for i, v := range s.Y {
		if finite(v) {
			fmt.Fprintf(out, `<circle r="2.5" fill="%s" cx="%.1f" cy="%.1f"><title>%s %s at step %s</title></circle>`,
				colours[s.Run%len(colours)], x.at(s.X[i], marginLeft, chartWidth-marginRight),
				y.at(v, chartHeight-marginBottom, marginTop), template.HTMLEscapeString(s.Name), number(v), number(s.X[i]))
		}
	}
}

// thinned averages neighbouring points until they are few enough for a page.
func (s Series) thinned() Series {
	n := len(s.Y)
	if n <= mostPoints {
		return s
	}
	thin := Series{Name: s.Name, Run: s.Run, Dashed: s.Dashed}
	for i := range mostPoints {
		from, to := i*n/mostPoints, (i+1)*n/mostPoints
		var sumX, sumY float64
		for j := from; j < to; j++ {
			sumX, sumY = sumX+s.X[j], sumY+s.Y[j]
		}
		thin.X, thin.Y = append(thin.X, sumX/float64(to-from)), append(thin.Y, sumY/float64(to-from))
	}
	return thin
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// number writes at most four digits: 0.0034, 57.1, 12000.
func number(v float64) string {
	if math.Abs(v) >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
