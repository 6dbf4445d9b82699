package encoder

import (
	"bytes"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// FuzzManifest looks for a manifest that panics its reader, or that does not come back when it is written again.
func FuzzManifest(f *testing.F) {
	for _, head := range []string{resnet.HeadLinear, resnet.HeadMLP, resnet.HeadNone} {
		f.Add(must.M1(small(head).Manifest.Encode()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := decodeManifest(text)
		if err != nil {
			return
		}
		again := must.M1(m.Encode())
		if second, err := decodeManifest(again); err != nil || !bytes.Equal(must.M1(second.Encode()), again) {
			t.Fatalf("read %+v, error %v, want %+v", second, err, m)
		}
		m.Network.Config().Params()
	})
}
