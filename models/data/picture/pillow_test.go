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
		File       []byte
		Window     Window
		Want, Gray []byte // in RGB and in gray
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

// TestPillow holds every kind of file to Pillow's pixels, of three channels and of one: PNGs and TIFFs to the bit, JPEGs as
// close as the library comes. Those of 16 bits are held to numpy's and tifffile's samples.
func TestPillow(t *testing.T) {
	r := recorded(t)
	for _, library := range libraries(t) {
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
				for channels, want := range map[int][]byte{3: c.Want, 1: c.Gray} {
					d := must.M1(NewDecoder(Canvas{Size: r.Size, Channels: channels, Window: c.Window}, library))
					defer d.Close()
					dst := make([]uint8, len(want))
					aspect, err := d.Squeeze(dst, c.File)
					if err != nil {
						t.Fatal(err)
					}
					if math.Abs(float64(aspect)-c.Aspect) > 1e-6 {
						t.Errorf("aspect %v, want %v", aspect, c.Aspect)
					}
					sum, worst := 0, 0
					for i, v := range dst {
						difference := max(int(v)-int(want[i]), int(want[i])-int(v))
						sum, worst = sum+difference, max(worst, difference)
					}
					average := float64(sum) / float64(len(dst))
					t.Logf("%d channels differ by %.3f on average, %d at most", channels, average, worst)
					if average > mean || worst > most {
						t.Errorf("%d channels differ from Pillow by %.3f levels on average and %d at most, want %v and %d", channels, average, worst, mean, most)
					}
				}
			})
		}
	}
}
