package run

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"
)

// FuzzRecord looks for a config.json that panics what looks at it, or that does not come back when it is written again.
func FuzzRecord(f *testing.F) {
	for _, preset := range PresetNames() {
		f.Add(must.M1(Record{Config: must.M1(Preset(preset)), Versions: map[string]string{"go": "1"}}.Encode()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decodeRecord(text)
		if err != nil {
			return
		}
		again := must.M1(r.Encode())
		if second, err := decodeRecord(again); err != nil || !bytes.Equal(must.M1(second.Encode()), again) {
			t.Fatalf("read %+v, error %v, want %+v", second, err, r)
		}
		_ = r.CheckSize(mostMemory)
		if r.Validate() == nil {
			r.Step()
			_ = r.ValidateData(1 << 20)
			_ = r.Warnings(1 << 20)
		}
	})
}

// FuzzMetrics looks for a metrics.jsonl that panics its readers, or of which a resumed run keeps what a reader refuses.
func FuzzMetrics(f *testing.F) {
	row, knn := must.M1(Row{Step: 1}.Line()), must.M1(KNNRow{K: []int{1}, Backbone: []Float{2}}.Line())
	f.Add(append(append(append(row, '\n'), knn...), '\n'), 1)
	f.Add([]byte("{\"kind\":\"train\",\"step\":9,\"loss\":null}\n{"), 3)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		dir := t.TempDir()
		must.M(os.WriteFile(filepath.Join(dir, MetricsFile), text, 0o644))
		_, _, err := ReadMetrics(dir)
		kept, keepErr := linesUpTo(text, step)
		if keepErr != nil || err != nil {
			return
		}
		must.M(os.WriteFile(filepath.Join(dir, MetricsFile), kept, 0o644))
		rows, knn, err := ReadMetrics(dir)
		if err != nil {
			t.Fatalf("what is kept cannot be read: %v", err)
		}
		for _, r := range rows {
			if r.Step > step {
				t.Errorf("a row of step %d, want none after %d", r.Step, step)
			}
		}
		for _, k := range knn {
			k.Headline()
		}
	})
}
