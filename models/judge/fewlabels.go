package judge

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// FewLabels is one subject, judged by a classifier that saw as many labels of each class, over several draws of them.
type FewLabels struct {
	// Subject and Protocol, linear-fast or finetune, are as those of a [Row].
	Subject  string `json:"subject"`
	Protocol string `json:"protocol"`
	// PerClass is the number of labelled images of each class, Images that of all.
	PerClass int    `json:"per_class"`
	Images   int    `json:"images"`
	Draws    []Draw `json:"draws"`
	// Mean is the mean accuracy of the draws in percent, Low and High its 95 % interval (Student's t): how far chance in the
	// choice of the labels and the classifier's first weights reaches. The test images are the same in all draws.
	Mean    float64 `json:"mean"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	LR      float64 `json:"lr"`
	Seconds float64 `json:"seconds"`
}

// Draw is the outcome of one choice of labels.
type Draw struct {
	Seed uint64  `json:"seed"`
	Top1 float64 `json:"top1"` // percent
}

// Name is the protocol with its settings, as the table has it.
func (f FewLabels) Name() string {
	return fmt.Sprintf("%s, lr %g, %d a class (%d)", f.Protocol, f.LR, f.PerClass, f.Images)
}

// summarise fills in what the draws tell, at least two of them.
func (f *FewLabels) summarise() {
	var all []float64
	for _, d := range f.Draws {
		all = append(all, d.Top1)
	}
	n := float64(len(all))
	mean, deviation := stat.MeanStdDev(all, nil)
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975) * stat.StdErr(deviation, n)
	f.Mean, f.Low, f.High = mean, max(0, mean-half), min(100, mean+half)
}

// perClass chooses n of the labelled rows of each class. It returns ascending indices, a pure function of labels, n and
// seed. The rows of a smaller n are among those of a larger. A class that has fewer is an [settings.ErrInvalid].
func perClass(labels []int32, classes []string, n int, seed uint64) ([]int, error) {
	taken := make([]int, len(classes))
	var chosen []int
	for _, row := range data.Order(seed, -1, len(labels)) {
		if label := labels[row]; label >= 0 && taken[label] < n {
			taken[label]++
			chosen = append(chosen, row)
		}
	}
	for class, got := range taken {
		if got < n {
			return nil, fmt.Errorf("judge: %w: --labels-per-class has %d, and class %q has %d training images: want at most as many",
				settings.ErrInvalid, n, classes[class], got)
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}

// checkPerClass refuses counts that a class does not have, before anything is computed.
func (e *evaluation) checkPerClass() error {
	if len(e.options.PerClass) == 0 {
		return nil
	}
	info := e.train.Info()
	_, err := perClass(info.Labels, info.Classes, slices.Max(e.options.PerClass), e.options.Seed)
	return err
}

// fewLabels judges by a classifier of few labels: for each count, over all draws, what train finds for the rows given.
func (e *evaluation) fewLabels(s subject, protocol string, lr float64, train func(among []int, seed uint64, progress encoder.Progress) (*Tally, error)) error {
	info := e.train.Info()
	for _, n := range e.options.PerClass {
		start := time.Now()
		f := FewLabels{Subject: s.name, Protocol: protocol, PerClass: n, Images: n * len(info.Classes), LR: lr}
		for d := range e.options.Draws {
			seed := e.options.Seed + uint64(d)
			among, err := perClass(info.Labels, info.Classes, n, seed)
			if err != nil {
				return err
			}
			tally, err := train(among, seed, e.progress.Stage(fmt.Sprintf("%s: %s on %d labels a class, draw %d of %d", s.name, protocol, n, d+1, e.options.Draws)))
			if err != nil {
				return err
			}
			f.Draws = append(f.Draws, Draw{seed, tally.Top1()})
		}
		f.summarise()
		f.Seconds = time.Since(start).Seconds()
		e.report.FewLabels = append(e.report.FewLabels, f)
	}
	return nil
}

// fewLR is the rate of a linear classifier of few labels, which leave none to choose it by. On drawn characters accuracy is
// level from 0.03 to 0.3 with 1, 10 and 100 labels of each class.
const fewLR = 0.1

// fewLinear is linear-fast with few labels, at one rate. Features are standardised by all training images, which takes no
// labels.
func (e *evaluation) fewLinear(s subject, train, test encoder.Embedding) error {
	o := FastProbe()
	override(&o.Epochs, e.options.Epochs)
	override(&o.Batch, e.options.Batch)
	known, asked := standardized(train.Trunk, test.Trunk)
	all, held := Labelled{known, train.Labels}, Labelled{asked, test.Labels}
	classes := len(e.report.Classes)
	if err := errors.Join(all.check("training", classes), held.check("test", classes)); err != nil {
		return err
	}
	return e.fewLabels(s, "linear-fast", fewLR, func(among []int, seed uint64, progress encoder.Progress) (*Tally, error) {
		o.Seed = seed
		p, err := newProbe(e.mesh, all.Dim, classes, o, []float64{fewLR})
		if err != nil {
			return nil, err
		}
		defer p.close()
		losses, err := p.train(e.ctx, all, among, func(epoch int) {
			if progress != nil {
				progress(epoch, o.Epochs)
			}
		})
		if err != nil {
			return nil, err
		}
		if err := diverged(losses[o.Epochs-1][0], fewLR); err != nil {
			return nil, err
		}
		tallies, err := p.judge(held, sequence(held.Len()))
		if err != nil {
			return nil, err
		}
		return tallies[0], nil
	})
}

// fewFinetune is finetune with few labels.
func (e *evaluation) fewFinetune(s subject, o recipe) error {
	net, err := networkOf(s.weights)
	if err != nil {
		return err
	}
	return e.fewLabels(s, "finetune", o.LR, func(among []int, seed uint64, progress encoder.Progress) (*Tally, error) {
		o.Seed = seed
		r, err := trainClassifier(e.ctx, e.mesh, net, e.train, e.test, among, o, progress)
		return r.Tally, err
	})
}
