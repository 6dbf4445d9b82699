package augment

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// recording is testdata/torchvision.json: see gen_torchvision.py.
type recording struct {
	Groups []recordedGroup
}

type recordedGroup struct {
	Name                 string
	Side, Size, Channels int
	Ops                  []string
	Active               string // letters of the jitter's operations: b, c, s, h
	Kernel               float64
	Mean, Std            [3]float64
	Views                []recordedView
}

type recordedView struct {
	Box                                   *[4]float64 // top, left, height, width in pixels
	Flip, Gray                            bool
	Brightness, Contrast, Saturation, Hue float64
	Order                                 [4]int
	Sigma                                 float64
}

func (r recordedView) view(canvas int) View {
	v := Neutral()
	if r.Box != nil {
		side := float64(canvas)
		v.Top, v.Left, v.Height, v.Width = r.Box[0]/side, r.Box[1]/side, r.Box[2]/side, r.Box[3]/side
	}
	v.Flip, v.Gray, v.Sigma, v.Order = r.Flip, r.Gray, r.Sigma, r.Order
	v.Brightness, v.Contrast, v.Saturation, v.Hue = r.Brightness, r.Contrast, r.Saturation, r.Hue
	return v
}

// config switches on what the group uses; strengths and probabilities beyond zero or not don't matter to Apply.
func (g recordedGroup) config() Config {
	on := func(letter string) float64 {
		if strings.Contains(g.Active, letter) {
			return 0.5
		}
		return 0
	}
	c := Config{Area: Range{0.1, 1}, Ratio: torchvisionRatio, Flip: 0.5, Ops: g.Ops, Mean: g.Mean, Std: g.Std}
	if slices.Contains(g.Ops, OpJitter) {
		c.Jitter = Jitter{P: 1, Brightness: on("b"), Contrast: on("c"), Saturation: on("s"), Hue: on("h")}
	}
	if slices.Contains(g.Ops, OpGray) {
		c.Gray = 0.5
	}
	if slices.Contains(g.Ops, OpBlur) {
		c.Blur = Blur{P: 0.5, Sigma: Range{0.1, 2}, Kernel: g.Kernel}
	}
	return c
}

// recordedPixels is the generator's formula for input image n: uint8 [side, side, channels].
func recordedPixels(n, side, channels int) []uint8 {
	var out []uint8
	for y := range side {
		for x := range side {
			for c := range channels {
				v := 7*y*y + 13*x*(c+1) + 31*n + x*y*(c+2)
				if (x+y+n)%11 == 0 {
					v = 17*y + 5*x
				}
				if (x+2*y+n)%13 == 0 {
					v = 255 * ((x + c) % 2)
				}
				out = append(out, uint8(v%256))
			}
		}
	}
	return out
}

// TestTorchvision holds every operation alone, all orders of the jitter, and the presets' chains to torchvision's
// outputs on float tensors.
func TestTorchvision(t *testing.T) {
	const tolerance = 2e-5 // of the [0, 1] scale
	var rec recording
	must.M(json.Unmarshal(must.M1(os.ReadFile(filepath.Join("testdata", "torchvision.json"))), &rec))
	recorded := bytes.NewReader(must.M1(os.ReadFile(filepath.Join("testdata", "torchvision.bin"))))

	for _, g := range rec.Groups {
		t.Run(g.Name, func(t *testing.T) {
			canvas := g.Side
			if g.Side == 28 && g.Size == 32 {
				canvas = 32
			}
			b := batch{side: g.Side, channels: g.Channels}
			for n, r := range g.Views {
				b.add(recordedPixels(n, g.Side, g.Channels), r.view(canvas))
			}
			want := make([]float32, len(g.Views)*g.Size*g.Size*3)
			must.M(binary.Read(recorded, binary.LittleEndian, want))
			got := b.apply(t, g.config(), g.Size)
			if len(got) != len(want) {
				t.Fatalf("got %d values, want %d", len(got), len(want))
			}
			worst, at := 0.0, 0
			for i := range want {
				if d := math.Abs(float64(got[i])-float64(want[i])) * g.Std[i%3]; !(d <= worst) {
					worst, at = d, i
				}
			}
			t.Logf("largest difference %.1e", worst)
			if !(worst <= tolerance) {
				t.Errorf("view %d, value %d: got %v, torchvision %v: differs by %.1e of the [0, 1] scale, want at most %.0e",
					at/(g.Size*g.Size*3), at%(g.Size*g.Size*3), got[at], want[at], worst, tolerance)
			}
		})
	}
	if recorded.Len() != 0 {
		t.Errorf("%d bytes of the recording left unread", recorded.Len())
	}
}

// TestPresetsAreTheRecordedChains ties the fixture to the presets: the recorded v1, v2 and cifar chains have the
// presets' operations, order, blur kernel and normalisation.
func TestPresetsAreTheRecordedChains(t *testing.T) {
	var rec recording
	must.M(json.Unmarshal(must.M1(os.ReadFile(filepath.Join("testdata", "torchvision.json"))), &rec))
	compared := 0
	for _, g := range rec.Groups {
		if !slices.Contains(Presets(), g.Name) {
			continue
		}
		compared++
		got, want := must.M1(Preset(g.Name)), g.config()
		if !slices.Equal(got.Ops, want.Ops) || got.Blur.Kernel != want.Blur.Kernel ||
			got.Mean != want.Mean || got.Std != want.Std {
			t.Errorf("%s: preset %+v is not the recorded chain %+v", g.Name, got, want)
		}
		if (got.Jitter.Hue > 0) != (want.Jitter.Hue > 0) || (got.Jitter.Saturation > 0) != (want.Jitter.Saturation > 0) {
			t.Errorf("%s: preset's jitter %+v uses other operations than the recorded %+v", g.Name, got.Jitter, want.Jitter)
		}
	}
	if compared != 4 {
		t.Errorf("compared %d presets, want v1, v2, cifar and digits", compared)
	}
}
