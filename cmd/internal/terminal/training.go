package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
)

// Training shows a run: a line an epoch or JSON on out; on talk a progress bar where a person watches, elsewhere a line
// at least every half minute. It is a train.Reporter.
type Training struct {
	out, talk io.Writer
	json      bool
	unsaved   *atomic.Bool
	pulse     *pulse // nil where a person watches talk
	bar       *bar   // nil where nobody does
	began     time.Time
	batch     int    // images a step
	before    string // what the encoder is called before its first step

	mu          sync.Mutex
	last        run.Row
	done, total int       // steps
	first       int       // steps done when this part of the run began
	stepping    time.Time // when the first of this part's steps was done
}

// NewTraining begins; end it. Where json is true it prints the rows of metrics.jsonl on out, and nothing else there. unsaved is
// true while the run has done steps that no checkpoint holds.
func NewTraining(out, talk io.Writer, json bool, unsaved *atomic.Bool) *Training {
	r := &Training{out: out, talk: talk, json: json, unsaved: unsaved, began: time.Now(), before: "untrained"}
	if watched(talk) {
		r.bar = newBar(talk, progressbar.OptionSetElapsedTime(true))
		return r
	}
	r.pulse = newPulse(talk)
	r.talk = r.pulse
	return r
}

// progress is the line of a run that has printed nothing for a while.
func (r *Training) progress() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := fmt.Sprintf("step %d of %d", r.done, r.total)
	if r.last.Step > 0 {
		line += fmt.Sprintf("  loss %.3f", r.last.Loss)
	}
	if steps, took := r.done-r.first, time.Since(r.stepping).Seconds(); steps > 0 && took > 0 {
		perStep := took / float64(steps)
		left := time.Duration(perStep * float64(r.total-r.done) * float64(time.Second))
		line += fmt.Sprintf("  %.0f img/s, %s to go", float64(r.batch)/perStep, left.Round(time.Second))
	}
	return line
}

// Begin prints what is trained, on which engine.
func (r *Training) Begin(c run.Config, engine string, devices int) {
	r.batch = c.MoCo.Batch
	if c.Run.Init != "" {
		r.before = "at first"
	}
	parts := ""
	if c.MoCo.Micro > 1 {
		parts = fmt.Sprintf(", in %d micro-batches", c.MoCo.Micro)
	}
	fmt.Fprintf(r.talk, "%s: %s of width %d, batch %d in %d BatchNorm groups%s, shuffle %t, queue %d\n",
		c.Preset, c.Encoder.Arch, c.Encoder.Width, c.MoCo.Batch, c.MoCo.Groups, parts, c.MoCo.Shuffle, c.MoCo.Queue)
	fmt.Fprintf(r.talk, "engine %s, %d device(s); run directory %s\n", engine, devices, c.Run.Dir)
}

// Note implements [train.Reporter].
func (r *Training) Note(text string) {
	r.clear()
	fmt.Fprintln(r.talk, text)
}

// Stage implements [train.Reporter].
func (r *Training) Stage(what string) {
	if r.pulse != nil {
		r.pulse.now(func() string { return "still " + what })
	}
	switch {
	case r.stepping.IsZero():
		fmt.Fprintln(r.talk, what, "...")
	case r.bar != nil:
		r.bar.describe(what)
	}
}

// Step implements [train.Reporter].
func (r *Training) Step(done, total int) {
	r.unsaved.Store(true)
	r.mu.Lock()
	begins := r.stepping.IsZero()
	if begins {
		r.first, r.stepping = done, time.Now()
	}
	r.done, r.total = done, total
	r.mu.Unlock()
	if r.pulse != nil {
		r.pulse.now(r.progress)
		return
	}
	if begins {
		r.bar.set(int64(done-1), int64(total), "") // what an earlier part did is not in the time that is left
	}
	r.bar.set(int64(done), int64(total), "")
}

// Row implements [train.Reporter].
func (r *Training) Row(row run.Row) {
	r.mu.Lock()
	r.last = row
	r.mu.Unlock()
	if r.json {
		r.line(row)
		return
	}
	if r.bar != nil {
		r.bar.describe(fmt.Sprintf("loss %.3f  %.0f img/s  wait %.0f%%", row.Loss, row.Time.ImagesPerSecond, 100*row.Time.DataWait))
	}
}

// KNN implements [train.Reporter].
func (r *Training) KNN(row run.KNNRow) {
	if r.json {
		r.line(row)
		return
	}
	r.clear()
	found := judgement(row)
	if row.Step == 0 {
		if len(row.Pixels) > 0 {
			fmt.Fprintf(r.out, "raw pixels  kNN %s%s\n", accuracies(row.K, row.Pixels), sampled(row, row.Pixels, ""))
		}
		fmt.Fprintf(r.out, "%-9s   %s%s\n", r.before, found, sampled(row, row.Backbone, fmt.Sprintf(", searched in %d", row.Bank)))
		return
	}
	figures := ""
	if r.last.Step > 0 { // else the run went on just before its evaluation
		figures = "   " + figuresOf(r.last)
	}
	fmt.Fprintf(r.out, "epoch %3d   %s%s\n", row.Epoch, found, figures)
}

// judgement prints what an evaluation found: by nearest neighbours, or where there are none without labels.
func judgement(row run.KNNRow) string {
	if len(row.K) > 0 || row.LabelFree == nil {
		return "kNN " + accuracies(row.K, row.Backbone)
	}
	return fmt.Sprintf("other view found %.1f%%  rank %.1f", row.LabelFree.Headline().Retrieval, row.LabelFree.Headline().Rank)
}

// End sums the run up.
func (r *Training) End(c run.Config, result train.Result) {
	r.unsaved.Store(false)
	if r.pulse != nil {
		r.pulse.end()
	}
	r.clear()
	if s := result.Saving; s.Checkpoints > 0 {
		fmt.Fprintf(r.talk, "%d checkpoint(s) of %.1f MB: training waited %.2f s for them, %.2f %% of the time; written beside it in %.2f s\n",
			s.Checkpoints, float64(s.Bytes)/1e6, s.Waited.Seconds(), 100*s.Waited.Seconds()/time.Since(r.began).Seconds(), s.Written.Seconds())
	}
	if r.json {
		return
	}
	switch {
	case len(result.KNN) > 1:
		fmt.Fprintln(r.out, improvement(r.before, result.KNN[0], result.KNN[len(result.KNN)-1]))
	case r.last.Step > 0: // nothing was judged after training
		fmt.Fprintf(r.out, "step %d   %s\n", r.last.Step, figuresOf(r.last))
	default:
		return
	}
	fmt.Fprintf(r.out, "run directory: %s\n", c.Run.Dir)
}

// improvement says how far the encoder came from a run's first evaluation to its last.
func improvement(before string, first, last run.KNNRow) string {
	switch {
	case len(last.K) == 0 && last.LabelFree != nil:
		return withoutLabels(before, first, last)
	case len(last.K) == 0:
		return "the last evaluation has no numbers"
	}
	k := last.K[len(last.K)-1]
	text := fmt.Sprintf("kNN top-1 on %d held-out images (backbone, k=%d): ", last.Queries, k)
	if i := slices.Index(first.K, k); i >= 0 && first.Step == 0 {
		text += fmt.Sprintf("%s %.1f%%, ", before, first.Backbone[i])
	}
	text += fmt.Sprintf("after %s %.1f%%", epochs(last.Epoch), last.Headline())
	if len(first.Pixels) > 0 {
		text += fmt.Sprintf("; raw pixels at their best k %.1f%%", slices.Max(first.Pixels))
	}
	if first.Sample {
		text += fmt.Sprintf("; before training, on %d of the images", first.Queries)
	}
	return text
}

func epochs(n int) string {
	if n == 1 {
		return "1 epoch"
	}
	return fmt.Sprintf("%d epochs", n)
}

// withoutLabels is improvement for images without classes.
func withoutLabels(before string, first, last run.KNNRow) string {
	of := "training"
	if last.LabelFree.HeldOut {
		of = "held-out"
	}
	text := fmt.Sprintf("other view of %d %s images found (projection): ", last.LabelFree.Images, of)
	if first.Step == 0 && first.LabelFree != nil {
		text += fmt.Sprintf("%s %.1f%%, ", before, first.LabelFree.Headline().Retrieval)
	}
	return text + fmt.Sprintf("after %s %.1f%%; effective rank %.1f", epochs(last.Epoch), last.LabelFree.Headline().Retrieval, last.LabelFree.Headline().Rank)
}

func (r *Training) line(row interface{ Line() ([]byte, error) }) {
	if text, err := row.Line(); err == nil {
		fmt.Fprintf(r.out, "%s\n", text)
	}
}

func (r *Training) clear() {
	if r.bar != nil {
		r.bar.clear()
	}
}

// figuresOf prints what the last steps did.
func figuresOf(l run.Row) string {
	return fmt.Sprintf("loss %.3f (chance %.3f)  top-1 %.1f%%  pos %.2f neg %.2f spread %.2f  lr %.4f  %.0f img/s, wait %.0f%%",
		l.Loss, l.Chance, l.Top1, l.Positive, l.Negative, l.Spread, l.LR, l.Time.ImagesPerSecond, 100*l.Time.DataWait)
}

// sampled says what a figure is worth that is not of all images: the 95 % interval of the last, which chance in the choice of the
// images leaves.
func sampled(row run.KNNRow, values []run.Float, more string) string {
	if !row.Sample || len(values) == 0 {
		return ""
	}
	low, high := judge.Interval(float64(values[len(values)-1])/100, row.Queries)
	return fmt.Sprintf(" (95 %% interval %.1f to %.1f: of %d held-out images%s)", 100*low, 100*high, row.Queries, more)
}

// accuracies prints percentages by k: "k=1 40.1%  k=200 52.3%".
func accuracies(ks []int, values []run.Float) string {
	parts := make([]string, len(ks))
	for i, k := range ks {
		parts[i] = fmt.Sprintf("k=%d %4.1f%%", k, values[i])
	}
	return strings.Join(parts, "  ")
}
