package bench

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Data has a row for every way to read images, and PyTorch's from the script's answer.
func TestData(t *testing.T) {
	path := fakePython(t, `cat >/dev/null
case "$2" in *'"batch":8,'*'"size":32,"workers":2'*) ;; *) exit 3 ;; esac
echo '{"versions":{"torch":"9.9","pillow":"7.7"},"ms":[20,60]}'`)
	r := must.M1(Data(t.Context(), DataOptions{Images: 32, Batch: 8, Canvas: 32, Workers: 2, Python: path, Limit: time.Minute, Talk: t.Output()}))
	want := []string{"decode go", "pack " + string(picture.Best()), "packed ", "DataLoader "}
	if picture.Best() != picture.Go {
		want = append([]string{want[0], "decode " + string(picture.Best())}, want[1:]...)
	}
	var got []string
	for _, row := range r.Rows {
		got = append(got, row.label("way")+" "+row.label("jpeg"))
		if row.rate() <= 0 || math.Abs(row.Values[pixelsUnit]-row.rate()*3*32*32/1e6) > 1e-9*row.Values[pixelsUnit] {
			t.Errorf("row %+v lacks figures", row)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("rows %q, want %q", got, want)
	}
	if last := r.Rows[len(r.Rows)-1]; last.rate() != 200 || last.Iterations != 16 || last.Values[anonUnit] != 0 {
		t.Errorf("PyTorch's row is %+v, want 16 images in 80 ms", last)
	}
	if r.Versions["torch"] != "9.9" || !strings.Contains(r.Source, "32 JPEGs") {
		t.Errorf("versions %v, source %q", r.Versions, r.Source)
	}
}

// A folder of one's own is read, without PyTorch where none is wanted; a batch too large for it is refused.
func TestDataOfFolder(t *testing.T) {
	o := DataOptions{Folder: t.TempDir(), Images: 16, Batch: 8, Canvas: 16, Workers: 1, Limit: time.Minute, Talk: t.Output()}
	must.M(specimen.Folder(t.Context(), o.Folder, specimen.Options{Images: 24, Classes: 2, Width: 40, Height: 30}))
	r := must.M1(Data(t.Context(), o))
	if last := r.Rows[len(r.Rows)-1]; last.Missing != "--python is empty" || !strings.HasPrefix(r.Source, "16 of the 24 in ") {
		t.Errorf("row %+v, source %q", last, r.Source)
	}
	o.Images, o.Batch = 0, 20
	if _, err := Data(t.Context(), o); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "bench.batch is 20, want two batches or more of the 24 images") {
		t.Errorf("error %v, want a batch too large refused", err)
	}
}
