package rendezvous

import (
	"bytes"
	"strings"
	"testing"
)

// Parts that do not end where chunks do, empty ones among them, arrive whole, and the store keeps none of them.
func TestBroadcast(t *testing.T) {
	sizes := []int{3, chunk - 1, 0, 2*chunk + 5, 1}
	each(meet(t, 3), func(i int, m *Meeting) {
		var parts, want [][]byte
		for p, size := range sizes {
			want = append(want, bytes.Repeat([]byte{byte(p + 1)}, size))
			parts = append(parts, make([]byte, size))
		}
		if i == 0 {
			parts = want
		}
		if err := m.Broadcast(t.Context(), "state", parts); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		for p := range parts {
			if !bytes.Equal(parts[p], want[p]) {
				t.Errorf("process %d: part %d of %d bytes is another", i, p, len(parts[p]))
			}
		}
		if err := m.Barrier(t.Context(), "passed"); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		if m.server == nil {
			return
		}
		if status, err := m.kv.Status(t.Context()); err != nil || status.Bytes() > chunk {
			t.Errorf("the store holds %d bytes after it, %v", status.Bytes(), err)
		}
	})
}

// Who has other sizes is told so.
func TestBroadcastOfAnotherSize(t *testing.T) {
	each(meet(t, 2), func(i int, m *Meeting) {
		err := m.Broadcast(t.Context(), "state", [][]byte{make([]byte, 5+i)})
		if i == 1 {
			if err == nil || !strings.Contains(err.Error(), "process 0 has 5 bytes, this process 6") {
				t.Errorf("error %v, want both sizes", err)
			}
			m.Abort("other sizes")
		} else if err == nil {
			t.Error("process 0 goes on though the other fails")
		}
	})
}
