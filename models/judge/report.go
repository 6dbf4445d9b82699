package judge

import (
	"encoding/json"
	"fmt"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// reportFormat changes when older programs must not read newer files.
const reportFormat = "mocotpu-eval-1"

// Report is what an evaluation found: report.json.
type Report struct {
	Format string `json:"format"`
	// Source is the run directory or file that was judged, after so many steps and epochs, where it says.
	Source string `json:"source"`
	Step   int    `json:"step"`
	Epoch  int    `json:"epoch"`
	// Data is the data set, Train and Test the numbers of its images, Classes their classes' names.
	Data    string   `json:"data"`
	Train   int      `json:"train"`
	Test    int      `json:"test"`
	Classes []string `json:"classes"`
	// Engine, Devices and Versions are what it was computed with.
	Engine   string            `json:"engine"`
	Devices  int               `json:"devices"`
	Versions map[string]string `json:"versions"`
	Rows     []Row             `json:"rows"`
	// LabelFree is what was judged without labels.
	LabelFree []LabelFreeRow `json:"label_free,omitempty"`
	// FewLabels is what was judged by exact numbers of labels: by subject and protocol, the fewest first.
	FewLabels []FewLabels `json:"few_labels,omitempty"`
}

// LabelFreeRow is one subject judged without labels.
type LabelFreeRow struct {
	Subject string `json:"subject"` // as that of a Row
	run.LabelFree
	Seconds float64 `json:"seconds"`
}

// Row is one subject judged by one protocol.
type Row struct {
	// Subject is what was judged: encoder, or a baseline (pixels, untrained, supervised).
	Subject string `json:"subject"`
	// Protocol is knn, linear-fast, linear or finetune; of Features, backbone or projection.
	Protocol string `json:"protocol"`
	Features string `json:"features"`
	// K is knn's number of neighbours; LR the learning rate of the others; Labels finetune's share of the training
	// labels in percent, and LabelledImages their number.
	K              int     `json:"k,omitempty"`
	LR             float64 `json:"lr,omitempty"`
	Labels         float64 `json:"labels,omitempty"`
	LabelledImages int     `json:"labelled_images,omitempty"`
	// Top1 and Top5 are percentages of N test images, Low and High the 95 % interval of Top1 (Wilson's).
	Top1 float64 `json:"top1"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Top5 float64 `json:"top5"`
	// PerClass counts the images of each class and those of them that were given it.
	PerClass []ClassCount `json:"per_class"`
	// Losses are the mean training losses of each epoch of a classifier.
	Losses  []float64 `json:"losses,omitempty"`
	Seconds float64   `json:"seconds"`
	*Tally
}

// ClassCount is one class's part of a tally.
type ClassCount struct {
	Class   string `json:"class"`
	Images  int    `json:"images"`
	Correct int    `json:"correct"`
}

// NewRow fills in what a tally tells.
func NewRow(subject, protocol, features string, t *Tally, classes []string) Row {
	r := Row{Subject: subject, Protocol: protocol, Features: features, Tally: t, Top1: t.Top1(), Top5: t.Top5()}
	r.Low, r.High = t.Interval()
	for class, row := range t.Confusion {
		c := ClassCount{Class: classes[class], Correct: row[class]}
		for _, n := range row {
			c.Images += n
		}
		r.PerClass = append(r.PerClass, c)
	}
	return r
}

// Encode returns the report as one line of JSON.
func (r Report) Encode() ([]byte, error) {
	r.Format = reportFormat
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("judge: report: %w", err)
	}
	return append(text, '\n'), nil
}

// maxReport bounds report.json: a confusion of a thousand classes in each of a dozen rows.
const maxReport = 64 << 20

// ReportSuffix is what `mocotpu eval` adds to a run directory's name for its report.
const ReportSuffix = ".report.json"

// ReadReport reads a report.json.
func ReadReport(name string) (Report, error) {
	var r Report
	text, err := regular.ReadFile(name, maxReport)
	if err != nil {
		return r, fmt.Errorf("judge: report: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("judge: report: %s: %w", name, err)
	}
	if r.Format != reportFormat {
		return r, fmt.Errorf("judge: report: %s: format %q, want %q: another version wrote it", name, r.Format, reportFormat)
	}
	for i, row := range r.Rows {
		if row.Tally == nil || len(row.Confusion) != len(r.Classes) {
			return r, fmt.Errorf("judge: report: %s: row %d lacks its confusion of %d classes", name, i, len(r.Classes))
		}
	}
	return r, nil
}
