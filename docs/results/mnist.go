package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/child"
)

// The preset mnist as it was when these were trained: slower, then with today's batch and rate.
const (
	slower = "--preset=mnist --batch=256 --lr=0.03 --temperature=0.1"
	colder = "--preset=mnist --temperature=0.1"
)

// trained are the trainings on MNIST that are compared: what the first cell says, the folder, and the flags.
var trained = []struct{ what, name, flags string }{
	{"MoCo v1, batch 256, learning rate 0.03", "v1", slower},
	{"`student`: batch 128, key momentum 0.9, T 0.07", "student", "--preset=student"},
	{"`student`, one BatchNorm over the batch, no shuffle: as on one GPU", "student-ungrouped", "--preset=student --shuffle=false --bn-groups=1"},
	{"the first without Shuffling BN", "v1-unshuffled", slower + " --shuffle=false"},
	{"`student` without Shuffling BN", "student-unshuffled", "--preset=student --shuffle=false"},
	{"the first with v2's MLP head", "v2", slower + " --head=mlp"},
	{"MoCo v1, batch 128, learning rate 0.06", "colder", colder},
	{"MoCo v1, batch 128, learning rate 0.06, width 16, ten epochs", "colder-wide", colder + " --width=16 --epochs=10"},
	{"`mnist`: the same at temperature 0.5", "mnist", "--preset=mnist"},
	{"`mnist`, width 16, 20 epochs, bfloat16", "mnist-wide", "--preset=mnist --width=16 --epochs=20 --precision=bfloat16"},
}

func mnistCommand(flags, dir string) string {
	small := []string{"--arch=resnet10"}
	for _, flag := range []string{"--width=8", "--epochs=5"} {
		if name, _, _ := strings.Cut(flag, "="); !strings.Contains(flags, name) {
			small = append(small, flag)
		}
	}
	return strings.Join([]string{"mocotpu train --backend=cpu", flags, strings.Join(small, " "), "--knn-every=0 --dir=" + dir}, " ")
}

// judgeCommand judges a run. The first is beside the baselines.
func judgeCommand(dir string, first bool) string {
	baselines := `""`
	if first {
		baselines = "pixels,untrained,supervised"
	}
	return "mocotpu eval " + dir + " --backend=cpu --protocols=knn,linear-fast --knn-ks=5,20,200 --baselines=" + baselines
}

// mnist says what these trainings on the digits come to.
func mnist() *record {
	commands := []string{"mocotpu data get mnist"}
	for _, t := range trained {
		commands = append(commands, mnistCommand(t.flags, t.name))
	}
	return &record{
		key:   1,
		Title: "What real digits teach",
		Text: []string{"Top-1 accuracy in percent on MNIST's 10 000 test images, after five epochs of its 60 000 training images unless the row says otherwise; the encoder is a ResNet-10 " +
			"of width 8, or as the row says, where the presets have a ResNet-18 of width 64. kNN and the linear classifier are of the trunk's features, and in the last column kNN is of the projections. " +
			"Loss and top-1 of the contrastive task are those of the last ten steps. One run each, seed 0, one device."},
		Notes: []string{
			"The team that this project began with trained on digits with the settings of `student`, one BatchNorm over the batch and no shuffle, and could not tell by the loss whether it learned. " +
				"By these runs its settings cost ten points, and BatchNorm over the whole batch another ten; both encoders are far above the untrained one, which the loss alone does not tell. " +
				"Without Shuffling BN the loss is lower and the contrastive task easier, and the features are no better.",
			"More steps of fewer images at a higher rate are better, chosen among six settings by the same test images after two epochs, and temperature 0.5 among four by a hundred labels: " +
				"a tenth of the queue are digits of the query's own class, which a low temperature pushes away. Both are in the preset `mnist`. " +
				"By nearest neighbours encoders of width 16 alone are above raw pixels, which digits in the middle of their images make a strong baseline; by a linear classifier all of v1 are. " +
				"One seed: differences of a point or less may be chance.",
		},
		Commands: append(commands, judgeCommand(trained[0].name, true), judgeCommand("RUN", false), "make mnist"),
		Columns:  []string{"features", "contrastive loss (chance)", "its top-1", "kNN, k=5", "k=20", "k=200", "linear-fast", "projections, k=20"},
	}
}

// mnistRows trains what is not trained yet, below bin/mnist.
func mnistRows(c *compiler, r *record) error {
	notes := r.Notes
	for i, t := range trained {
		dir := filepath.Join("bin/mnist", t.name)
		command := mnistCommand(t.flags, dir)
		if !c.wanted(command) {
			continue
		}
		if _, err := c.run(command); err != nil {
			return err
		}
		text, err := c.run(judgeCommand(dir, i == 0) + " --json --force")
		if err != nil {
			return err
		}
		var report judge.Report
		if err := json.Unmarshal(text, &report); err != nil {
			return err
		}
		steps, _, err := run.ReadMetrics(dir)
		if err != nil {
			return err
		}
		last := steps[len(steps)-1]
		if i == 0 {
			r.put(mnistRow("raw pixels", "pixels", &report)...)
			r.put(mnistRow("untrained encoder", "untrained", &report)...)
		}
		row := mnistRow(t.what, "encoder", &report)
		row[1], row[2] = fmt.Sprintf("%.2f (%.2f)", last.Loss, last.Chance), fmt.Sprintf("%.1f", last.Top1)
		r.put(row...)
		if i == 0 {
			r.put(mnistRow("supervised, the same epochs and recipe", "supervised", &report)...)
		}
		r.Notes = append(slices.Clip(notes), untrained(r)...)
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
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

// mnistRow has the accuracies of a subject.
func mnistRow(what, subject string, report *judge.Report) []string {
	row := []string{what, "", "", "", "", "", "", ""}
	for _, r := range report.Rows {
		at := 0
		switch {
		case r.Subject != subject:
		case r.Protocol == "linear-fast":
			at = 6
		case r.Protocol == "knn" && r.Features != "projection":
			at = map[int]int{5: 3, 20: 4, 200: 5}[r.K]
		case r.Protocol == "knn" && r.K == 20:
			at = 7
		}
		if at > 0 {
			row[at] = fmt.Sprintf("%.1f", r.Top1)
		}
	}
	return row
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
