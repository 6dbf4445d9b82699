package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mocotpu/mocotpu/models/judge"
)

// writeEvalTable prints a report for people: a row for each result, then the encoder's hardest classes.
func writeEvalTable(out io.Writer, r judge.Report) {
	fmt.Fprintf(out, "%s after step %d, on %s: %d training images, %d test images, %d classes\n\n",
		r.Source, r.Step, r.Data, r.Train, r.Test, len(r.Classes))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "subject\tprotocol\ttop-1 %\t95 % interval\ttop-5 %")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%s\t%.1f\t%.1f to %.1f\t%.1f\n", row.Subject, protocolOf(row), row.Top1, row.Low, row.High, row.Top5)
	}
	_ = table.Flush() // the writer keeps what it cannot write to itself
	if len(r.Rows) == 0 {
		return
	}
	last := r.Rows[len(r.Rows)-1]
	var mistakes []string
	for _, m := range last.Mistakes(5) {
		mistakes = append(mistakes, fmt.Sprintf("%s taken for %s (%d)", r.Classes[m.Label], r.Classes[m.Given], m.Images))
	}
	if len(mistakes) > 0 {
		fmt.Fprintf(out, "\nmost frequent mistakes of %s, %s: %s\n", last.Subject, protocolOf(last), strings.Join(mistakes, ", "))
	}
}

// protocolOf names a row's protocol with its settings.
func protocolOf(row judge.Row) string {
	switch row.Protocol {
	case "knn":
		return fmt.Sprintf("knn k=%d, %s", row.K, row.Features)
	case "finetune":
		return fmt.Sprintf("finetune, %g %% of the labels (%d)", row.Labels, row.LabelledImages)
	case "supervised":
		return "its own classifier"
	}
	return fmt.Sprintf("%s, lr %g", row.Protocol, row.LR)
}
