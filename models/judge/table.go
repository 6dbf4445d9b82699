package judge

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mocotpu/mocotpu/models/run"
)

// WriteTable prints the report for people, in one piece: a row for each result, then the most frequent mistakes of the
// last.
func (r Report) WriteTable(out io.Writer) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s after step %d, on %s: %d training images, %d test images, %d classes\n",
		r.Source, r.Step, r.Data, r.Train, r.Test, len(r.Classes))
	r.writeLabelled(&text)
	r.writeFewLabels(&text)
	r.writeLabelFree(&text)
	_, err := out.Write(text.Bytes())
	return err
}

// writeLabelled prints the rows, and the last one's mistakes, if there are any.
func (r Report) writeLabelled(text *bytes.Buffer) {
	if len(r.Rows) == 0 {
		return
	}
	fmt.Fprintln(text)
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "subject\tprotocol\ttop-1 %\t95 % interval\ttop-5 %")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%.1f to %.1f\t%.1f\n", row.Subject, row.Name(), row.Top1, row.Low, row.High, row.Top5)
	}
	_ = table.Flush() // into memory
	r.writeMistakes(text, r.Rows[len(r.Rows)-1])
}

// writeFewLabels prints the accuracies of few labels, if there are any.
func (r Report) writeFewLabels(text *bytes.Buffer) {
	if len(r.FewLabels) == 0 {
		return
	}
	fmt.Fprintf(text, "\nfew labels: mean of %d draws and its 95 %% interval\n\n", len(r.FewLabels[0].Draws))
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "subject\tprotocol\ttop-1 %\t95 % interval")
	for _, f := range r.FewLabels {
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%.1f to %.1f\n", f.Subject, f.Name(), f.Mean, f.Low, f.High)
	}
	_ = table.Flush() // into memory
}

// writeLabelFree prints what was found without labels, if anything was.
func (r Report) writeLabelFree(text *bytes.Buffer) {
	if len(r.LabelFree) == 0 {
		return
	}
	of := "held-out"
	if !r.LabelFree[0].HeldOut {
		of = "training"
	}
	fmt.Fprintf(text, "\nwithout labels, by two views of %d %s images\n\n", r.LabelFree[0].Images, of)
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "subject\tfeatures\teffective rank\talignment\tuniformity\tother view found %")
	for _, row := range r.LabelFree {
		line := func(features string, g run.Geometry) {
			fmt.Fprintf(table, "%s\t%s\t%.1f\t%.3f\t%.3f\t%.1f\n", row.Subject, features, g.Rank, g.Alignment, g.Uniformity, g.Retrieval)
		}
		line("backbone", row.Backbone)
		if row.Projection != nil {
			line("projection", *row.Projection)
		}
	}
	_ = table.Flush() // into memory
}

// writeMistakes prints the most frequent mistakes of a row, if there are any.
func (r Report) writeMistakes(text *bytes.Buffer, of Row) {
	var mistakes []string
	for _, m := range of.Mistakes(5) {
		mistakes = append(mistakes, fmt.Sprintf("%s taken for %s (%d)", r.Classes[m.Label], r.Classes[m.Given], m.Images))
	}
	if len(mistakes) > 0 {
		fmt.Fprintf(text, "\nmost frequent mistakes of %s, %s: %s\n", of.Subject, of.Name(), strings.Join(mistakes, ", "))
	}
}

// Name is the row's protocol with its settings, as the table has it.
func (r Row) Name() string {
	switch r.Protocol {
	case "knn":
		return fmt.Sprintf("knn k=%d, %s", r.K, r.Features)
	case "finetune":
		return fmt.Sprintf("finetune, %g %% of the labels (%d)", r.Labels, r.LabelledImages)
	case "supervised":
		return "its own classifier"
	}
	return fmt.Sprintf("%s, lr %g", r.Protocol, r.LR)
}
