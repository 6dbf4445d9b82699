package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/models/run"
)

// When a run has gone wrong. Each limit leaves room for what healthy runs do:
// the loss of MoCo starts low, because the queue starts random and no key of it
// looks like an image, rises for some epochs as the queue fills, and then falls;
// contrast top-1 starts near 100 % for the same reason.
const (
	// chanceShare is how near to chance, as a share of it, a loss is at chance.
	// The notebook's CIFAR run comes within 12 % at its worst.
	chanceShare = 0.01
	// chanceEpochs in a row, since a slow start touches chance while the first
	// keys fill the queue.
	chanceEpochs = 3

	// collapsedSpread: the embeddings cover a twentieth of what the sphere
	// offers. Trained encoders are above one half.
	collapsedSpread = 0.05
	// collapsedNegative: keys of different images are nearly parallel. Untrained
	// encoders begin so, trained ones are near 0.
	collapsedNegative = 0.95
	// collapsedEpochs in a row, not counting the first epoch, in which an
	// untrained encoder's embeddings still lie close together.
	collapsedEpochs = 2

	// leakTop1 in percent: nearly every query finds its key. It is no fault by
	// itself, as weak views give it, too: kNN must get worse with it.
	leakTop1 = 95
	// leakEvaluations after the first that kNN must show it.
	leakEvaluations = 2

	// knnNoise in points of accuracy: less is chance. The standard error of 50 %
	// over 2000 images is 1.1 points, but evaluations share their images.
	knnNoise = 1
	// stuckEpochs from the start without a better kNN.
	stuckEpochs = 5

	// collapsedRank: the projections use hardly more than one direction, in which those of any encoder lie that tells
	// nothing apart. Untrained and trained encoders use dozens.
	collapsedRank = 2
	// collapsedEvaluations in a row, not counting that before training.
	collapsedEvaluations = 2
)

// diagnoser watches the rows of a run and says in plain sentences what has gone
// wrong, each sentence once. The zero value is ready; a resumed run feeds it the
// earlier rows first. It is a pure function of the rows in their order.
type diagnoser struct {
	epoch              epochMeans
	chances, collapses int     // epochs in a row
	top1               float64 // of the last whole epoch
	judged             []run.KNNRow
	unlabelled         labelFreeHistory
	said               map[string]bool
}

// labelFreeHistory is what evaluations without labels found so far.
type labelFreeHistory struct {
	before *run.LabelFree // nil where the first evaluation was not before training
	best   run.Float      // retrieval since then
	narrow int            // evaluations in a row of collapsed rank
}

// epochMeans gathers the rows of an epoch in progress.
type epochMeans struct {
	number, rows                         int
	loss, chance, top1, spread, negative float64
}

// row takes the next row of metrics.
func (d *diagnoser) row(r run.Row) []string {
	var found []string
	if d.epoch.rows > 0 && r.Epoch != d.epoch.number {
		found = d.endEpoch()
	}
	switch {
	case !r.GradNorm.Finite():
		found = append(found, d.say("gradient", "gradient norm is not finite at step %d: "+
			"lower --lr, raise --temperature, or use --precision=float32", r.Step)...)
	case !r.Loss.Finite():
		found = append(found, d.say("loss", "loss is not finite at step %d: "+
			"lower --lr, raise --temperature, or use --precision=float32", r.Step)...)
	}
	e := &d.epoch
	e.number = r.Epoch
	e.rows++
	e.loss += float64(r.Loss)
	e.chance += float64(r.Chance)
	e.top1 += float64(r.Top1)
	e.spread += float64(r.Spread)
	e.negative += float64(r.Negative)
	return found
}

// knn takes the next evaluation, which ends the epoch of the rows before it.
func (d *diagnoser) knn(r run.KNNRow) []string {
	found := append(d.endEpoch(), d.labelFree(r)...)
	if math.IsNaN(r.Headline()) {
		return found
	}
	if len(d.judged) > 0 && slices.Max(d.judged[0].K) != slices.Max(r.K) {
		d.judged = nil // another headline than before cannot be compared with it
	}
	d.judged = append(d.judged, r)
	first := d.judged[0]
	if d.top1 > leakTop1 && (d.knnFalls() || first.Epoch == 0 && len(d.judged) > leakEvaluations && !d.knnRose()) {
		found = append(found, d.say("leak", "contrast top-1 near 100 %% (%.1f) while kNN falls (%.1f %%, from %.1f %%): "+
			"BatchNorm leaks the positive, see --shuffle; if that is on, the views are too alike",
			d.top1, r.Headline(), first.Headline())...)
	}
	// A leak that has been named explains a kNN that does not move.
	if first.Epoch == 0 && r.Epoch >= stuckEpochs && !d.knnRose() && !d.said["leak"] {
		found = append(found, d.say("stuck", "kNN has not moved in %d epochs: %.1f %%, before training %.1f %%: "+
			"raise --lr, or choose views that keep what tells the classes apart",
			r.Epoch, r.Headline(), first.Headline())...)
	}
	return found
}

// labelFree judges what an evaluation found without labels. Where there is kNN, that says better what is learned.
func (d *diagnoser) labelFree(r run.KNNRow) (found []string) {
	u, f := &d.unlabelled, r.LabelFree
	switch {
	case f == nil:
		return nil
	case r.Step == 0:
		u.before = f
		return nil
	}
	b := f.Headline()
	u.best = max(u.best, b.Retrieval)
	u.narrow = inARow(u.narrow, b.Rank < collapsedRank)
	if u.narrow == collapsedEvaluations {
		found = append(found, d.say("rank", "the projections have collapsed: effective rank %.1f over %d images: "+
			"try a lower --lr, a --key-momentum nearer 1, or a higher --temperature", b.Rank, f.Images)...)
	}
	if len(r.Backbone) > 0 || u.before == nil || r.Epoch < stuckEpochs {
		return found
	}
	first := u.before.Headline().Retrieval
	if u.best-first < min(knnNoise, (100-first)/10) {
		found = append(found, d.say("stuck", "the other view of an image is found no better than %d epochs ago: %.1f %%, before training %.1f %%: "+
			"raise --lr, or choose views that differ more", r.Epoch, b.Retrieval, first)...)
	}
	return found
}

// endEpoch judges the epoch gathered so far, if there is one.
func (d *diagnoser) endEpoch() []string {
	e := d.epoch
	if e.rows == 0 {
		return nil
	}
	d.epoch = epochMeans{}
	n := float64(e.rows)
	loss, chance, spread, negative := e.loss/n, e.chance/n, e.spread/n, e.negative/n
	d.top1 = e.top1 / n

	var found []string
	d.chances = inARow(d.chances, math.Abs(loss-chance) <= chanceShare*chance)
	if d.chances == chanceEpochs {
		found = append(found, d.say("chance", "loss at chance for %d epochs: %.3f, and guessing gives %.3f: "+
			"no query finds its key; try a lower --lr, a --warmup, or weaker views", chanceEpochs, loss, chance)...)
	}
	d.collapses = inARow(d.collapses, e.number > 0 && (spread < collapsedSpread || negative > collapsedNegative))
	if d.collapses == collapsedEpochs {
		found = append(found, d.say("collapse", "keys have collapsed: similarity %.2f between different images, spread %.2f of 1: "+
			"try a lower --lr, a --key-momentum nearer 1, or a higher --temperature", negative, spread)...)
	}
	return found
}

// knnFalls tells whether each of the last two evaluations was below the one
// before, by more than noise together.
func (d *diagnoser) knnFalls() bool {
	n := len(d.judged)
	if n < 3 {
		return false
	}
	a, b, c := d.judged[n-3].Headline(), d.judged[n-2].Headline(), d.judged[n-1].Headline()
	return a > b && b > c && a-c > knnNoise
}

// knnRose tells whether any evaluation was better than the first. Near 100 %
// there is less room: a tenth of the errors gone is a rise, too.
func (d *diagnoser) knnRose() bool {
	first := d.judged[0].Headline()
	rise := min(knnNoise, (100-first)/10)
	for _, k := range d.judged[1:] {
		if k.Headline()-first >= rise {
			return true
		}
	}
	return false
}

// inARow counts on, or starts again.
func inARow(count int, again bool) int {
	if again {
		return count + 1
	}
	return 0
}

// say returns the sentence, the first time it is called for a topic.
func (d *diagnoser) say(topic, format string, args ...any) []string {
	if d.said[topic] {
		return nil
	}
	if d.said == nil {
		d.said = make(map[string]bool)
	}
	d.said[topic] = true
	return []string{fmt.Sprintf(format, args...)}
}
