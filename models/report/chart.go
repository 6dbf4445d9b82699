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
	// Low and High, where they are given, are the ends of an interval around each Y.
	Low, High []float64
}

// Colour is the line's.
func (s Series) Colour() string { return colours[s.Run%len(colours)] }

// Chart is lines over steps, or over what At names.
type Chart struct {
	Title string
	// Note says what the chart shows, and how its lines differ.
	Note   string
	Series []Series
	// At says in a mark's title what its X is: "step" where it is empty.
	At string
	// LogX has the X, which are above 0, at equal distances for equal ratios.
	LogX bool
}

// scale maps values to places on the page. ticks are the values at which numbers are written.
type scale struct {
	low, high float64
	ticks     []float64
	log       bool
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

// newLogScale covers the values, above 0, with ticks at powers of ten, and at twice and five times them where those are few.
func newLogScale(low, high float64) scale {
	s := scale{low: math.Log10(low), high: math.Log10(high), log: true}
	if !(s.low < s.high) {
		s.low, s.high = s.low-0.5, s.low+0.5
	}
	factors := []float64{1, 2, 5}
	if s.high-s.low > mostTicks/3 {
		factors = factors[:1]
	}
	for power := math.Floor(s.low); power <= s.high; power++ {
		for _, factor := range factors {
			if v := factor * math.Pow(10, power); math.Log10(v) >= s.low-1e-9 && math.Log10(v) <= s.high+1e-9 {
				s.ticks = append(s.ticks, v)
			}
		}
	}
	return s
}

// at is the place of a value between from and to.
func (s scale) at(v, from, to float64) float64 {
	if s.log {
		v = math.Log10(v)
	}
	return from + (v-s.low)/(s.high-s.low)*(to-from)
}

// SVG draws the chart. The marks' titles show the numbers when the mouse is over them.
func (c Chart) SVG() template.HTML {
	if c.At == "" {
		c.At = "step"
	}
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
		s.draw(&out, x, y, c.At)
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
				if s.Low != nil {
					lowY, highY = min(lowY, s.Low[i]), max(highY, s.High[i])
				}
			}
		}
	}
	if lowX > highX {
		return newScale(0, 1), newScale(0, 1)
	}
	air := (highY - lowY) / 20
	x, y = newScale(lowX, highX), newScale(lowY-air, highY+air)
	if c.LogX {
		x = newLogScale(lowX, highX)
	}
	return x, y
}

// draw writes a line, broken where it has gaps, and marks where there are few points.
func (s Series) draw(out *strings.Builder, x, y scale, at string) {
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
	fmt.Fprintf(out, `<path class="line" stroke="%s"%s d="%s"/>`, s.Colour(), dash, path.String())
	if len(s.Y) > mostMarks {
		return
	}
	for i, v := range s.Y {
		if !finite(v) {
			continue
		}
		place, interval := x.at(s.X[i], marginLeft, chartWidth-marginRight), ""
		if s.Low != nil {
			interval = fmt.Sprintf(" (%s to %s)", number(s.Low[i]), number(s.High[i]))
			fmt.Fprintf(out, `<line stroke="%s" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, s.Colour(), place, place,
				y.at(s.Low[i], chartHeight-marginBottom, marginTop), y.at(s.High[i], chartHeight-marginBottom, marginTop))
		}
		fmt.Fprintf(out, `<circle r="2.5" fill="%s" cx="%.1f" cy="%.1f"><title>%s %s%s at %s %s</title></circle>`, s.Colour(), place,
			y.at(v, chartHeight-marginBottom, marginTop), template.HTMLEscapeString(s.Name), number(v), interval, at, number(s.X[i]))
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
