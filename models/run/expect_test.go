package run

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

// What is read is what is written, in JSON, too; anything else is refused.
func TestExpectationText(t *testing.T) {
	for text, want := range map[string]Expectation{
		"knn@10>=45":           {"knn", 10, ">=", 45},
		" loss @ 3 < 6.5 ":     {"loss", 3, "<", 6.5},
		"uniformity@2<=-1.5":   {"uniformity", 2, "<=", -1.5},
		"grad_norm@100>1e-300": {"grad_norm", 100, ">", 1e-300},
	} {
		var list Expectations
		if err := list.Set(text); err != nil || !slices.Equal(list, Expectations{want}) {
			t.Fatalf("%q: %v, %v, want %v", text, list, err, want)
		}
		line, err := json.Marshal(list)
		var again Expectations
		if err := json.Unmarshal(line, &again); err != nil || !slices.Equal(again, list) {
			t.Errorf("%s: %v, %v, want %v", line, again, err, list)
		}
		if err != nil || again.Replace(append(list.GetSlice(), "rank@1>2")) != nil || len(again) != 2 || again.Set("") != nil || len(again) != 0 {
			t.Errorf("%q: %v is not replaced and emptied", text, again)
		}
	}
	for _, wrong := range []string{"knn", "loss@2.5<7", "knn@10", "knn>=45", "knn@10=45", "knn@>=45", "knn@-1>=45", "knn@10>=", "knn@10>=x", "knn@10>=1e999", "@1>1", "knn@1>1;knn@2>1"} {
		if err := new(Expectations).Set(wrong); err == nil || !strings.Contains(err.Error(), "knn@10>=45") {
			t.Errorf("%q: error %v, want one with an example", wrong, err)
		}
	}
}

// The newest row, or evaluation, is what an expectation is about; one without its figure does not meet it.
func TestExpectationMet(t *testing.T) {
	rows := []Row{{Loss: 9}, {Loss: 6, Spread: 0.5}}
	evaluations := []KNNRow{
		{Backbone: []Float{1, 2}},
		{Backbone: []Float{30, 45}, LabelFree: &LabelFree{Projection: &Geometry{Rank: 20, Alignment: 0.25, Uniformity: -2, Retrieval: 80}}},
	}
	for text, want := range map[string]bool{
		"knn@1>=45": true, "knn@1>45": false, "knn@1<=45": true, "knn@1<45": false,
		"loss@1<7": true, "loss@1>=7": false, "spread@1>0.4": true,
		"rank@1>=20": true, "alignment@1<0.2": false, "uniformity@1<=-2": true, "retrieval@1>80": false,
	} {
		var e Expectation
		if err := e.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, met := e.Met(rows, evaluations); met != want {
			t.Errorf("%s of %v: %t", text, got, met)
		}
		if got, met := e.Met(nil, nil); met || got.Finite() {
			t.Errorf("%s of nothing: %v, %t", text, got, met)
		}
		if got, _ := e.Met(rows, evaluations[:1]); e.Figure == "rank" && got.Finite() {
			t.Errorf("rank of an evaluation without it: %v", got)
		}
	}
}

// What can never be told of is refused at the start, by name.
func TestExpectationsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"nkn@4>1":         `run.expect is "nkn", want one of knn, rank, alignment, uniformity, retrieval, loss, top1, top5, positive, negative, spread, grad_norm; did you mean knn?`,
		"knn@0>1":         "epoch 0, want one from 1 to the run's 8",
		"knn@9>1":         "epoch 9, want one from 1 to the run's 8",
		"knn@3>1":         "evaluations are every knn.every (2) epochs",
		"rank@3>1":        "evaluations are every knn.every (2) epochs",
		"knn@4>=145":      "is knn@4>=145, want a percentage from 0 to 100",
		"top1@4>100":      "want a percentage",
		"retrieval@4<=-1": "want a percentage",
		"top5@4<0":        "want a percentage",
		"knn@4>=100":      "", "top5@4<=0": "", "rank@4>145": "",
		"loss@3<1": "", "knn@4>1": "", "knn@8>1": "",
	} {
		c := Glyphs()
		c.KNN.Every = 2
		if err := c.Run.Expect.Set(text); err != nil {
			t.Fatal(err)
		}
		err := c.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	c := Glyphs()
	c.KNN.Every, c.Run.Expect, c.Run.Keep.BestBy = 0, Expectations{{"rank", 1, ">", 1}}, "loss"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "nothing is evaluated") || !strings.Contains(err.Error(), `run.keep.best_by is "loss"`) {
		t.Errorf("without evaluations, best by loss: %v", err)
	}
}

// The best is that by kNN, by retrieval without classes, or by the figure that is named, of which less may be better; a
// score is a number whatever happens.
func TestScore(t *testing.T) {
	geometry := Geometry{Rank: 20, Alignment: 0.25, Uniformity: -2, Retrieval: 80}
	with := KNNRow{Backbone: []Float{30, 45}, LabelFree: &LabelFree{Projection: &geometry}}
	without := KNNRow{LabelFree: &LabelFree{Backbone: geometry}}
	for _, tt := range []struct {
		by   string
		row  KNNRow
		want float64
	}{
		{"", with, 45},
		{"", without, 80},
		{"knn", with, 45},
		{"knn", without, -math.MaxFloat64},
		{"rank", with, 20},
		{"alignment", with, -0.25},
		{"uniformity", without, 2},
		{"rank", KNNRow{}, -math.MaxFloat64},
		{"loss", with, -math.MaxFloat64},
	} {
		var r Run
		r.Keep.BestBy = tt.by
		if got := r.Score(tt.row); got != tt.want {
			t.Errorf("by %q: %g, want %g", tt.by, got, tt.want)
		}
	}
}
