package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrDiffer says that the processes of a run do not have the same.
var ErrDiffer = errors.New("the processes of the run differ")

// Barrier waits until all processes have called it by this name, which is used once.
func (m *Meeting) Barrier(ctx context.Context, at string) error {
	_, err := m.all(ctx, "barrier/"+at, nil)
	return err
}

// Agree waits until all processes have called it by this name, which is used once, and compares their values. Where they
// are not all the same, the error of all is [ErrDiffer] and names those that differ from process 0.
func (m *Meeting) Agree(ctx context.Context, what, value string) error {
	values, err := m.all(ctx, "agree/"+what, []byte(value))
	if err != nil {
		return err
	}
	var differ []string
	for i, v := range values {
		if v != values[0] {
			differ = append(differ, fmt.Sprintf("%s has %s", m.Name(i), v))
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("rendezvous: %w in their %s: %s; %s has %s", ErrDiffer, what, strings.Join(differ, ", "), m.Name(0), values[0])
	}
	return nil
}

// all puts this process's value and waits for those of all.
func (m *Meeting) all(ctx context.Context, key string, value []byte) ([]string, error) {
	at := func(i int) string { return fmt.Sprintf("%s/%d", key, i) }
	if err := m.Put(at(m.config.Index), value); err != nil {
		return nil, err
	}
	values := make([]string, m.config.Count)
	for i := range values {
		v, err := m.get(ctx, at(i))
		if err != nil {
			return nil, err
		}
		values[i] = string(v)
	}
	return values, nil
}

// Share returns process 0's value to all processes that call it by this name, which is used once. The values of the others
// are not looked at.
func (m *Meeting) Share(ctx context.Context, what string, value []byte) ([]byte, error) {
	if m.config.Index == 0 {
		return value, m.Put("share/"+what, value)
	}
	return m.get(ctx, "share/"+what)
}
