package judge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// fileWeights are weights as of a file: a formula, and no run.
func fileWeights() *encoder.Weights {
	c := resnet.Config{
		Arch: "resnet10", Width: 2, Stem: resnet.StemSmall, Head: resnet.HeadLinear, Dim: 5,
		Precision: resnet.Float32, Remat: resnet.RematNone,
	}
	w := &encoder.Weights{Path: "file", Values: map[string][]float32{}, Manifest: encoder.Manifest{
		Network: encoder.NewNetwork(c), Input: encoder.NewInput(16, [3]float64{0.5, 0.5, 0.5}, [3]float64{0.5, 0.5, 0.5}),
	}}
	for _, p := range c.Params() {
		w.Values[p.Name] = resnet.FromTorch(parity.Weights("judge", p.Name, resnet.TorchDims(p.Dims)), p.Dims)
	}
	return w
}

// notes keeps what an evaluation says.
type notes struct{ notes, stages []string }

func (n *notes) Note(text string) { n.notes = append(n.notes, text) }

func (n *notes) Stage(what string) encoder.Progress {
	n.stages = append(n.stages, what)
	return func(int, int) {}
}

// streamed is a set that hides that it is in memory, and cannot be read from image failAt on, unless that is 0.
type streamed struct {
	data.Source
	failAt int
}

var errDisk = errors.New("disk on fire")

func (s streamed) Fill(dst []uint8, rows []data.Row, indices []int) error {
	if s.failAt > 0 && slices.Max(indices) >= s.failAt {
		return errDisk
	}
	return s.Source.Fill(dst, rows, indices)
}

func glyphs(t *testing.T, split string, n int) *data.Set {
	t.Helper()
	s, err := data.Open("glyphs", "", split, data.Options{N: n})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func quick() Options {
	o := DefaultOptions()
	o.Ks, o.Epochs, o.Batch = []int{1, 200}, 2, 24
	return o
}

// A report is the same of sets in memory and of sources that are read image by image; more neighbours than images are left
// out, with a note.
func TestEvaluate(t *testing.T) {
	m, w := engines.Mesh(t, engines.Go(t), 1), fileWeights()
	train, test := glyphs(t, "train", 40), glyphs(t, "test", 20)
	o := quick()
	o.Protocols = Protocols
	o.Labels = []float64{100}
	said := &notes{}
	inMemory, err := Evaluate(t.Context(), m, w, train, test, o, said)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range inMemory.Rows {
		rows = append(rows, r.Subject+" "+r.Name())
	}
	for _, want := range []string{
		"pixels knn k=1, backbone", "untrained knn k=1, backbone", "untrained finetune, 100 % of the labels (40)",
		"encoder knn k=1, projection", "encoder linear, lr 30",
	} {
		if !slices.Contains(rows, want) {
			t.Errorf("no row %q in %q", want, rows)
		}
	}
	for i, subject := range []string{"untrained", "encoder"} { // and not pixels
		if row := inMemory.LabelFree[i]; len(inMemory.LabelFree) != 2 || row.Subject != subject || row.Images != 20 || !row.HeldOut || row.Backbone.Rank <= 1 {
			t.Errorf("without labels: row %+v, want 20 held-out images judged by %s", row, subject)
		}
	}
	if len(said.notes) != 1 || !strings.Contains(said.notes[0], "the 40 training images searched") {
		t.Errorf("notes %q, want one that says that 200 neighbours are more than the images", said.notes)
	}
	if len(said.stages) == 0 || said.stages[0] != "pixels: features" {
		t.Errorf("stages %q, want the features of pixels first", said.stages)
	}
	if inMemory.Source != "file" || inMemory.Train != 40 || inMemory.Test != 20 || inMemory.Devices != 1 || len(inMemory.Classes) != 62 {
		t.Errorf("report of %q: %d training and %d test images", inMemory.Source, inMemory.Train, inMemory.Test)
	}

	o.Protocols, o.Baselines = []string{"knn", "linear-fast"}, []string{"pixels", "untrained"}
	read, err := Evaluate(t.Context(), m, w, streamed{train, 0}, streamed{test, 0}, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, r := range read.Rows {
		for _, of := range inMemory.Rows {
			if of.Subject == r.Subject && of.Name() == r.Name() {
				found++
				if !reflect.DeepEqual(r.Tally, of.Tally) {
					t.Errorf("%s %s: %v read image by image, %v in memory", r.Subject, r.Name(), r.Tally, of.Tally)
				}
			}
		}
	}
	if found != len(read.Rows) || found == 0 {
		t.Errorf("%d of %d rows found again", found, len(read.Rows))
	}
}

// Images without classes are judged, also where none is held out, and the table says by what; nothing else is possible.
func TestEvaluateWithoutLabels(t *testing.T) {
	m, w := engines.Mesh(t, engines.Go(t), 1), fileWeights()
	train := glyphs(t, "train", 40)
	train.Labels, train.Classes = nil, nil
	o := quick()
	o.Protocols, o.Baselines = []string{LabelFree}, []string{"pixels", "untrained"}
	r, err := Evaluate(t.Context(), m, w, train, nil, o, nil)
	if err != nil || len(r.Rows) != 0 || len(r.LabelFree) != 2 {
		t.Fatalf("%+v, %v, want two rows without labels", r, err)
	}
	row := r.LabelFree[1]
	if row.Images != 40 || row.HeldOut || row.Projection == nil || !(row.Projection.Rank > 1 && row.Backbone.Alignment > 0 && row.Backbone.Uniformity < 0) {
		t.Errorf("row %+v, want 40 training images judged", row)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || strings.Contains(table.String(), "protocol") ||
		!strings.Contains(table.String(), "by two views of 40 training images") || strings.Count(table.String(), "encoder ") != 2 {
		t.Errorf("%v, table\n%s", err, table.String())
	}
	o.Protocols = []string{"knn", LabelFree}
	if _, err := Evaluate(t.Context(), m, w, train, train, o, nil); !errors.Is(err, settings.ErrInvalid) {
		t.Errorf("kNN without classes: error %v", err)
	}
	one := &data.Set{Name: "one", N: 1, Size: train.Size, Channels: train.Channels, Pixels: train.Pixels[:train.ImageLen()]}
	o.Protocols, o.Baselines = []string{LabelFree}, nil
	if _, err := Evaluate(t.Context(), m, w, one, nil, o, nil); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "at least 2") {
		t.Errorf("one image: error %v", err)
	}
}

// The table has a row for each result and the mistakes of the last.
func TestWriteTable(t *testing.T) {
	tally := NewTally(2)
	tally.Add(0, []float32{1, 0})
	tally.Add(1, []float32{1, 0})
	classes := []string{"cat", "dog"}
	r := Report{Source: "runs/a", Step: 7, Data: "pets", Train: 5, Test: 2, Classes: classes}
	r.Rows = []Row{NewRow("encoder", "knn", "backbone", tally, classes)}
	r.Rows[0].K = 3
	var out bytes.Buffer
	if err := r.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	want := `runs/a after step 7, on pets: 5 training images, 2 test images, 2 classes

subject  protocol           top-1 %  95 % interval  top-5 %
encoder  knn k=3, backbone  50.0     9.5 to 90.5    100.0

most frequent mistakes of encoder, knn k=3, backbone: dog taken for cat (1)
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestEvaluateRefuses(t *testing.T) {
	m, w := engines.Mesh(t, engines.Go(t), 1), fileWeights()
	train, test := glyphs(t, "train", 40), glyphs(t, "test", 20)
	unlabeled := *test
	unlabeled.Labels = nil
	for _, c := range []struct {
		change func(*Options)
		test   data.Source
		want   string
	}{
		{func(o *Options) { o.Protocols = nil }, test, "--protocols is empty"},
		{func(o *Options) { o.Protocols = []string{"guess"} }, test, `--protocols is "guess"`},
		{func(o *Options) { o.Baselines = []string{"best"} }, test, `--baselines is "best"`},
		{func(o *Options) { o.Baselines = []string{"supervised"} }, test, "supervised, which takes the recipe of a run directory, and file is a file"},
		{func(o *Options) { o.Ks = []int{5, 1} }, test, "want ascending"},
		{func(o *Options) { o.Temperature = 0 }, test, "--knn-temperature is 0"},
		{func(o *Options) { o.Labels = []float64{0} }, test, "--labels has 0"},
		{func(o *Options) { o.Epochs, o.LR = -1, -1 }, test, "--epochs is -1, want 0 (the protocol's own) or more\n--lr is -1"},
		{func(o *Options) { o.Batch = -1 }, test, "--batch is -1"},
		{func(*Options) {}, &unlabeled, "no labels to judge by"},
	} {
		o := quick()
		c.change(&o)
		_, err := Evaluate(t.Context(), m, w, train, c.test, o, nil)
		if !errors.Is(err, settings.ErrInvalid) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("error %v, want settings.ErrInvalid and %q", err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Evaluate(ctx, m, w, train, test, quick(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: error %v", err)
	}
	for _, protocol := range Protocols {
		o := quick()
		o.Protocols, o.Baselines = []string{protocol}, nil
		if _, err := Evaluate(t.Context(), m, w, streamed{train, 39}, streamed{test, test.N - 1}, o, nil); !errors.Is(err, errDisk) {
			t.Errorf("%s of a source that fails: error %v, want its own", protocol, err)
		}
	}
}
