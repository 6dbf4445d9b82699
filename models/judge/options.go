package judge

import (
	"math"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Protocols and Baselines are what [Options] take, in the order of a report.
var (
	Protocols = []string{"knn", "linear-fast", LabelFree, "linear", "finetune"}
	Baselines = []string{"pixels", "untrained", "supervised"}
)

// LabelFree is the protocol that takes no labels, and no held-out images.
const LabelFree = "label-free"

// maxDraws bounds Options.Draws.
const maxDraws = 1000

// Options say how [Evaluate] judges. Start from [DefaultOptions]; the flags of `mocotpu eval` have the fields' names.
type Options struct {
	// Protocols are some of [Protocols], at least one:
	//
	//	knn          k nearest neighbours by cosine similarity, weighted by exp(s/T), over backbone and projections
	//	linear-fast  a linear classifier on features computed once; held-out training images choose the learning rate
	//	label-free   effective rank, alignment, uniformity, and retrieval of the other view; see run.LabelFree
	//	linear       the papers' protocol: crops and flips, frozen trunk, SGD at rate 30, 100 epochs
	//	finetune     the whole encoder on a share of the labels
	Protocols []string
	// Baselines are judged before the encoder, by the same protocols: some of [Baselines].
	//
	//	pixels      raw; they have no trunk, so that label-free, linear and finetune are left out
	//	untrained   the run's first weights, BatchNorm's statistics those of training images
	//	supervised  the run's recipe with labels, from the same first weights: takes as long as the run did
	Baselines []string
	// Ks are knn's numbers of neighbours, ascending. Those above the number of training images are left out, see
	// [KNNOptions.Clip].
	Ks []int
	// Temperature is T of knn, above 0.
	Temperature float64
	// Epochs and Batch of the classifiers, and LR of linear and of finetune's classifier (whose trunk has a tenth of it).
	// 0 is the protocol's own.
	Epochs, Batch int
	LR            float64
	// Labels are the shares of the labels that finetune trains on, in percent: above 0, at most 100.
	Labels []float64
	// PerClass are numbers of labelled images of each class, ascending. linear-fast then also learns from exactly so many, and
	// finetune does so instead of from Labels. The images are drawn Draws times, from Seed and the seeds after it. Empty does
	// neither. See [FewLabels].
	PerClass []int
	Draws    int
	// Seed of the classifiers: first weights, order, crops, choice of labels.
	Seed uint64
}

// DefaultOptions are knn, linear-fast and label-free beside pixels and the untrained encoder.
func DefaultOptions() Options {
	return Options{
		Protocols: slices.Clone(Protocols[:3]), Baselines: slices.Clone(Baselines[:2]),
		Ks: []int{1, 5, 20, 200}, Temperature: 0.1, Labels: []float64{1, 10, 100}, Draws: 3,
	}
}

// users are the protocols that use a flag, where not all of them do.
var users = []struct {
	flag      string
	protocols []string
}{
	{"knn-ks", []string{"knn"}},
	{"knn-temperature", []string{"knn"}},
	{"epochs", []string{"linear-fast", "linear", "finetune"}},
	{"batch", []string{"linear-fast", "linear", "finetune"}},
	{"lr", []string{"linear", "finetune"}},
	{"labels", []string{"finetune"}},
	{"seed", []string{"linear-fast", LabelFree, "linear", "finetune"}},
}

// Validate lists everything that is wrong with the options for an encoder, as a [settings.Error] whose fields are the
// command's flags. One that the user gave, as given tells by its name without dashes, is used by a protocol; a nil given
// is for options that no flags set.
func (o Options) Validate(w *encoder.Weights, given func(flag string) bool) error {
	var p settings.Check
	for _, name := range o.Protocols {
		p.OneOf("--protocols", name, Protocols...)
	}
	for _, name := range o.Baselines {
		p.OneOf("--baselines", name, Baselines...)
	}
	p.That(len(o.Protocols) > 0, "--protocols", "is empty, want some of %s", strings.Join(Protocols, ", "))
	p.That(w.Run != nil || !slices.Contains(o.Baselines, "supervised"),
		"--baselines", "has supervised, which takes the recipe of a run directory, and %s is a file", w.Path)
	ascending := slices.IsSorted(o.Ks) && len(slices.Compact(slices.Clone(o.Ks))) == len(o.Ks)
	p.That(len(o.Ks) > 0 && o.Ks[0] > 0 && ascending, "--knn-ks", "is %v, want ascending numbers from 1", o.Ks)
	p.That(o.Temperature > 0 && !math.IsInf(o.Temperature, 1), "--knn-temperature", "is %g, want a number above 0", o.Temperature)
	for _, share := range o.Labels {
		p.That(share > 0 && share <= 100, "--labels", "has %g, want percentages above 0, at most 100", share)
	}
	if n := o.PerClass; len(n) > 0 {
		p.That(n[0] > 0 && slices.IsSorted(n) && len(slices.Compact(slices.Clone(n))) == len(n), "--labels-per-class", "is %v, want ascending numbers from 1", n)
		p.That(o.Draws >= 2 && o.Draws <= maxDraws, "--draws", "is %d, want 2 to %d: an interval takes two", o.Draws, maxDraws)
		p.That(slices.Contains(o.Protocols, "linear-fast") || slices.Contains(o.Protocols, "finetune"),
			"--labels-per-class", "is for linear-fast and finetune, and --protocols has neither")
	}
	if given != nil {
		o.checkUse(&p, given)
	}
	p.That(o.Epochs >= 0, "--epochs", "is %d, want 0 (the protocol's own) or more", o.Epochs)
	p.That(o.Batch >= 0, "--batch", "is %d, want 0 (the protocol's own) or more", o.Batch)
	if bytes := w.BatchBytes(o.Batch); bytes > limits.Memory() {
		p.That(false, "--batch", "is %d: so many images of %d pixels a side take at least %s, and this process may use %s",
			o.Batch, w.Manifest.Input.ImageSize, limits.Text(bytes), limits.Text(limits.Memory()))
	}
	p.That(o.LR >= 0 && !math.IsInf(o.LR, 1), "--lr", "is %g, want 0 (the protocol's own) or a number above", o.LR)
	return p.Err()
}

// checkUse refuses flags that do nothing.
func (o Options) checkUse(p *settings.Check, given func(flag string) bool) {
	for _, u := range users {
		used := slices.ContainsFunc(u.protocols, func(name string) bool { return slices.Contains(o.Protocols, name) })
		p.That(used || !given(u.flag), "--"+u.flag, "is for %s, and --protocols is %s: leave it out, or add such a protocol",
			strings.Join(u.protocols, ", "), strings.Join(o.Protocols, ","))
	}
	few := len(o.PerClass) > 0
	p.That(few || !given("draws"), "--draws", "is for --labels-per-class, which is not given: leave it out, or add that")
	p.That(!few || !given("labels"), "--labels", "is not used beside --labels-per-class: leave one of them out")
}

// Progress is told how far an evaluation is, from the goroutine that called [Evaluate].
type Progress interface {
	// Note is a sentence for the user: what was left out or changed, and why.
	Note(text string)
	// Stage names what begins. The function that it returns is called with the parts done, of all, where they are counted.
	Stage(what string) encoder.Progress
}

// silent is the Progress of those who want none.
type silent struct{}

func (silent) Note(string)                   {}
func (silent) Stage(string) encoder.Progress { return nil }
