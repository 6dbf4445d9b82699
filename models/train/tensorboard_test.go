package train

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mocotpu/mocotpu/models/run"
)

// forgotten are the steps from which on TensorBoard forgets what it has read before, in the order of the files.
func forgotten(t *testing.T, dir string) (steps []int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	const stepField, sessionField = 2, 7
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for len(text) > 0 {
			n := int(binary.LittleEndian.Uint64(text))
			event, step, starts := text[12:12+n], uint64(0), false
			text = text[12+n+4:]
			for len(event) > 0 {
				field, kind, size := protowire.ConsumeTag(event)
				if field == stepField {
					step, _ = protowire.ConsumeVarint(event[size:])
				}
				starts = starts || field == sessionField
				event = event[size+protowire.ConsumeFieldValue(field, kind, event[size:]):]
			}
			if starts {
				steps = append(steps, int(step))
			}
		}
	}
	return steps
}

// TensorBoard forgets the steps that are done again, and no others: not the whole run where an evaluation is made up for before
// the first step, and also where the run goes back to a checkpoint by itself.
func TestTensorBoardForgets(t *testing.T) {
	row := func(b *TensorBoard, steps ...int) {
		for _, step := range steps {
			b.Step(step, 600)
			b.Row(run.Row{Step: step})
		}
	}
	for name, test := range map[string]struct {
		tell func(b *TensorBoard)
		want []int
	}{
		"from the start":                 {func(b *TensorBoard) { b.KNN(run.KNNRow{}); row(b, 1, 2); b.KNN(run.KNNRow{Step: 2}); row(b, 3) }, []int{0}},
		"from a checkpoint":              {func(b *TensorBoard) { row(b, 501, 502); b.KNN(run.KNNRow{Step: 502}) }, []int{501}},
		"an evaluation is made up for":   {func(b *TensorBoard) { b.KNN(run.KNNRow{Step: 500}); row(b, 501, 502) }, []int{501}},
		"back to a checkpoint":           {func(b *TensorBoard) { row(b, 1, 2, 3, 2, 3, 4) }, []int{1, 2}},
		"back to one that is evaluated":  {func(b *TensorBoard) { row(b, 1, 2, 3); b.KNN(run.KNNRow{Step: 2}); row(b, 3) }, []int{1, 3}},
		"back, with nothing written yet": {func(b *TensorBoard) { b.Step(1, 600); b.Step(2, 600); row(b, 1) }, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &TensorBoard{Reporter: &recorder{}, Dir: filepath.Join(t.TempDir(), "events")}
			test.tell(b)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if got := forgotten(t, b.Dir); !slices.Equal(got, test.want) {
				t.Errorf("forgets from steps %v, want %v", got, test.want)
			}
		})
	}
}
