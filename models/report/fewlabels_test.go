package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/judge"
)

// Accuracy against labels is a line for each subject and protocol, at equal distances for ten times the labels, with the
// interval of each mark.
func TestFewLabelsChart(t *testing.T) {
	at := func(subject string, n int, mean float64) judge.FewLabels {
		return judge.FewLabels{
			Subject: subject, Protocol: "finetune", PerClass: n, Mean: mean, Low: mean - 2, High: mean + 3, Draws: make([]judge.Draw, 3),
		}
	}
	c := fewLabelsChart([]judge.FewLabels{at("untrained", 1, 10), at("untrained", 10, 30), at("untrained", 100, 60), at("encoder", 1, 20), at("encoder", 10, 50), at("encoder", 100, 70)})
	if len(c.Series) != 2 || c.Series[0].Name != "untrained, finetune" || c.Series[0].Colour() == c.Series[1].Colour() || !slices.Equal(c.Series[1].Y, []float64{20, 50, 70}) {
		t.Fatalf("%+v, want a line for each subject", c)
	}
	svg := string(c.SVG())
	for _, want := range []string{
		"<title>encoder, finetune 50 (48 to 53) at labels a class: 10</title>",
		`cx="44.0"`, `cx="198.0"`, `cx="352.0"`, // the middle is in the middle
		`text-anchor="middle">1</text>`, `text-anchor="middle">10</text>`, `text-anchor="middle">100</text>`, `text-anchor="middle">50</text>`,
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in %s", want, svg)
		}
	}
	if strings.Count(svg, "<line stroke=") != 6 {
		t.Errorf("%d intervals, want 6", strings.Count(svg, "<line stroke="))
	}
	one := fewLabelsChart([]judge.FewLabels{at("encoder", 5, 10)})
	if svg := string(one.SVG()); !strings.Contains(svg, `cx="198.0"`) || strings.Contains(svg, "NaN") {
		t.Errorf("a single count: %s", svg)
	}
	if fewLabelsChart(nil) != nil {
		t.Error("a chart of nothing")
	}
}
