package bank

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
)

// Match is a bank's image, and its cosine similarity to the image that was looked for, -1 to 1.
type Match struct {
	Name       string  `json:"name"`
	Similarity float32 `json:"similarity"`
}

// Found is what a bank has for one image.
type Found struct {
	Name    string  `json:"name"`
	Matches []Match `json:"matches"`
}

// Search finds for each image of a list its k most similar ones in the bank, the nearest first; all of them where the bank
// has fewer. Images that cannot be read are left out. The encoder must be the bank's: the error is [ErrOther] otherwise.
func (b *Bank) Search(ctx context.Context, s *judge.Search, e *encoder.Encoder, w *encoder.Weights, list *files.List, k int, o Options) ([]Found, error) {
	sum, err := w.Checksum()
	if err != nil {
		return nil, err
	}
	if sum != b.Encoder.SHA256 {
		return nil, fmt.Errorf("bank: %s holds %w: it was made by %s, which is not %s", b.path, ErrOther, b.Encoder.Path, w.Path)
	}
	var asked Manifest
	source, err := images(w, list, o, &asked.Broken)
	if err != nil {
		return nil, err
	}
	shown, err := e.EmbedAll(ctx, source, o.Progress)
	if err := errors.Join(err, source.Close()); err != nil {
		return nil, err
	}
	asked.name(list)
	queries := shown.Trunk
	if b.Encoder.Projection {
		queries = shown.Head
	}
	if len(asked.Names) == 0 {
		return nil, nil
	}
	rows, err := s.Neighbours(ctx, b.Rows, queries, min(k, b.Rows.Len()))
	if err != nil {
		return nil, err
	}
	all := make([]Found, len(rows))
	for i, neighbours := range rows {
		all[i].Name = asked.Names[i]
		for _, n := range neighbours {
			all[i].Matches = append(all[i].Matches, Match{Name: b.Names[n.Row], Similarity: n.Similarity})
		}
	}
	return all, nil
}

// WriteText writes each image's name, and below it the similarities and names of its matches.
func WriteText(w io.Writer, found []Found) error {
	for _, f := range found {
		if _, err := fmt.Fprintln(w, f.Name); err != nil {
			return err
		}
		for _, m := range f.Matches {
			if _, err := fmt.Fprintf(w, "%8.4f  %s\n", m.Similarity, m.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
