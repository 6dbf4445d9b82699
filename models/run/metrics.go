package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Float is a number in a row. JSON has no NaN and no infinities: they are
// written as null, and null is read as NaN.
type Float float64

// MarshalJSON implements [json.Marshaler].
func (f Float) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(f))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (f *Float) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*f = Float(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(f))
}

// Finite is false for NaN and the infinities.
func (f Float) Finite() bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// The values of "kind" in metrics.jsonl.
const (
	kindTrain = "train"
	kindKNN   = "knn"
)

// Row is what the steps since the last row did: means over them, but for Step,
// Epoch, QueueFill and LR, which are those of the last one. All but Time is a
// function of the configuration and the data alone.
type Row struct {
	// Step is the number of steps done, from 1; Epoch is that of the last, from 0.
	Step  int `json:"step"`
	Epoch int `json:"epoch"`
	// Loss is the mean InfoNCE loss; with a symmetric loss the sum of Terms,
	// which holds the loss of each direction and is empty otherwise.
	Loss  Float   `json:"loss"`
	Terms []Float `json:"terms,omitempty"`
	// Chance is the loss of an encoder that cannot tell images apart; see [Chance].
	Chance Float `json:"chance"`
	// Top1 and Top5 are the percentages of queries whose key is the first, or
	// among the first five, of all keys.
	Top1 Float `json:"top1"`
	Top5 Float `json:"top5"`
	// Positive and Negative are the mean cosine similarities of a query to its
	// key and to the keys of the queue.
	Positive Float `json:"positive"`
	Negative Float `json:"negative"`
	// Spread is the standard deviation of the embeddings over the batch, averaged
	// over the dimensions, times the root of their number: 1 when they are spread
	// evenly over the sphere, 0 when they are all the same.
	Spread Float `json:"spread"`
	// QueueFill is the share of the queue that holds keys of images rather than
	// the random vectors it started with: 0 to 1.
	QueueFill Float `json:"queue_fill"`
	LR        Float `json:"lr"`
	// GradNorm is the L2 norm of the gradient of all parameters together.
	GradNorm Float `json:"grad_norm"`
	Time     Time  `json:"time"`
}

// Time is the part of a row that differs from run to run.
type Time struct {
	// Seconds since the start of this process's part of the run.
	Seconds Float `json:"seconds"`
	// ImagesPerSecond over the steps of the row, the waiting included.
	ImagesPerSecond Float `json:"images_per_second"`
	// DataWait is the share of that time spent waiting for data: 0 to 1.
	DataWait Float `json:"data_wait"`
}

// Chance returns the loss of embeddings that are all the same: log(queue+1), the
// cross-entropy of a guess among one positive and queue negatives, and twice
// that for a symmetric loss.
func Chance(queue int, symmetric bool) float64 {
	chance := math.Log(float64(queue) + 1)
	if symmetric {
		chance *= 2
	}
	return chance
}

// KNNRow is one evaluation: by nearest neighbours, where the images have classes, and without labels.
type KNNRow struct {
	// Step is the number of steps done, and Epoch the number of epochs: both are
	// 0 before training.
	Step  int `json:"step"`
	Epoch int `json:"epoch"`
	// K holds the numbers of neighbours; Backbone and Projection hold the top-1
	// accuracy for each in percent, on the pooled features and on the embedding.
	// All are empty for images without classes.
	K          []int   `json:"k"`
	Backbone   []Float `json:"backbone"`
	Projection []Float `json:"projection"`
	// Pixels is the same accuracy of raw pixels: the baseline, only in the row
	// before training, and for small images.
	Pixels []Float `json:"pixels,omitempty"`
	// Queries and Bank are the numbers of images judged and searched.
	Queries int `json:"queries"`
	Bank    int `json:"bank"`
	// Sample says that these are samples of the images of later rows: before training, of large sets. Pixels are then
	// those of the queries in all images that later rows search.
	Sample bool `json:"sample,omitempty"`
	// LabelFree is nil where there were no two images to judge by.
	LabelFree *LabelFree `json:"label_free,omitempty"`
	Seconds   Float      `json:"seconds"`
}

// check refuses accuracies that are not one for each number of neighbours.
func (r KNNRow) check() error {
	if n := len(r.K); len(r.Backbone) != n || len(r.Projection) != n && len(r.Projection) > 0 || len(r.Pixels) != n && len(r.Pixels) > 0 {
		return fmt.Errorf("k has %d numbers, backbone %d, projection %d and pixels %d, want as many in each, or none of the last two: mend or remove the line",
			n, len(r.Backbone), len(r.Projection), len(r.Pixels))
	}
	return nil
}

// Headline is the accuracy on the backbone's features for the last k, or NaN
// where there is none.
func (r KNNRow) Headline() float64 {
	if len(r.Backbone) == 0 {
		return math.NaN()
	}
	return float64(r.Backbone[len(r.Backbone)-1])
}

// The rows as they are written: the kind first.
type (
	trainLine struct {
		Kind string `json:"kind"`
		Row
	}
	knnLine struct {
		Kind string `json:"kind"`
		KNNRow
	}
)

// Line returns the row as one JSON object, without a newline.
func (r Row) Line() ([]byte, error) { return json.Marshal(trainLine{kindTrain, r}) }

// Line returns the row as one JSON object, without a newline.
func (r KNNRow) Line() ([]byte, error) { return json.Marshal(knnLine{kindKNN, r}) }

const (
	// maxMetrics bounds metrics.jsonl, which is read whole.
	maxMetrics = 256 << 20
	// maxRows of training fit into it, half a million.
	maxRows = maxMetrics / 512
)

// readMetrics returns the text of metrics.jsonl.
func readMetrics(name string) ([]byte, error) {
	text, err := regular.ReadFile(name, maxMetrics)
	if errors.Is(err, regular.ErrTooLong) {
		err = fmt.Errorf("%w: take some of its lines of kind train out, and go on with a higher --log-every", err)
	}
	return text, err
}

// Metrics appends rows to metrics.jsonl, each as soon as it is given.
type Metrics struct{ f durable.File }

// Metrics opens metrics.jsonl for rows after step: those of later steps, which
// a resumed run will write again, and a last line that a crash cut short are
// dropped first. A crash while doing so leaves the old file.
func (d *RunDir) Metrics(step int) (*Metrics, error) {
	m, err := openMetrics(d.fs, filepath.Join(d.path, MetricsFile), step)
	if err != nil {
		return nil, fmt.Errorf("run: metrics: %w", err)
	}
	return m, nil
}

func openMetrics(disk durable.FileSystem, name string, step int) (*Metrics, error) {
	text, err := readMetrics(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	kept, err := linesUpTo(text, step)
	if err != nil {
		return nil, unusable{fmt.Errorf("%s: %w", name, err)}
	}
	if !bytes.Equal(kept, text) {
		if err := durable.Replace(disk, name, kept); err != nil {
			return nil, err
		}
	}
	f, err := disk.Append(name)
	if err != nil {
		return nil, err
	}
	return &Metrics{f}, nil
}

// linesUpTo keeps the whole lines of steps up to step, byte for byte.
func linesUpTo(text []byte, step int) ([]byte, error) {
	var kept []byte
	err := eachLine(text, func(line []byte) error {
		var at struct{ Step int }
		if err := json.Unmarshal(line, &at); err != nil {
			return err
		}
		if at.Step <= step {
			kept = append(append(kept, line...), '\n')
		}
		return nil
	})
	return kept, err
}

// eachLine calls use for every line that ends in a newline: what comes after
// the last one is a write cut short.
func eachLine(text []byte, use func(line []byte) error) error {
	for number := 1; ; number++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return nil
		}
		if err := use(line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		text = rest
	}
}

// Write appends one row, a [Row] or a [KNNRow], as one line.
func (m *Metrics) Write(row interface{ Line() ([]byte, error) }) error {
	line, err := row.Line()
	if err == nil {
		_, err = m.f.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("run: metrics: %w", err)
	}
	return nil
}

// Sync makes the rows durable; call it before a checkpoint, which promises the
// rows up to its step. It may run beside Write.
func (m *Metrics) Sync() error { return m.f.Sync() }

// Close closes the file.
func (m *Metrics) Close() error { return m.f.Close() }

// ReadMetrics returns the rows of a run directory in the order of the file, of
// a finished run or one in progress. A directory without rows gives none.
func ReadMetrics(runDir string) ([]Row, []KNNRow, error) {
	text, err := readMetrics(filepath.Join(runDir, MetricsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("run: metrics: %w", err)
	}
	var rows []Row
	var knn []KNNRow
	err = eachLine(text, func(line []byte) error {
		var head struct{ Kind string }
		if err := json.Unmarshal(line, &head); err != nil {
			return err
		}
		switch head.Kind {
		case kindTrain:
			rows = append(rows, Row{})
			return json.Unmarshal(line, &rows[len(rows)-1])
		case kindKNN:
			knn = append(knn, KNNRow{})
			if err := json.Unmarshal(line, &knn[len(knn)-1]); err != nil {
				return err
			}
			return knn[len(knn)-1].check()
		}
		return fmt.Errorf("kind is %q, want %s or %s", head.Kind, kindTrain, kindKNN)
	})
	if err != nil {
		return nil, nil, unusable{fmt.Errorf("run: metrics: %s: %w", filepath.Join(runDir, MetricsFile), err)}
	}
	return rows, knn, nil
}
