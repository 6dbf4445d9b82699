// Package tfevents writes scalars as TensorBoard's event files: TFRecords of tensorflow.Event messages, of which it
// encodes the few fields that scalars need.
//
// # Errors
//
// Everything returns errors.
package tfevents

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// Field numbers of tensorflow/core/util/event.proto and framework/summary.proto.
const (
	eventWallTime, eventStep, eventVersion, eventSummary, eventSession = 1, 2, 3, 5, 7
	summaryValue, valueTag, valueSimple                                = 1, 1, 2
	sessionStatus, sessionStart                                        = 1, 1
)

// Scalar is a value under a name such as "loss/query", which TensorBoard groups by its first part.
type Scalar struct {
	Tag   string
	Value float64
}

// Writer appends to one event file. Each call is one write: a crash loses at most the last, which readers pass over.
// It is used from one goroutine.
type Writer struct{ f durable.File }

// Create makes a new event file in dir, which it makes if need be; those that are there stay, and TensorBoard reads all
// of them as one run. It tells TensorBoard to forget what the older ones have from step first on: a run that goes on
// from a checkpoint does those steps again.
func Create(disk durable.FileSystem, dir string, first int) (*Writer, error) {
	if err := disk.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("tfevents: %w", err)
	}
	// TensorBoard reads the files of a folder in the order of their names.
	name := fmt.Sprintf("events.out.tfevents.%020d.mocotpu.%d", time.Now().UnixNano(), os.Getpid())
	f, err := disk.Append(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("tfevents: %w", err)
	}
	w := &Writer{f}
	version := protowire.AppendString(protowire.AppendTag(nil, eventVersion, protowire.BytesType), "brain.Event:2")
	session := protowire.AppendVarint(protowire.AppendTag(nil, sessionStatus, protowire.VarintType), sessionStart)
	start := protowire.AppendBytes(protowire.AppendTag(nil, eventSession, protowire.BytesType), session)
	if err := errors.Join(w.write(0, version), w.write(first, start)); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// Write adds scalars of one step. Values that are not finite are left out: TensorBoard draws none.
func (w *Writer) Write(step int, scalars ...Scalar) error {
	var summary []byte
	for _, s := range scalars {
		if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
			continue
		}
		value := protowire.AppendString(protowire.AppendTag(nil, valueTag, protowire.BytesType), s.Tag)
		value = protowire.AppendFixed32(protowire.AppendTag(value, valueSimple, protowire.Fixed32Type), math.Float32bits(float32(s.Value)))
		summary = protowire.AppendBytes(protowire.AppendTag(summary, summaryValue, protowire.BytesType), value)
	}
	return w.write(step, protowire.AppendBytes(protowire.AppendTag(nil, eventSummary, protowire.BytesType), summary))
}

// Close makes the file durable and closes it.
func (w *Writer) Close() error {
	if err := errors.Join(w.f.Sync(), w.f.Close()); err != nil {
		return fmt.Errorf("tfevents: %w", err)
	}
	return nil
}

// write appends an event with the encoded field what.
func (w *Writer) write(step int, what []byte) error {
	seconds := float64(time.Now().UnixNano()) / 1e9
	event := protowire.AppendFixed64(protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type), math.Float64bits(seconds))
	event = protowire.AppendVarint(protowire.AppendTag(event, eventStep, protowire.VarintType), uint64(step))
	if _, err := w.f.Write(record(append(event, what...))); err != nil {
		return fmt.Errorf("tfevents: %w", err)
	}
	return nil
}

// record frames data as a TFRecord: its length and the data, each followed by its masked CRC-32C.
func record(data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out := binary.LittleEndian.AppendUint32(length, masked(length))
	return binary.LittleEndian.AppendUint32(append(out, data...), masked(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is TFRecord's checksum, rotated so that a checksum of checksums stays one.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}
