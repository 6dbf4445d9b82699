package packed

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/format/npy"
)

// anonymous is the process's memory that belongs to no file, in bytes, as Linux reports it.
func anonymous(t *testing.T) int64 {
	t.Helper()
	for line := range strings.Lines(string(must.M1(os.ReadFile("/proc/self/status")))) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	t.Fatal("/proc/self/status has no RssAnon")
	return 0
}

// TestMemoryDoesNotGrowWithTheSet reads batches from all over a set of 157 GB, a file of nothing but holes: the process
// takes no memory of its own for it.
func TestMemoryDoesNotGrowWithTheSet(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a process's anonymous memory")
	}
	const n, side, batch, batches = 800000, 256, 64, 16
	dir := t.TempDir()
	images := must.M1(os.Create(filepath.Join(dir, imagesFile)))
	header := npy.Header{Type: npy.Uint8, Shape: []int{n, side, side, 3}}
	must.M1(images.Write(header.Encode()))
	must.M(images.Truncate(npy.HeaderLen + header.Bytes()))
	must.M(images.Close())
	aspect := (npy.Header{Type: npy.Float32, Shape: []int{n}}).Encode()
	for range n {
		aspect = binary.LittleEndian.AppendUint32(aspect, math.Float32bits(1))
	}
	must.M(os.WriteFile(filepath.Join(dir, aspectFile), aspect, 0o644))
	must.M(replace(filepath.Join(dir, metaFile), Meta{Format: format, Count: n, Canvas: side}))

	order := data.Order(0, 0, n)
	dst, rows := make([]uint8, batch*3*side*side), make([]data.Row, batch)
	s := must.M1(Open(dir))
	defer s.Close()
	must.M(s.Fill(dst, rows, order[:batch])) // the first takes the buffer's memory
	debug.FreeOSMemory()
	before := anonymous(t)
	for b := 1; b < batches; b++ {
		s.Prefetch(order[(b+1)*batch : (b+2)*batch])
		must.M(s.Fill(dst, rows, order[b*batch:(b+1)*batch]))
	}
	grown := anonymous(t) - before
	t.Logf("a set of %d GB, %d MB read: anonymous memory grew by %d MB", header.Bytes()/1e9, int64(batches)*batch*3*side*side/1e6, grown/1e6)
	if grown > 32<<20 {
		t.Errorf("anonymous memory grew by %d bytes, want less than 32 MiB", grown)
	}
}
