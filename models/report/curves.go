package report

import (
	"fmt"
	"slices"

	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
)

// history is a run's metrics.
type history struct {
	rows []run.Row
	knn  []run.KNNRow
}

// curve takes one value of each row.
func (h history) curve(number int, name string, dashed bool, value func(run.Row) run.Float) Series {
	s := Series{Name: name, Run: number, Dashed: dashed}
	for _, row := range h.rows {
		s.X, s.Y = append(s.X, float64(row.Step)), append(s.Y, float64(value(row)))
	}
	return s
}

// accuracies are the kNN accuracies of the last k, of the backbone and of the projection.
func (h history) accuracies(number int) []Series {
	backbone, projection := Series{Name: "backbone", Run: number}, Series{Name: "projection", Run: number, Dashed: true}
	for _, row := range h.knn {
		at := float64(row.Step)
		if n := len(row.Backbone); n > 0 {
			backbone.X, backbone.Y = append(backbone.X, at), append(backbone.Y, float64(row.Backbone[n-1]))
		}
		if n := len(row.Projection); n > 0 {
			projection.X, projection.Y = append(projection.X, at), append(projection.Y, float64(row.Projection[n-1]))
		}
	}
	return []Series{backbone, projection}
}

// labelFree is a figure without labels, of the backbone and of the projection.
func (h history) labelFree(number int, value func(run.Geometry) run.Float) []Series {
	backbone, projection := Series{Name: "backbone", Run: number}, Series{Name: "projection", Run: number, Dashed: true}
	for _, row := range h.knn {
		if row.LabelFree == nil {
			continue
		}
		at := float64(row.Step)
		backbone.X, backbone.Y = append(backbone.X, at), append(backbone.Y, float64(value(row.LabelFree.Backbone)))
		if p := row.LabelFree.Projection; p != nil {
			projection.X, projection.Y = append(projection.X, at), append(projection.Y, float64(value(*p)))
		}
	}
	return []Series{backbone, projection}
}

// labelFreeCharts draw what evaluations found without labels.
func labelFreeCharts(runs []history) (all []Chart) {
	for _, c := range []struct {
		title, note string
		value       func(run.Geometry) run.Float
	}{
		{"Effective rank", "directions that the features use", func(g run.Geometry) run.Float { return g.Rank }},
		{"Other view found, %", "images whose second view is nearest to their first", func(g run.Geometry) run.Float { return g.Retrieval }},
		{"Alignment", "mean squared distance of two views; 0: the same", func(g run.Geometry) run.Float { return g.Alignment }},
		{"Uniformity", "less is more even over the sphere; 0: all the same", func(g run.Geometry) run.Float { return g.Uniformity }},
	} {
		chart := Chart{Title: c.title, Note: c.note + "; dashed: of the projection"}
		for i, h := range runs {
			chart.Series = append(chart.Series, h.labelFree(i, c.value)...)
		}
		all = append(all, chart)
	}
	return all
}

// fewLabelsChart draws accuracy against labels, a line for each subject and protocol; nil where there is none.
func fewLabelsChart(all []judge.FewLabels) *Chart {
	if len(all) == 0 {
		return nil
	}
	c := &Chart{Title: "Accuracy against labels, %", At: "labels a class:", LogX: true}
	for _, f := range all {
		name := f.Subject + ", " + f.Protocol
		at := slices.IndexFunc(c.Series, func(s Series) bool { return s.Name == name })
		if at < 0 {
			at = len(c.Series)
			c.Series = append(c.Series, Series{Name: name, Run: at, Dashed: f.Subject != "encoder"})
		}
		s := &c.Series[at]
		s.X, s.Y = append(s.X, float64(f.PerClass)), append(s.Y, f.Mean)
		s.Low, s.High = append(s.Low, f.Low), append(s.High, f.High)
	}
	c.Note = fmt.Sprintf("top-1 on the test images by labelled images of each class; mean and 95 %% interval of %d draws", len(all[0].Draws))
	return c
}

// charts draw the runs over one another. A chart of which no run has anything is left out.
func charts(runs []history) []Chart {
	type value = func(run.Row) run.Float
	lines := func(title, note, name string, first value, secondName string, second value) Chart {
		c := Chart{Title: title, Note: note}
		for i, h := range runs {
			c.Series = append(c.Series, h.curve(i, name, false, first))
			if second != nil {
				c.Series = append(c.Series, h.curve(i, secondName, true, second))
			}
		}
		return c
	}
	accuracy := Chart{Title: "kNN top-1, %", Note: "on held-out images, at the largest k; dashed: of the projection"}
	for i, h := range runs {
		accuracy.Series = append(accuracy.Series, h.accuracies(i)...)
	}
	all := append(append([]Chart{accuracy}, labelFreeCharts(runs)...),
		lines("Loss", "dashed: its chance level, of an encoder that cannot tell images apart",
			"loss", func(r run.Row) run.Float { return r.Loss }, "chance", func(r run.Row) run.Float { return r.Chance }),
		lines("Contrast accuracy, %", "queries whose own key is the nearest of all; dashed: among the five nearest",
			"top-1", func(r run.Row) run.Float { return r.Top1 }, "top-5", func(r run.Row) run.Float { return r.Top5 }),
		lines("Similarity", "of a query to its key; dashed: to the keys of the queue",
			"positive", func(r run.Row) run.Float { return r.Positive }, "negative", func(r run.Row) run.Float { return r.Negative }),
		lines("Spread of the keys", "1: even over the sphere, 0: all the same (collapse)",
			"spread", func(r run.Row) run.Float { return r.Spread }, "", nil),
		lines("Learning rate", "", "rate", func(r run.Row) run.Float { return r.LR }, "", nil),
		lines("Gradient norm", "", "norm", func(r run.Row) run.Float { return r.GradNorm }, "", nil),
		lines("Throughput, images/s", "waiting included",
			"images/s", func(r run.Row) run.Float { return r.Time.ImagesPerSecond }, "", nil),
		lines("Waiting for data, %", "of the time", "waiting",
			func(r run.Row) run.Float { return 100 * r.Time.DataWait }, "", nil),
	)
	return slices.DeleteFunc(all, func(c Chart) bool {
		return !slices.ContainsFunc(c.Series, func(s Series) bool { return len(s.X) > 0 })
	})
}
