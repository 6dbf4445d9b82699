package picture

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// recording is testdata/pillow.json: see gen_pillow.py.
type recording struct {
	Size  int
	Cases []struct {
		Name       string
		Aspect     float64
		File, Want []byte
	}
}

func recorded(t testing.TB) recording {
	t.Helper()
	var r recording
	must.M(json.Unmarshal(must.M1(os.ReadFile(filepath.Join("testdata", "pillow.json"))), &r))
	return r
}

// libraries are those that this machine has: Go always.
func libraries(t *testing.T) []Library {
	if Best() == Go {
		t.Log("without TurboJPEG, which is not installed: ", loadTurbo())
		return []Library{Go}
	}
	return []Library{Go, Turbo}
}

// TestPillow holds every kind of file to Pillow's pixels: PNGs to the bit, JPEGs as close as the library comes.
func TestPillow(t *testing.T) {
	r := recorded(t)
	for _, library := range libraries(t) {
		d := must.M1(NewDecoder(r.Size, library))
		defer d.Close()
		for _, c := range r.Cases {
			t.Run(string(library)+"/"+c.Name, func(t *testing.T) {
				// Mean and largest difference allowed, in levels of 255.
				mean, most := 0.0, 0
				switch {
				case c.Name == "webp" || c.Name == "webp alpha": // libwebp interpolates chroma, which is repeated here
					mean, most = 1.2, 8
				case strings.HasPrefix(c.Name, "jpeg"):
					switch {
					case library == Turbo && c.Name == "jpeg reduced":
						mean, most = 1, 4
					case library == Turbo:
						mean, most = 0.2, 1
					default: // image/jpeg repeats chroma where libjpeg interpolates it
						mean, most = 1.2, 8
					}
				}
				dst := make([]uint8, 3*r.Size*r.Size)
				aspect, err := d.Squeeze(dst, c.File)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(float64(aspect)-c.Aspect) > 1e-6 {
					t.Errorf("aspect %v, want %v", aspect, c.Aspect)
				}
				sum, worst := 0, 0
				for i, v := range dst {
					difference := max(int(v)-int(c.Want[i]), int(c.Want[i])-int(v))
					sum, worst = sum+difference, max(worst, difference)
				}
				average := float64(sum) / float64(len(dst))
				t.Logf("differs by %.3f on average, %d at most", average, worst)
				if average > mean || worst > most {
					t.Errorf("differs from Pillow by %.3f levels on average and %d at most, want %v and %d", average, worst, mean, most)
				}
			})
		}
	}
}
