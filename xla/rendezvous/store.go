package rendezvous

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// callTime limits a request that process 0 answers at once.
const callTime = Silence

// bucket is the name of the run's keys.
const bucket = "run"

func (m *Meeting) openStore(ctx context.Context) error {
	streams, err := jetstream.New(m.conn)
	if err != nil {
		return err
	}
	if m.config.Index == 0 {
		m.kv, err = streams.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucket, Storage: jetstream.MemoryStorage, MaxValueSize: maxValue,
		})
		return errors.Join(err, os.RemoveAll(m.dir)) // the server needs its empty folder no more, and a kill would leave it behind
	}
	for {
		if m.kv, err = streams.KeyValue(ctx, bucket); !errors.Is(err, jetstream.ErrBucketNotFound) {
			return err
		}
		select { // process 0 makes it in a moment
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(connectEvery / 10):
		}
	}
}

// encoded is a key as NATS takes it.
func encoded(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// Get waits for a key that another process puts, at most timeout; 0 does not wait. The error is
// [context.DeadlineExceeded] where the key did not come in time, [fs.ErrNotExist] where it was not waited for, and
// [ErrLost] when the run is over.
func (m *Meeting) Get(key string, timeout time.Duration) ([]byte, error) {
	if timeout > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return m.get(ctx, key)
	}
	ctx, cancel := context.WithTimeout(m.over, callTime)
	defer cancel()
	entry, err := m.kv.Get(ctx, encoded(key))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, fmt.Errorf("rendezvous: %w: %s", fs.ErrNotExist, key)
	case err != nil:
		return nil, m.explain(err)
	}
	return entry.Value(), nil
}

// get waits for a key as long as the context and the run last.
func (m *Meeting) get(ctx context.Context, key string) ([]byte, error) {
	value, err := m.Get(key, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return value, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.over, cancel)()
	watcher, err := m.kv.Watch(ctx, encoded(key))
	if err != nil {
		return nil, m.explain(err)
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case entry := <-watcher.Updates():
			if entry != nil { // nil: all that was there has been seen
				return entry.Value(), nil
			}
		case <-ctx.Done():
			return nil, m.explain(fmt.Errorf("waiting for %s: %w", key, ctx.Err()))
		}
	}
}

// Put sets a key.
func (m *Meeting) Put(key string, value []byte) error {
	ctx, cancel := context.WithTimeout(m.over, callTime)
	defer cancel()
	if _, err := m.kv.Put(ctx, encoded(key), value); err != nil {
		return m.explain(fmt.Errorf("setting %s: %w", key, err))
	}
	return nil
}

// explain says why a call failed: because the run is over, where it is.
func (m *Meeting) explain(err error) error {
	// The store is gone, with process 0 or because this connection is: why is on its way.
	if m.conn.IsClosed() || errors.Is(err, nats.ErrNoResponders) {
		select {
		case <-m.over.Done():
		case <-time.After(answerTime):
		}
	}
	if m.over.Err() != nil {
		return m.Why()
	}
	return fmt.Errorf("rendezvous: %w", err)
}
