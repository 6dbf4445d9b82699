package report

import (
	"github.com/mocotpu/mocotpu/models/pretrain"
)

// history is a run's metrics.
type history struct {
	rows []pretrain.Row
	knn  []pretrain.KNNRow
}

// curve takes one value of each row.
func (h history) curve(run int, name string, dashed bool, value func(pretrain.Row) pretrain.Float) series {
	s := series{name: name, run: run, dashed: dashed}
	for _, row := range h.rows {
		s.x, s.y = append(s.x, float64(row.Step)), append(s.y, float64(value(row)))
	}
	return s
}

// accuracies are the kNN accuracies of the last k, of the backbone and of the projection.
func (h history) accuracies(run int) []series {
	backbone, projection := series{name: "backbone", run: run}, series{name: "projection", run: run, dashed: true}
	for _, row := range h.knn {
		at := float64(row.Step)
		if n := len(row.Backbone); n > 0 {
			backbone.x, backbone.y = append(backbone.x, at), append(backbone.y, float64(row.Backbone[n-1]))
		}
		if n := len(row.Projection); n > 0 {
			projection.x, projection.y = append(projection.x, at), append(projection.y, float64(row.Projection[n-1]))
		}
	}
	return []series{backbone, projection}
}

// charts draw the runs over one another.
func charts(runs []history) []chart {
	type value = func(pretrain.Row) pretrain.Float
	lines := func(title, note, name string, first value, secondName string, second value) chart {
		c := chart{Title: title, Note: note}
		for i, h := range runs {
			c.series = append(c.series, h.curve(i, name, false, first))
			if second != nil {
				c.series = append(c.series, h.curve(i, secondName, true, second))
			}
		}
		return c
	}
	accuracy := chart{Title: "kNN top-1, %", Note: "on held-out images, at the largest k; dashed: of the projection"}
	for i, h := range runs {
		accuracy.series = append(accuracy.series, h.accuracies(i)...)
	}
	return []chart{
		accuracy,
		lines("Loss", "dashed: its chance level, of an encoder that cannot tell images apart",
			"loss", func(r pretrain.Row) pretrain.Float { return r.Loss }, "chance", func(r pretrain.Row) pretrain.Float { return r.Chance }),
		lines("Contrast accuracy, %", "queries whose own key is the nearest of all; dashed: among the five nearest",
			"top-1", func(r pretrain.Row) pretrain.Float { return r.Top1 }, "top-5", func(r pretrain.Row) pretrain.Float { return r.Top5 }),
		lines("Similarity", "of a query to its key; dashed: to the keys of the queue",
			"positive", func(r pretrain.Row) pretrain.Float { return r.Positive }, "negative", func(r pretrain.Row) pretrain.Float { return r.Negative }),
		lines("Spread of the keys", "1: even over the sphere, 0: all the same (collapse)",
			"spread", func(r pretrain.Row) pretrain.Float { return r.Spread }, "", nil),
		lines("Learning rate", "", "rate", func(r pretrain.Row) pretrain.Float { return r.LR }, "", nil),
		lines("Gradient norm", "", "norm", func(r pretrain.Row) pretrain.Float { return r.GradNorm }, "", nil),
		lines("Throughput, images/s", "waiting included",
			"images/s", func(r pretrain.Row) pretrain.Float { return r.Time.ImagesPerSecond }, "", nil),
		lines("Waiting for data, %", "of the time", "waiting",
			func(r pretrain.Row) pretrain.Float { return 100 * r.Time.DataWait }, "", nil),
	}
}
