package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/child"
)

// The preset mnist as it was when these were trained: slower, then with today's batch and rate.
const (
	slower = "--preset=mnist --batch=256 --lr=0.03 --temperature=0.1"
	colder = "--preset=mnist --temperature=0.1"
)

// training is a training on MNIST: what the first cell says, the folder, and the flags.
type training struct {
	what, name, flags string
	// thorough has three seeds, and the papers' linear protocol for the first.
	thorough bool
}

// trained are the trainings that are compared.
var trained = []training{
	{"MoCo v1, batch 256, learning rate 0.03", "v1", slower, false},
	{"`student`: batch 128, key momentum 0.9, T 0.07", "student", "--preset=student", false},
	{"`student`, one BatchNorm over the batch, no shuffle: as on one GPU", "student-ungrouped", "--preset=student --shuffle=false --bn-groups=1", false},
	{"the first without Shuffling BN", "v1-unshuffled", slower + " --shuffle=false", false},
	{"`student` without Shuffling BN", "student-unshuffled", "--preset=student --shuffle=false", false},
	{"the first with v2's MLP head", "v2", slower + " --head=mlp", false},
	{"MoCo v1, batch 128, learning rate 0.06", "colder", colder, false},
	{"MoCo v1, batch 128, learning rate 0.06, width 16, ten epochs", "colder-wide", colder + " --width=16 --epochs=10", false},
	{"`mnist`: the same at temperature 0.5", "mnist", "--preset=mnist", false},
	{"`mnist`, width 16, 20 epochs, bfloat16, three seeds", "mnist-wide", "--preset=mnist --width=16 --epochs=20 --precision=bfloat16", true},
}

// seeds are as many as the training has.
func (t training) seeds() int {
	if t.thorough {
		return 3
	}
	return 1
}

// command trains with a seed, below a folder.
func (t training) command(folder string, seed int) string {
	flags, dir := t.flags, filepath.Join(folder, t.name)
	if seed > 0 {
		flags, dir = fmt.Sprintf("%s --seed=%d", flags, seed), fmt.Sprintf("%s-%d", dir, seed)
	}
	small := []string{"--arch=resnet10"}
	for _, flag := range []string{"--width=8", "--epochs=5"} {
		if name, _, _ := strings.Cut(flag, "="); !strings.Contains(flags, name) {
			small = append(small, flag)
		}
	}
	return strings.Join([]string{"mocotpu train --backend=cpu", flags, strings.Join(small, " "), "--knn-every=0 --dir=" + dir}, " ")
}

// judged judges the run of a seed. The first training is beside the baselines; the linear protocol is for the first seed, for it takes as
// long as the training.
func (t training) judged(dir string, seed int) string {
	baselines, protocols := `""`, "knn,linear-fast"
	if t.name == trained[0].name {
		baselines = "pixels,untrained,supervised"
	}
	if t.thorough && seed == 0 {
		protocols += ",linear"
	}
	return "mocotpu eval " + dir + " --backend=cpu --protocols=" + protocols + " --knn-ks=5,20,200 --baselines=" + baselines
}

// mnist says what these trainings on the digits come to.
func mnist() *record {
	commands := []string{"mocotpu data get mnist"}
	for _, t := range trained {
		for seed := range t.seeds() {
			commands = append(commands, t.command("", seed))
		}
	}
	return &record{
		key:   1,
		Title: "What real digits teach",
		Text: []string{"Top-1 accuracy in percent on MNIST's 10 000 test images, after five epochs of its 60 000 training images unless the row says otherwise; the encoder is a ResNet-10 " +
			"of width 8, or as the row says, where the presets have a ResNet-18 of width 64. kNN and the linear classifier are of the trunk's features, and in the last column kNN is of the projections. " +
			"Loss and top-1 of the contrastive task are those of the last ten steps. `linear` is the papers' protocol, of seed 0: 100 epochs of crops on a frozen trunk at rate 30. " +
			"One run each, seed 0, one device, unless the row says otherwise; of several seeds it is the mean, and in brackets the least and the greatest."},
		Notes: []string{
			"The team that this project began with trained on digits with the settings of `student`, one BatchNorm over the batch and no shuffle, and could not tell by the loss whether it learned. " +
				"By these runs its settings cost ten points, and BatchNorm over the whole batch another ten: its encoder is far above the untrained one, which its loss does not tell, and far below raw pixels. " +
				"These points were not lost to a leak through BatchNorm. A leak shows as a lower loss and an easier contrastive task. That happens where groups of 16 images are not shuffled, and costs a point or nothing there; " +
				"with one BatchNorm over the 128 images the loss is higher.",
			"More steps of fewer images at a higher rate are better, chosen among six settings by the same test images after two epochs, and temperature 0.5 among four by a hundred labels, on the same test images: " +
				"a tenth of the queue are digits of the query's own class, which a low temperature pushes away. Both are in the preset `mnist`. " +
				"By nearest neighbours encoders of width 16 alone are above raw pixels, which digits in the middle of their images make a strong baseline; by a linear classifier all of v1 are. " +
				"Three seeds of the last row lie within three tenths of a point; of one seed, differences of a point or less may be chance.",
		},
		Commands: append(commands, trained[0].judged(trained[0].name, 0), trained[1].judged("RUN", 0), training{thorough: true}.judged("mnist-wide", 0), "make mnist"),
		Columns: []string{
			"features", "contrastive loss (chance)", "its top-1", "kNN, k=5", "k=20", "k=200", "linear-fast", "linear, 100 epochs", "projections, k=20",
		},
	}
}

// mnistRows trains what is not trained yet, below bin/mnist.
func mnistRows(c *compiler, r *record) error {
	notes := r.Notes
	for i, t := range trained {
		if !c.wanted(t.command("bin/mnist", 0)) {
			continue
		}
		var reports []judge.Report
		var last run.Row
		var losses, top1s []float64
		for seed := range t.seeds() {
			var report judge.Report
			var err error
			if report, last, err = c.trainAndJudge(t, seed); err != nil {
				return err
			}
			reports, losses, top1s = append(reports, report), append(losses, float64(last.Loss)), append(top1s, float64(last.Top1))
		}
		if i == 0 {
			r.put(mnistRow("raw pixels", "pixels", reports)...)
			r.put(mnistRow("untrained encoder", "untrained", reports)...)
		}
		row := mnistRow(t.what, "encoder", reports)
		row[1], row[2] = fmt.Sprintf("%s (%.2f)", over(losses, "%.2f"), last.Chance), over(top1s, "%.1f")
		r.put(row...)
		if i == 0 {
			r.put(mnistRow("supervised, the same epochs and recipe", "supervised", reports)...)
		}
		r.Notes = append(slices.Clip(notes), untrained(r)...)
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
}

// trainAndJudge returns what a run is worth, and the row of its last steps.
func (c *compiler) trainAndJudge(t training, seed int) (report judge.Report, last run.Row, err error) {
	command := t.command("bin/mnist", seed)
	if _, err := c.run(command); err != nil {
		return report, last, err
	}
	_, dir, _ := strings.Cut(command, "--dir=")
	steps, _, err := run.ReadMetrics(dir)
	if err != nil {
		return report, last, err
	}
	last = steps[len(steps)-1]
	report, err = judge.ReadReport(dir + ".report.json") // which took longer than the training, perhaps
	if err != nil || report.Step != last.Step {
		if _, err := c.run(t.judged(dir, seed) + " --force"); err != nil {
			return report, last, err
		}
		if report, err = judge.ReadReport(dir + ".report.json"); err != nil {
			return report, last, err
		}
	}
	return report, last, nil
}

// untrained says which trainings have no row.
func untrained(r *record) []string {
	var left []string
	for _, t := range trained {
		if !slices.ContainsFunc(r.Rows, func(row []cell) bool { return row[0].text == t.what }) {
			left = append(left, t.what)
		}
	}
	if left == nil {
		return nil
	}
	return []string{"Not trained yet: " + strings.Join(left, "; ") + "."}
}

// mnistRow has the accuracies of a subject by reports of several seeds.
func mnistRow(what, subject string, reports []judge.Report) []string {
	found := make([][]float64, 9)
	for _, report := range reports {
		for _, r := range report.Rows {
			at := 0
			switch {
			case r.Subject != subject:
			case r.Protocol == "linear-fast":
				at = 6
			case r.Protocol == "linear":
				at = 7
			case r.Protocol == "knn" && r.Features != "projection":
				at = map[int]int{5: 3, 20: 4, 200: 5}[r.K]
			case r.Protocol == "knn" && r.K == 20:
				at = 8
			}
			found[at] = append(found[at], r.Top1)
		}
	}
	row := []string{what}
	for _, all := range found[1:] {
		row = append(row, over(all, "%.1f"))
	}
	return row
}

// over prints a figure of several seeds: their mean, and from where to where they lie.
func over(all []float64, format string) string {
	if len(all) == 0 {
		return ""
	}
	text := fmt.Sprintf(format, stat.Mean(all, nil))
	if len(all) > 1 {
		text += fmt.Sprintf(" ("+format+" to "+format+")", slices.Min(all), slices.Max(all))
	}
	return text
}

// run runs a command of the program, whose words have no spaces, and returns what it prints.
func (c *compiler) run(command string) ([]byte, error) {
	fmt.Fprintln(os.Stderr, command)
	args := strings.Fields(strings.ReplaceAll(command, `""`, ""))
	out, err := child.Command{Args: append([]string{c.program}, args[1:]...)}.Run(c.ctx)
	if err != nil {
		return nil, fmt.Errorf("results: %s: %w", command, err)
	}
	return out, nil
}
