package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
)

// reporter shows a run: a line an epoch or JSON on out; on talk a progress bar where a person watches, elsewhere a line
// at least every half minute.
type reporter struct {
	out, talk   io.Writer
	json        bool
	watched     bool   // a person looks at talk
	pulse       *pulse // nil where one does
	bar         *progressbar.ProgressBar
	began       time.Time
	batch       int // images a step
	mu          sync.Mutex
	last        run.Row
	done, total int       // steps
	first       int       // steps done when this part of the run began
	stepping    time.Time // when the first of this part's steps was done
}

func newReporter(out, talk io.Writer, json bool) *reporter {
	r := &reporter{out: out, talk: talk, json: json, watched: isTerminal(talk), began: time.Now()}
	if !r.watched {
		r.pulse = newPulse(talk, nil)
		r.talk = r.pulse
	}
	return r
}

// progress is the line of a run that has printed nothing for a while.
func (r *reporter) progress() string {
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

func (r *reporter) start(c run.Config, e *xla.Engine) {
	r.batch = c.MoCo.Batch
	engine := e.EngineName()
	if v := e.PluginVersion(); v != "" {
		engine += " (" + v + ")"
	}
	fmt.Fprintf(r.talk, "%s: %s of width %d, batch %d in %d BatchNorm groups, shuffle %t, queue %d\n",
		c.Preset, c.Encoder.Arch, c.Encoder.Width, c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Shuffle, c.MoCo.Queue)
	fmt.Fprintf(r.talk, "engine %s, %d device(s); run directory %s\n", engine, e.NumDevices(), c.Run.Dir)
}

func (r *reporter) Note(text string) {
	r.clear()
	fmt.Fprintln(r.talk, text)
}

func (r *reporter) Stage(what string) {
	if r.pulse != nil {
		r.pulse.now(func() string { return "still " + what })
	}
	if r.watched && r.bar != nil {
		r.bar.Describe(quoted(what))
		return
	}
	if r.bar == nil {
		fmt.Fprintln(r.talk, what, "...")
	}
}

func (r *reporter) Step(done, total int) {
	unsaved.Store(true)
	r.mu.Lock()
	if r.stepping.IsZero() {
		r.first, r.stepping = done, time.Now()
	}
	r.done, r.total = done, total
	r.mu.Unlock()
	if r.pulse != nil {
		r.pulse.now(r.progress)
	}
	if !r.watched {
		r.bar = progressbar.DefaultSilent(int64(total))
		return
	}
	if r.bar == nil {
		r.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(terminalOf(r.talk)), progressbar.OptionSetWidth(24),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(200*time.Millisecond))
		_ = r.bar.Set(done - 1)
	}
	_ = r.bar.Set(done)
}

func (r *reporter) Row(row run.Row) {
	r.mu.Lock()
	r.last = row
	r.mu.Unlock()
	if r.json {
		r.line(row)
		return
	}
	if r.watched && r.bar != nil {
		r.bar.Describe(fmt.Sprintf("loss %.3f  %.0f img/s  wait %.0f%%", row.Loss, row.Time.ImagesPerSecond, 100*row.Time.DataWait))
	}
}

func (r *reporter) KNN(row run.KNNRow) {
	if r.json {
		r.line(row)
		return
	}
	r.clear()
	if row.Step == 0 {
		if len(row.Pixels) > 0 {
			fmt.Fprintf(r.out, "raw pixels  kNN %s\n", accuracies(row.K, row.Pixels))
		}
		fmt.Fprintf(r.out, "untrained   kNN %s\n", accuracies(row.K, row.Backbone))
		return
	}
	l := r.last
	if l.Step == 0 { // the run went on just before its evaluation
		fmt.Fprintf(r.out, "epoch %3d   kNN %s\n", row.Epoch, accuracies(row.K, row.Backbone))
		return
	}
	fmt.Fprintf(r.out, "epoch %3d   kNN %s   loss %.3f (chance %.3f)  top-1 %.1f%%  pos %.2f neg %.2f spread %.2f  lr %.4f  %.0f img/s, wait %.0f%%\n",
		row.Epoch, accuracies(row.K, row.Backbone), l.Loss, l.Chance, l.Top1, l.Positive, l.Negative, l.Spread, l.LR,
		l.Time.ImagesPerSecond, 100*l.Time.DataWait)
}

// end sums the run up.
func (r *reporter) end(c run.Config, result train.Result) {
	unsaved.Store(false)
	if r.pulse != nil {
		r.pulse.end()
	}
	r.clear()
	if s := result.Saving; s.Checkpoints > 0 {
		fmt.Fprintf(r.talk, "%d checkpoint(s) of %.1f MB: training waited %.2f s for them, %.2f %% of the time; written beside it in %.2f s\n",
			s.Checkpoints, float64(s.Bytes)/1e6, s.Waited.Seconds(), 100*s.Waited.Seconds()/time.Since(r.began).Seconds(), s.Written.Seconds())
	}
	if r.json || len(result.KNN) < 2 {
		return
	}
	first, last := result.KNN[0], result.KNN[len(result.KNN)-1]
	k := last.K[len(last.K)-1]
	fmt.Fprintf(r.out, "kNN top-1 on %d held-out images (backbone, k=%d): ", last.Queries, k)
	if i := slices.Index(first.K, k); i >= 0 && first.Step == 0 {
		fmt.Fprintf(r.out, "untrained %.1f%%, ", first.Backbone[i])
	}
	fmt.Fprintf(r.out, "after %d epochs %.1f%%", last.Epoch, last.Headline())
	if len(first.Pixels) > 0 {
		best := first.Pixels[0]
		for _, p := range first.Pixels {
			best = max(best, p)
		}
		fmt.Fprintf(r.out, "; raw pixels at their best k %.1f%%", best)
	}
	fmt.Fprintf(r.out, "\nrun directory: %s\n", c.Run.Dir)
}

func (r *reporter) line(row interface{ Line() ([]byte, error) }) {
	if text, err := row.Line(); err == nil {
		fmt.Fprintf(r.out, "%s\n", text)
	}
}

// clear makes room for a line where the bar stands.
func (r *reporter) clear() {
	if r.watched && r.bar != nil {
		_ = r.bar.Clear()
	}
}

// accuracies prints percentages by k: "k=1 40.1%  k=200 52.3%".
func accuracies(ks []int, values []run.Float) string {
	parts := make([]string, len(ks))
	for i, k := range ks {
		parts[i] = fmt.Sprintf("k=%d %4.1f%%", k, values[i])
	}
	return strings.Join(parts, "  ")
}
