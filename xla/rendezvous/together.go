package rendezvous

import (
	"context"
	"fmt"
)

// Barrier waits until all processes have called it by this name, which is used once.
func (m *Meeting) Barrier(ctx context.Context, at string) error {
	key := func(i int) string { return fmt.Sprintf("barrier/%s/%d", at, i) }
	if err := m.Put(key(m.config.Index), nil); err != nil {
		return err
	}
	for i := range m.config.Count {
		if _, err := m.await(ctx, i, key(i), at); err != nil {
			return err
		}
	}
	return nil
}

// Share returns process 0's value to all processes that call it by this name, which is used once. The values of the others
// are not looked at.
func (m *Meeting) Share(ctx context.Context, what string, value []byte) ([]byte, error) {
	if m.config.Index == 0 {
		return value, m.Put("share/"+what, value)
	}
	return m.await(ctx, 0, "share/"+what, what)
}

// chunk is how much of a broadcast is in the store at a time, in bytes.
const chunk = 8 << 20

// Broadcast copies process 0's memory to that of the others, who call it by this name, which is used once, with parts of
// the same sizes.
func (m *Meeting) Broadcast(ctx context.Context, what string, parts [][]byte) error {
	buffer := make([]byte, 0, chunk)
	at := 0
	flush := func() error {
		key := fmt.Sprintf("broadcast/%s/%d", what, at)
		at++
		return m.pass(ctx, key, buffer)
	}
	var filled [][]byte // the pieces of parts that the buffer is for
	for _, part := range parts {
		for len(part) > 0 {
			n := min(len(part), chunk-len(buffer))
			buffer = append(buffer, part[:n]...)
			filled, part = append(filled, part[:n]), part[n:]
			if len(buffer) < chunk {
				continue
			}
			if err := flush(); err != nil {
				return err
			}
			buffer, filled = scatter(buffer, filled), filled[:0]
		}
	}
	if err := flush(); err != nil {
		return err
	}
	scatter(buffer, filled)
	return nil
}

// pass fills the buffer with process 0's, which has as much in it.
func (m *Meeting) pass(ctx context.Context, key string, buffer []byte) error {
	if m.config.Index == 0 {
		if err := m.Put(key, buffer); err != nil {
			return err
		}
		defer func() { _ = m.kv.Purge(ctx, encoded(key)) }() // its memory only
		return m.Barrier(ctx, key)
	}
	value, err := m.await(ctx, 0, key, key)
	if err != nil {
		return err
	}
	if len(value) != len(buffer) {
		return fmt.Errorf("rendezvous: %s: process 0 has %d bytes, this process %d: want the same", key, len(value), len(buffer))
	}
	copy(buffer, value)
	return m.Barrier(ctx, key)
}

// scatter copies a buffer to the pieces that it was gathered from, and empties it.
func scatter(buffer []byte, pieces [][]byte) []byte {
	rest := buffer
	for _, p := range pieces {
		rest = rest[copy(p, rest):]
	}
	return buffer[:0]
}
