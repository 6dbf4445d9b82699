package convert

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
)

// wide is a network of timm's width, the smallest.
func wide(head, stem string) resnet.Config {
	c := tiny(head)
	c.Arch, c.Width, c.Stem = "resnet10", 64, stem
	return c
}

// The folder has timm's configuration and the trunk's tensors, and comes back as what was exported, by itself and without
// what it says of mocotpu.
func TestTimm(t *testing.T) {
	w := formula("query", wide(resnet.HeadMLP, resnet.StemImageNet), 48)
	w.Manifest.Input.Mean = [3]float64{0.1, 0.2, 0.3}
	dir := filepath.Join(t.TempDir(), "model")
	m, err := Export(dir, "timm", Source{Encoder: w}, Options{License: "mit"})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 3 || m.Files[0].Name != "config.json" || m.Encoder.Network.Head != resnet.HeadNone || len(m.Notes) > 0 {
		t.Errorf("manifest %+v, want three files of a trunk and no note", m)
	}
	var config map[string]any
	must.M(json.Unmarshal(must.M1(os.ReadFile(filepath.Join(dir, "config.json"))), &config))
	input := config["pretrained_cfg"].(map[string]any)
	for name, want := range map[string]any{
		"architecture": "resnet18", "num_classes": 0.0, "num_features": 512.0, "pretrained_cfg.interpolation": "bilinear",
		"pretrained_cfg.crop_pct": 1.0, "pretrained_cfg.crop_mode": "squash", "pretrained_cfg.num_classes": 0.0, "pretrained_cfg.license": "mit",
	} {
		got := config[name]
		if key, inner := strings.CutPrefix(name, "pretrained_cfg."); inner {
			got = input[key]
		}
		if got != want {
			t.Errorf("config.json: %s is %v, want %v", name, got, want)
		}
	}
	if size := must.M1(json.Marshal([]any{input["input_size"], input["mean"], config["model_args"]})); string(size) != `[[3,48,48],[0.1,0.2,0.3],{"layers":[1,1,1,1]}]` {
		t.Errorf("config.json: input size, mean and arguments are %s", size)
	}
	trunk := w.Trunk()
	check := func(what string, o ImportOptions, size int, mean float64) {
		t.Helper()
		got, err := Import(dir, o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for name, values := range trunk.Values {
			if !slices.Equal(values, got.Values[name]) {
				t.Fatalf("%s: %s has other values", what, name)
			}
		}
		if in := got.Manifest.Input; len(got.Values) != len(trunk.Values) || in.ImageSize != size || in.Mean[0] != mean || got.Path != dir {
			t.Errorf("%s: %d values, input %+v, path %s, want images of %d with mean %g of %s", what, len(got.Values), in, got.Path, size, mean, dir)
		}
	}
	check("as it is", ImportOptions{}, 48, 0.1)
	check("with options", ImportOptions{ImageSize: 64, Views: "v1"}, 64, 0.485)
	query, key, err := Load(dir)
	if err != nil || key != nil || len(query.Values) != len(trunk.Values) {
		t.Errorf("Load: %v and a key encoder %v", err, key)
	}
	// As timm saves it: no word of mocotpu, and before safetensors the file of torch.save.
	weights := filepath.Join(dir, "model.safetensors")
	tensors, _, err := safetensors.ReadFile(weights)
	must.M(err)
	f := must.M1(os.Create(weights))
	must.M(safetensors.Write(f, tensors, map[string]string{"format": "pt"}))
	must.M(f.Close())
	check("timm's own", ImportOptions{}, 48, 0.1)
}

// Of an encoder that was imported nothing says how it was trained: it may be a supervised one. mocotpu's own has it said.
func TestTimmImported(t *testing.T) {
	w := formula("query", wide(resnet.HeadNone, resnet.StemImageNet), 48)
	write := func() (config, card string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "model")
		must.M1(Export(dir, "timm", Source{Encoder: w}, Options{}))
		return string(must.M1(os.ReadFile(filepath.Join(dir, "config.json")))), string(must.M1(os.ReadFile(filepath.Join(dir, "README.md"))))
	}
	config, card := write()
	for _, want := range []string{"- self-supervised\n- moco\n---\n# resnet10 by Momentum Contrast\n", "\n\nThe trunk of a resnet10, trained without labels by Momentum Contrast (MoCo) with mocotpu:\n512 features"} {
		if !strings.Contains(card, want) || !strings.Contains(config, `"tag": "moco"`) {
			t.Errorf("mocotpu's own: config.json %s, the card does not have %q:\n%s", config, want, card)
		}
	}
	w.Manifest.Source = encoder.Source{Imported: "resnet10-supervised.pth"}
	config, card = write()
	for _, unknown := range []string{"Momentum", "MoCo", "moco\n", "self-supervised", "without labels", "RUN"} {
		if strings.Contains(card, unknown) {
			t.Errorf("imported: the card has %q:\n%s", unknown, card)
		}
	}
	for _, want := range []string{
		"- image-feature-extraction\n---\n# resnet10, imported from resnet10-supervised.pth\n\nThe trunk of a resnet10, imported from resnet10-supervised.pth with mocotpu; how it was trained is not known:\n512 features",
		"The file that it was made of does not say.", "mocotpu eval model.safetensors",
	} {
		if !strings.Contains(card, want) || strings.Contains(config, `"tag"`) {
			t.Errorf("imported: config.json %s, the card does not have %q:\n%s", config, want, card)
		}
	}
}

// What timm has no network for is refused, or comes with what it needs.
func TestTimmNeeds(t *testing.T) {
	dir := t.TempDir()
	narrow := formula("query", tiny(resnet.HeadNone), 32)
	if _, err := Export(filepath.Join(dir, "narrow"), "timm", Source{Encoder: narrow}, Options{}); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "has 4") {
		t.Errorf("a width of 4: error %v, want ErrUnsupported", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "narrow")); err == nil {
		t.Error("a folder was left of what cannot be exported")
	}
	small := formula("query", wide(resnet.HeadNone, resnet.StemSmall), 32)
	m, err := Export(filepath.Join(dir, "small"), "timm", Source{Encoder: small}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := string(must.M1(os.ReadFile(filepath.Join(dir, "small", "README.md"))))
	if len(m.Notes) != 1 || !strings.Contains(text, "model.conv1, model.maxpool = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)") {
		t.Errorf("notes %q and a card without the lines that timm needs", m.Notes)
	}
	if !strings.Contains(text, "license: unknown\n") || !strings.Contains(text, "The publisher has not said") {
		t.Error("a license that nobody gave is not unknown")
	}
	for _, license := range []string{"mit\nevil: true", "MIT License", "--", "x: y"} {
		if _, err := Export(filepath.Join(dir, "x"), "timm", Source{Encoder: small}, Options{License: license}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("license %q: error %v, want ErrUnsupported", license, err)
		}
	}
}

// A run's card has its command, the checksum of its data, its curve and the table of its evaluation, of this very step.
func TestModelCard(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	must.M(os.Mkdir(dir, 0o755))
	c := run.CIFAR10()
	c.MoCo.Batch, c.Run.Epochs = 256, 30
	record := run.Record{Config: c, DataSHA256: "0123abcd", Versions: map[string]string{"mocotpu": "v9", "go": "go1"}}
	must.M(os.WriteFile(filepath.Join(dir, "config.json"), must.M1(record.Encode()), 0o644))
	var lines []byte
	for epoch := range 31 {
		row := run.Row{Step: 10 * epoch, Epoch: max(0, epoch-1), Loss: run.Float(8 - float64(epoch)/10)}
		knn := run.KNNRow{Step: 10 * epoch, Epoch: epoch, K: []int{1, 200}, Backbone: []run.Float{1, run.Float(10 + 2*float64(epoch))}}
		if epoch > 0 {
			lines = append(append(lines, must.M1(row.Line())...), '\n')
		}
		lines = append(append(lines, must.M1(knn.Line())...), '\n')
	}
	must.M(os.WriteFile(filepath.Join(dir, "metrics.jsonl"), lines, 0o644))
	w := formula("query", wide(resnet.HeadLinear, resnet.StemImageNet), 32)
	w.Manifest.Source = encoder.Source{Preset: "cifar10", Data: "cifar10", Step: 300, Epoch: 30}
	source := Source{Encoder: w, Dir: dir}
	flags := Options{FlagOf: func(field string) string {
		return map[string]string{"moco.batch": "batch", "run.epochs": "epochs"}[field]
	}}
	write := func() string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "model")
		if _, err := Export(path, "timm", source, flags); err != nil {
			t.Fatal(err)
		}
		return string(must.M1(os.ReadFile(filepath.Join(path, "README.md"))))
	}
	text := write()
	for _, want := range []string{
		"    mocotpu train --preset=cifar10 --batch=256 --epochs=30\n", "`0123abcd`", "30 epochs, 300 steps", "go go1, mocotpu v9",
		"kNN (k=200)", "| 0 | - | 10.0 |", "| 3 | 7.700 | 16.0 |", "| 30 | 5.000 | 70.0 |", "It was not judged before",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the card does not have %q:\n%s", want, text)
		}
	}
	if n := strings.Count(text, ".0 |\n"); n != 11 {
		t.Errorf("%d points of the curve, want 11 of 31", n)
	}
	tally := judge.NewTally(2)
	report := judge.Report{Step: 300, Data: "cifar10", Train: 50, Test: 10, Classes: []string{"a", "b"}, Rows: []judge.Row{
		{Subject: "encoder", Protocol: "knn", K: 200, Features: "backbone", Top1: 71.25, Low: 70, High: 72.5, Top5: 99, Tally: tally},
	}}
	put := func(r judge.Report) { must.M(os.WriteFile(dir+".report.json", must.M1(r.Encode()), 0o644)) }
	put(report)
	if text := write(); !strings.Contains(text, "| encoder | knn k=200, backbone | 71.2 | 70.0 to 72.5 | 99.0 |") || !strings.Contains(text, "after step 300, on cifar10: 50 training images, 10 test images") {
		t.Errorf("the card does not have the evaluation:\n%s", text)
	}
	report.Step = 200
	put(report)
	if text := write(); !strings.Contains(text, "It was not judged before") {
		t.Error("the card has the evaluation of another step")
	}
	unlabelled := run.KNNRow{Step: 300, Epoch: 30, LabelFree: &run.LabelFree{Images: 2}}
	must.M(os.WriteFile(filepath.Join(dir, "metrics.jsonl"), append(must.M1(unlabelled.Line()), '\n'), 0o644))
	if text := write(); !strings.Contains(text, "| epoch | loss | kNN |\n") || !strings.Contains(text, "| 30 | - | - |") {
		t.Errorf("images without classes: the card has other figures:\n%s", text)
	}
}

// A folder that holds no ResNet of ours is refused with what it is.
func TestImportHubRefuses(t *testing.T) {
	w := formula("query", wide(resnet.HeadNone, resnet.StemImageNet), 32)
	for name, test := range map[string]struct {
		spoil func(dir string)
		want  string
	}{
		"a transformer":   {func(dir string) { putFile(dir, "config.json", `{"architecture":"vit_base_patch16_224"}`) }, `"vit_base_patch16_224", want one of resnet10`},
		"transformers'":   {func(dir string) { putFile(dir, "config.json", `{"model_type":"resnet"}`) }, `architecture "", want`},
		"no JSON":         {func(dir string) { putFile(dir, "config.json", "model") }, "config.json"},
		"a huge config":   {func(dir string) { must.M(os.Truncate(filepath.Join(dir, "config.json"), 1<<40)) }, "too long"},
		"weights of none": {func(dir string) { putFile(dir, "model.safetensors", "nothing") }, "not a file of torch.save"},
		"a size of none": {func(dir string) {
			putFile(dir, "config.json", `{"architecture":"resnet18","pretrained_cfg":{"input_size":[3]}}`)
		}, ""},
		"a deviation of 0": {func(dir string) {
			plain(dir)
			putFile(dir, "config.json", `{"architecture":"resnet18","pretrained_cfg":{"std":[0,1,1]}}`)
		}, "of channel 0 is 0"},
	} {
		dir := filepath.Join(t.TempDir(), "model")
		must.M1(Export(dir, "timm", Source{Encoder: w}, Options{}))
		test.spoil(dir)
		_, err := Import(dir, ImportOptions{})
		if test.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want %q and the folder", name, err, test.want)
		}
	}
	if _, err := Import(t.TempDir(), ImportOptions{}); err == nil {
		t.Error("an empty folder was read")
	}
}

// plain takes away what a folder says of mocotpu.
func plain(dir string) {
	weights := filepath.Join(dir, "model.safetensors")
	tensors, _, err := safetensors.ReadFile(weights)
	must.M(err)
	f := must.M1(os.Create(weights))
	must.M(safetensors.Write(f, tensors, nil))
	must.M(f.Close())
}

func putFile(dir, name, text string) {
	must.M(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
}
