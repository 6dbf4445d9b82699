package run

import "math"

// figure is a number that evaluations, or the steps between them, give of a run; it has the name of its field in
// metrics.jsonl.
type figure struct {
	name string
	less bool // is better
	// percent is whether the figure is one of 100.
	percent bool
	// One of the two: of an evaluation, or of a row of steps.
	evaluation func(KNNRow) Float
	row        func(Row) Float
}

// figures in the order in which messages list them. Those without labels are [LabelFree.Headline]'s.
var figures = []figure{
	{name: "knn", percent: true, evaluation: func(r KNNRow) Float { return Float(r.Headline()) }},
	{name: "rank", evaluation: headline(func(g Geometry) Float { return g.Rank })},
	{name: "alignment", less: true, evaluation: headline(func(g Geometry) Float { return g.Alignment })},
	{name: "uniformity", less: true, evaluation: headline(func(g Geometry) Float { return g.Uniformity })},
	{name: "retrieval", percent: true, evaluation: headline(func(g Geometry) Float { return g.Retrieval })},
	{name: "loss", row: func(r Row) Float { return r.Loss }},
	{name: "top1", percent: true, row: func(r Row) Float { return r.Top1 }},
	{name: "top5", percent: true, row: func(r Row) Float { return r.Top5 }},
	{name: "positive", row: func(r Row) Float { return r.Positive }},
	{name: "negative", row: func(r Row) Float { return r.Negative }},
	{name: "spread", row: func(r Row) Float { return r.Spread }},
	{name: "grad_norm", row: func(r Row) Float { return r.GradNorm }},
}

func headline(value func(Geometry) Float) func(KNNRow) Float {
	return func(r KNNRow) Float {
		if r.LabelFree == nil {
			return Float(math.NaN())
		}
		return value(r.LabelFree.Headline())
	}
}

// figureOf is the figure of that name; nil for one that there is not.
func figureOf(name string) *figure {
	for i := range figures {
		if figures[i].name == name {
			return &figures[i]
		}
	}
	return nil
}

// Figures are the names that an [Expectation] takes.
var Figures = figureNames(func(figure) bool { return true })

// BestFigures are the names that the best checkpoint can be chosen by.
func BestFigures() []string {
	return figureNames(func(f figure) bool { return f.evaluation != nil })
}

func figureNames(wanted func(figure) bool) (names []string) {
	for _, f := range figures {
		if wanted(f) {
			names = append(names, f.name)
		}
	}
	return names
}

// labelFreeBest is the figure by which the best checkpoint is chosen where nearest neighbours are not looked at.
const labelFreeBest = "retrieval"

// Score says how good an evaluation is, more being better: by the figure that Keep names, or else by nearest neighbours, or,
// where the images have no classes, by the retrieval of an image's other view. It is a number also where there is none.
func (r Run) Score(row KNNRow) float64 {
	name := r.Keep.BestBy
	if name == "" {
		name = "knn"
		if len(row.Backbone) == 0 {
			name = labelFreeBest
		}
	}
	f := figureOf(name)
	if f == nil || f.evaluation == nil {
		return -math.MaxFloat64
	}
	score := f.evaluation(row)
	if f.less {
		score = -score
	}
	if !score.Finite() {
		return -math.MaxFloat64
	}
	return float64(score)
}
