package train

import (
	"math"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
)

// healthyRow is a row of the middle of a good run with 4096 keys.
func healthyRow(epoch int) run.Row {
	return run.Row{
		Epoch: epoch, Step: 10*epoch + 5, Loss: 5, Chance: run.Float(run.Chance(4096, false)), Top1: 20, Top5: 40,
		Positive: 0.7, Negative: 0.05, Spread: 0.9, QueueFill: 1, GradNorm: 1,
	}
}

func knnRow(epoch int, accuracy float64) run.KNNRow {
	return run.KNNRow{Epoch: epoch, K: []int{1, 200}, Backbone: []run.Float{99, run.Float(accuracy)}}
}

// diagnose runs epochs of two rows each, made by row, and evaluates before the
// first and after each with the accuracies of knn. It returns the sentences
// and, for each, the number of epochs done.
func diagnose(epochs int, row func(r *run.Row), knn func(epoch int) float64) (found []string, when []int) {
	var d diagnoser
	add := func(epoch int, texts []string) {
		for _, text := range texts {
			found, when = append(found, text), append(when, epoch)
		}
	}
	add(0, d.knn(knnRow(0, knn(0))))
	for epoch := range epochs {
		for range 2 {
			r := healthyRow(epoch)
			row(&r)
			add(epoch, d.row(r))
		}
		add(epoch+1, d.knn(knnRow(epoch+1, knn(epoch+1))))
	}
	return found, when
}

// TestDiagnosis breaks a run in one way; it is named once, in time, and nothing
// else is said.
func TestDiagnosis(t *testing.T) {
	rising := func(epoch int) float64 { return 10 + 3*float64(epoch) }
	chance := run.Float(run.Chance(4096, false))
	tests := []struct {
		name string
		row  func(*run.Row)
		knn  func(int) float64
		want string // the only sentence has this; "" for silence
		when int    // epochs done
	}{
		{"healthy", func(*run.Row) {}, rising, "", 0},
		{"at chance", func(r *run.Row) { r.Loss = chance }, rising, "loss at chance for 3 epochs: 8.318, and guessing gives 8.318", 3},
		{"1 % above chance", func(r *run.Row) { r.Loss = chance * 1.009 }, rising, "loss at chance for 3 epochs", 3},
		{"2 % off chance", func(r *run.Row) { r.Loss = chance * 0.98 }, rising, "", 0},
		{"at chance every other epoch", func(r *run.Row) {
			if r.Epoch%2 == 0 {
				r.Loss = chance
			}
		}, rising, "", 0},
		{"at chance for two epochs", func(r *run.Row) {
			if r.Epoch < 2 {
				r.Loss = chance
			}
		}, rising, "", 0},
		{"spread gone", func(r *run.Row) { r.Spread = 0.04 }, rising, "keys have collapsed: similarity 0.05 between different images, spread 0.04", 3},
		{"negatives alike", func(r *run.Row) { r.Negative = 0.96 }, rising, "keys have collapsed", 3},
		{"narrow in the first epoch", func(r *run.Row) {
			if r.Epoch < 1 {
				r.Negative, r.Spread = 0.99, 0.01
			}
		}, rising, "", 0},
		{
			"leak, kNN below untrained", func(r *run.Row) { r.Top1 = 99 }, func(epoch int) float64 { return 10 - 0.2*float64(epoch) },
			"contrast top-1 near 100 % (99.0) while kNN falls (9.6 %, from 10.0 %): BatchNorm leaks", 2,
		},
		{
			"leak, kNN falls late", func(r *run.Row) { r.Top1 = 99 }, func(epoch int) float64 { return 40 - 10*math.Abs(float64(epoch)-4) },
			"BatchNorm leaks", 6,
		},
		{"easy contrast, kNN rises", func(r *run.Row) { r.Top1 = 99 }, rising, "", 0},
		{"easy contrast, kNN level with noise", func(r *run.Row) { r.Top1 = 99 }, func(epoch int) float64 {
			return min(10+10*float64(epoch), 50-0.3*float64(epoch%3))
		}, "", 0},
		{"kNN falls, contrast hard", func(*run.Row) {}, func(epoch int) float64 { return 40 - 10*math.Abs(float64(epoch)-4) }, "", 0},
		{"kNN stuck", func(*run.Row) {}, func(epoch int) float64 { return 10 + 0.4*float64(epoch%3) }, "kNN has not moved in 5 epochs: 10.8 %, before training 10.0 %", 5},
		{"kNN worse", func(*run.Row) {}, func(epoch int) float64 { return 10 - float64(epoch) }, "kNN has not moved in 5 epochs", 5},
		{"kNN level after it rose", func(*run.Row) {}, func(epoch int) float64 { return min(10+10*float64(epoch), 60) }, "", 0},
		{"kNN starts high", func(*run.Row) {}, func(epoch int) float64 { return 97 + 0.1*float64(epoch) }, "", 0},
		{"gradient NaN", func(r *run.Row) { r.GradNorm = run.Float(math.NaN()) }, rising, "gradient norm is not finite at step 5", 0},
		{"gradient infinite", func(r *run.Row) { r.GradNorm = run.Float(math.Inf(1)) }, rising, "gradient norm is not finite", 0},
		{"loss NaN", func(r *run.Row) { r.Loss = run.Float(math.NaN()) }, rising, "loss is not finite at step 5", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, when := diagnose(12, tt.row, tt.knn)
			if tt.want == "" {
				if len(found) > 0 {
					t.Fatalf("said %q after %v epochs, want silence", found, when)
				}
				return
			}
			if len(found) != 1 || !strings.Contains(found[0], tt.want) {
				t.Fatalf("said %q, want once %q", found, tt.want)
			}
			if when[0] != tt.when {
				t.Errorf("said after %d epochs, want %d", when[0], tt.when)
			}
		})
	}
}

// TestDiagnosisPublishedRun: the loss and kNN that the CIFAR notebook prints
// (loss at epochs 1, 3 and 10, kNN at 1, 2 and 10; straight lines between), in
// which the loss first rises, and a contrast that starts at 100 %, are healthy.
func TestDiagnosisPublishedRun(t *testing.T) {
	losses := []float64{6.957, 7.1, 7.290, 7.2, 7.0, 6.8, 6.6, 6.4, 6.2, 5.991}
	knn := []float64{28, 31.98, 33.52, 35, 37, 39, 41, 43, 45, 46.5, 48.03}
	found, _ := diagnose(10, func(r *run.Row) {
		r.Loss = run.Float(losses[r.Epoch])
		if r.Epoch == 0 {
			r.Top1, r.Negative, r.Spread, r.QueueFill = 100, 0.97, 0.15, 0.5
		}
	}, func(epoch int) float64 { return knn[epoch] })
	if len(found) > 0 {
		t.Errorf("said %q, want silence", found)
	}
}

// TestDiagnosisWithoutKNN: epochs end by themselves where nothing is evaluated.
func TestDiagnosisWithoutKNN(t *testing.T) {
	var d diagnoser
	var found []string
	for epoch := range 4 {
		for range 3 {
			r := healthyRow(epoch)
			r.Loss = r.Chance
			found = append(found, d.row(r)...)
		}
	}
	if len(found) != 1 || !strings.Contains(found[0], "loss at chance for 3 epochs") {
		t.Errorf("said %q, want the loss at chance, once", found)
	}
}

// TestDiagnosisMidway: without an evaluation of the untrained encoder there is
// nothing to compare with, and a plateau is no fault.
func TestDiagnosisMidway(t *testing.T) {
	var d diagnoser
	for epoch := 50; epoch < 70; epoch++ {
		r := healthyRow(epoch)
		r.Top1 = 99
		found := append(d.row(r), d.knn(knnRow(epoch+1, 60))...)
		if len(found) > 0 {
			t.Fatalf("epoch %d: said %q, want silence", epoch, found)
		}
	}
	if found := d.knn(run.KNNRow{Epoch: 71}); len(found) > 0 {
		t.Errorf("an evaluation without figures: said %q", found)
	}
}

// Without classes a run is judged by the other views found and the rank: each is named once, in time, and a healthy run not.
func TestDiagnosisWithoutLabels(t *testing.T) {
	for _, tt := range []struct {
		name            string
		retrieval, rank func(epoch int) float64
		labelled        bool
		want            string
		when            int // epochs done
	}{
		{"healthy", func(e int) float64 { return 2 + 10*float64(e) }, func(e int) float64 { return 70 - 5*float64(e) }, false, "", 0},
		{"stuck", func(e int) float64 { return 2 + 0.3*float64(e%3) }, func(int) float64 { return 40 }, false, "no better than 5 epochs ago: 2.6 %, before training 2.0 %", 5},
		{"stuck, near all found", func(int) float64 { return 99.5 }, func(int) float64 { return 40 }, false, "no better than 5 epochs ago", 5},
		{"stuck by that alone, where kNN rises", func(int) float64 { return 2 }, func(int) float64 { return 40 }, true, "", 0},
		{"collapsed", func(e int) float64 { return 2 + 10*float64(e) }, func(e int) float64 { return 1.9 }, true, "collapsed: effective rank 1.9 over 500 images", 2},
		{"narrow now and then", func(e int) float64 { return 2 + 10*float64(e) }, func(e int) float64 { return 1.5 + float64(e%2) }, false, "", 0},
	} {
		var d diagnoser
		var found []string
		at := 0
		for epoch := range 9 {
			r := run.KNNRow{Step: 10 * epoch, Epoch: epoch}
			if tt.labelled {
				r = knnRow(epoch, 10+3*float64(epoch))
				r.Step = 10 * epoch
			}
			r.LabelFree = &run.LabelFree{Images: 500, Projection: &run.Geometry{
				Rank: run.Float(tt.rank(epoch)), Retrieval: run.Float(tt.retrieval(epoch)),
			}}
			if said := d.knn(r); len(said) > 0 {
				found, at = append(found, said...), epoch
			}
		}
		if tt.want == "" && len(found) > 0 || tt.want != "" && (len(found) != 1 || !strings.Contains(found[0], tt.want) || at != tt.when) {
			t.Errorf("%s: after epoch %d %q, want %q after %d", tt.name, at, found, tt.want, tt.when)
		}
	}
}
