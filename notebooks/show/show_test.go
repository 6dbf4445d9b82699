package show

import (
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/report"
)

func TestPictures(t *testing.T) {
	p, err := report.NewPicture(make([]uint8, 16), 4, 1, "a < b")
	if err != nil {
		t.Fatal(err)
	}
	got := pictures([][]report.Picture{{p, p}, {p}})
	if strings.Count(got, "data:image/png;base64,") != 3 || strings.Count(got, "<div") != 2 || strings.Contains(got, "a < b") {
		t.Errorf("%s, want two rows of three pictures, their text escaped", got)
	}
}

func TestCharts(t *testing.T) {
	got := charts([]report.Chart{{Title: "a & b", Series: []report.Series{{X: []float64{1, 2}, Y: []float64{3, 4}}}}, {}})
	if strings.Count(got, "<svg") != 2 || !strings.Contains(got, "a &amp; b") || !strings.Contains(got, `class="line"`) {
		t.Errorf("%s, want two charts", got)
	}
}

func TestTable(t *testing.T) {
	got := table([]string{"a", "b"}, [][]any{{"<x>", 1.25}, {3, "y"}})
	if want := "<table><tr><th>a</th><th>b</th></tr><tr><td>&lt;x&gt;</td><td>1.2</td></tr><tr><td>3</td><td>y</td></tr></table>"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
