package run

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

func newRunDir(t *testing.T) *RunDir {
	t.Helper()
	d, err := OpenDir(durable.Disk{}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func write(t *testing.T, d *RunDir, after int, rows ...interface{ Line() ([]byte, error) }) {
	t.Helper()
	m, err := d.Metrics(after)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := m.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMetricsRoundTrip: rows of both kinds come back equal, in order.
func TestMetricsRoundTrip(t *testing.T) {
	d := newRunDir(t)
	if rows, knn, err := ReadMetrics(d.Path()); len(rows)+len(knn) > 0 || err != nil {
		t.Errorf("no file: %v, %v, error %v, want nothing", rows, knn, err)
	}
	row := Row{
		Step: 10, Epoch: 1, Loss: 0.1 + 0.2, Terms: []Float{0.1, 0.2}, Chance: Float(Chance(4096, true)),
		Top1: 50, Top5: 75, Positive: 0.5, Negative: -0.25, Spread: 0.9, QueueFill: 1, LR: 1e-7, GradNorm: 3,
		Time: Time{Seconds: 2, ImagesPerSecond: 640, DataWait: 0.5},
	}
	knn := KNNRow{Step: 10, Epoch: 2, K: []int{1, 200}, Backbone: []Float{50, 60}, Projection: []Float{40, 45}, Queries: 100, Bank: 1000, Seconds: 3}
	write(t, d, 0, knn, row, row)
	rows, knns, err := ReadMetrics(d.Path())
	if err != nil || !reflect.DeepEqual(rows, []Row{row, row}) || !reflect.DeepEqual(knns, []KNNRow{knn}) {
		t.Errorf("read %+v, %+v, error %v", rows, knns, err)
	}
	if got := knn.Headline(); got != 60 {
		t.Errorf("headline %g, want 60", got)
	}
	if got := (KNNRow{}).Headline(); !math.IsNaN(got) {
		t.Errorf("headline of nothing %g, want NaN", got)
	}
}

// TestMetricsNotFinite: NaN and the infinities become null, which any JSON
// reader takes, and null becomes NaN.
func TestMetricsNotFinite(t *testing.T) {
	row := Row{Step: 1, Loss: Float(math.NaN()), Terms: []Float{Float(math.Inf(1)), 1}, GradNorm: Float(math.Inf(-1))}
	line, err := row.Line()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"kind":"train","step":1,`, `"loss":null`, `"terms":[null,1]`, `"grad_norm":null`} {
		if !strings.Contains(string(line), want) {
			t.Errorf("line %s, want %s in it", line, want)
		}
	}
	var back Row
	if err := json.Unmarshal(line, &back); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(float64(back.Loss)) || !math.IsNaN(float64(back.Terms[0])) || back.Terms[1] != 1 || !math.IsNaN(float64(back.GradNorm)) || back.LR != 0 {
		t.Errorf("read back %+v", back)
	}
}

// TestMetricsResume: rows after the checkpoint and a line cut short go, those
// before stay byte for byte.
func TestMetricsResume(t *testing.T) {
	d := newRunDir(t)
	write(t, d, 0, KNNRow{}, Row{Step: 10}, Row{Step: 20}, KNNRow{Step: 20, Epoch: 1}, Row{Step: 30})
	path := filepath.Join(d.Path(), MetricsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	upTo20 := string(text[:strings.Index(string(text), `{"kind":"train","step":30`)])
	for cut := len(upTo20); cut <= len(text); cut++ {
		if err := os.WriteFile(path, text[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		write(t, d, 20)
		if got, _ := os.ReadFile(path); string(got) != upTo20 {
			t.Fatalf("cut at %d: left %q, want %q", cut, got, upTo20)
		}
	}
	write(t, d, 20, Row{Step: 25})
	rows, knn, err := ReadMetrics(d.Path())
	if err != nil || len(rows) != 3 || rows[2].Step != 25 || len(knn) != 2 {
		t.Errorf("after resuming: %+v, %+v, error %v", rows, knn, err)
	}
}

// TestMetricsBadLine: a file that is not ours is an error with the line, and
// stays as it is.
func TestMetricsBadLine(t *testing.T) {
	for _, bad := range []string{"hello\n", "{\"step\":\"x\"}\n"} {
		d := newRunDir(t)
		write(t, d, 0, Row{Step: 10})
		path := filepath.Join(d.Path(), MetricsFile)
		text, _ := os.ReadFile(path)
		text = append(text, bad...)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Metrics(5); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: error %v, want line 2", bad, err)
		}
		if got, _ := os.ReadFile(path); string(got) != string(text) {
			t.Errorf("%q: the file became %q", bad, got)
		}
		if _, _, err := ReadMetrics(d.Path()); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: reading: error %v, want line 2", bad, err)
		}
	}
	d := newRunDir(t)
	if err := os.WriteFile(filepath.Join(d.Path(), MetricsFile), []byte("{\"kind\":\"other\",\"step\":1}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadMetrics(d.Path()); err == nil || !strings.Contains(err.Error(), `kind is "other"`) {
		t.Errorf("unknown kind: error %v", err)
	}
}

// A row with accuracies of other numbers of neighbours than it names is refused with its line; one without labels has none.
func TestMetricsLengths(t *testing.T) {
	two := []Float{50, 60}
	for _, test := range []struct {
		row  KNNRow
		good bool
	}{
		{KNNRow{}, true},
		{KNNRow{K: []int{1, 5}, Backbone: two, Projection: two}, true},
		{KNNRow{K: []int{1, 5}, Backbone: two, Projection: two, Pixels: two}, true},
		{KNNRow{K: []int{}, Backbone: two, Projection: two}, false},
		{KNNRow{K: []int{1}, Backbone: two, Projection: two}, false},
		{KNNRow{K: []int{1, 5}, Backbone: two[:1], Projection: two}, false},
		{KNNRow{K: []int{1, 5}, Backbone: two, Projection: two[:1]}, false},
		{KNNRow{K: []int{1, 5}, Backbone: two}, true},
		{KNNRow{K: []int{1, 5}, Backbone: two, Projection: two, Pixels: two[:1]}, false},
		{KNNRow{Pixels: two}, false},
	} {
		d := newRunDir(t)
		write(t, d, 0, KNNRow{}, test.row)
		_, _, err := ReadMetrics(d.Path())
		if test.good && err != nil || !test.good && (!errors.Is(err, ErrDirectory) || !strings.Contains(err.Error(), "line 2")) {
			t.Errorf("%+v: error %v, usable %t", test.row, err, test.good)
		}
	}
}

// A file that is too long says how to go on, read or appended to; rows of training are as short as their bound takes them to be.
func TestMetricsTooLong(t *testing.T) {
	d := newRunDir(t)
	write(t, d, 0, Row{Step: 1})
	if err := os.Truncate(filepath.Join(d.Path(), MetricsFile), maxMetrics+1); err != nil {
		t.Fatal(err)
	}
	_, appending := d.Metrics(1)
	_, _, reading := ReadMetrics(d.Path())
	for _, err := range []error{appending, reading} {
		if !errors.Is(err, regular.ErrTooLong) || !strings.Contains(err.Error(), "--log-every") {
			t.Errorf("error %v, want ErrTooLong and what to do", err)
		}
	}
	x := Float(100.0 / 3)
	line, err := Row{
		Step: 1e7, Epoch: 1e4, Loss: x, Chance: x, Top1: x, Top5: x, Positive: x, Negative: -x / 100, Spread: x, QueueFill: x, LR: x / 1000, GradNorm: x,
		Time: Time{Seconds: 1000 * x, ImagesPerSecond: 1000 * x, DataWait: x / 1000},
	}.Line()
	if err != nil || len(line) > maxMetrics/maxRows {
		t.Errorf("a row has %d bytes, error %v, want at most %d", len(line), err, maxMetrics/maxRows)
	}
}

// TestChance against the published closed forms.
func TestChance(t *testing.T) {
	tests := []struct {
		queue     int
		symmetric bool
		want      float64
	}{
		{4096, false, 8.318010},
		{65536, false, 11.090370},
		{4096, true, 16.636020},
	}
	for _, tt := range tests {
		if got := Chance(tt.queue, tt.symmetric); math.Abs(got-tt.want) > 1e-6 {
			t.Errorf("Chance(%d, %v) = %.7f, want %.6f", tt.queue, tt.symmetric, got, tt.want)
		}
	}
}
