package convert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// ErrUnsupported says that a format cannot hold what is asked for.
var ErrUnsupported = errors.New("this format cannot hold it")

// Source is what is exported.
type Source struct {
	Encoder *encoder.Weights
	// Run is the rest of the run's checkpoint, which the moco format wants, and Dir its directory, of which the timm format
	// tells; nil and empty where there is none.
	Run *encoder.Run
	Dir string
}

// LoadSource reads a run directory or an encoder's file.
func LoadSource(path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, err
	}
	if !info.IsDir() {
		w, err := encoder.Load(path)
		return Source{Encoder: w}, err
	}
	run, err := encoder.LoadRun(path)
	if err != nil {
		return Source{}, err
	}
	return Source{Encoder: run.Query, Run: run, Dir: filepath.Clean(path)}, nil
}

// Options vary an export; the zero value is right for most.
type Options struct {
	// Trunk leaves the head out.
	Trunk bool
	// DType of the safetensors format: F32, or BF16 for half the size. "" is F32.
	DType string
	// Batch is the number of images that a stablehlo program takes; 0 is 1. An onnx program takes any.
	Batch int
	// Backend is the XLA engine that the stablehlo format makes its program with, and ProgramText returns the text of
	// the program that it compiled last; the other formats need neither.
	Backend     compute.Backend
	ProgramText func() string
	// License is what the timm format says of the weights' license, by the Hub's name; "" is unknown. FlagOf is the flag of
	// `mocotpu train` that sets a field of the configuration, "" for none, for the command on its model card.
	License string
	FlagOf  func(field string) string
}

// artifact is one file of an export: how it is written, and read back and compared.
type artifact struct {
	suffix string // behind the export's path
	write  func(w io.Writer) error
	verify func(path string) error
}

// writers make the artifacts of a format, and fill in its part of the manifest.
var writers = map[string]func(s Source, o Options, m *Manifest) ([]artifact, error){
	"safetensors": safetensorsFormat,
	"moco":        mocoFormat,
	"detectron2":  detectron2Format,
	"onnx":        onnxFormat,
	"stablehlo":   stablehloFormat,
	"timm":        timmFormat,
}

// Formats lists the names of the formats.
func Formats() []string {
	return slices.Sorted(maps.Keys(writers))
}

// DefaultPath is what an export to a format is called where nobody says: the name that the format's readers look for. MoCo
// counts epochs from 0.
func (s Source) DefaultPath(format string) string {
	switch format {
	case "moco":
		return fmt.Sprintf("checkpoint_%04d.pth.tar", max(s.Encoder.Manifest.Source.Epoch-1, 0))
	case "detectron2":
		return "encoder.pkl"
	case "stablehlo":
		return "encoder.mlir"
	case "timm":
		return "encoder-timm"
	}
	return "encoder." + format
}

// Paths are the files, or the folder, that an export to path writes, the manifest last.
func Paths(path, format string) []string {
	if format == "stablehlo" {
		return []string{path, path + weightsSuffix, path + manifestSuffix}
	}
	return []string{path, path + manifestSuffix}
}

// Export writes the source to path in a format, and its manifest to path + ".json". Files that are there are replaced,
// each whole and the manifest last, after all were written and read back: an error until then leaves them alone.
func Export(path, format string, s Source, o Options) (Manifest, error) {
	m, err := export(path, format, s, o)
	if err != nil {
		return Manifest{}, fmt.Errorf("convert: %s: %w", format, err)
	}
	return m, nil
}

func export(path, format string, s Source, o Options) (m Manifest, err error) {
	prepare, ok := writers[format]
	if !ok {
		return m, fmt.Errorf("it is not a format, want one of %s", strings.Join(Formats(), ", "))
	}
	if o.DType == "" {
		o.DType = "F32"
	}
	if o.DType != "F32" && format != "safetensors" && format != "timm" {
		return m, fmt.Errorf("%w: %s; it is float32 only", ErrUnsupported, o.DType)
	}
	if o.Trunk {
		s.Encoder = s.Encoder.Trunk()
	}
	m = Manifest{Format: format, Encoder: s.Encoder.Manifest}
	if n := s.Encoder.Manifest.Network.Config().ImageChannels(); n != 3 && slices.Contains([]string{"safetensors", "moco", "detectron2"}, format) {
		m.Notes = append(m.Notes, fmt.Sprintf("conv1 reads %d channel: a network that loads these weights needs one that does, in_chans=%[1]d in timm, one PIXEL_MEAN in detectron2", n))
	}
	artifacts, err := prepare(s, o, &m)
	if err != nil {
		return m, err
	}
	var temps []string
	disk := durable.Disk{}
	if strings.HasPrefix(artifacts[0].suffix, "/") {
		if err := disk.MkdirAll(path); err != nil {
			return m, err
		}
		defer func() {
			if err != nil {
				_ = os.Remove(path) // if it is empty: it was not there
			}
		}()
	}
	defer func() {
		for _, temp := range temps {
			err = errors.Join(err, disk.RemoveAll(temp)) // those renamed are gone
		}
	}()
	for _, a := range artifacts {
		temp := path + a.suffix + durable.TempSuffix
		file, err := writeVerified(temp, a)
		if !errors.Is(err, durable.ErrWritten) { // else it is another process's
			temps = append(temps, temp)
		}
		if err != nil {
			return m, err
		}
		file.Name = filepath.Base(path + a.suffix)
		m.Files = append(m.Files, file)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	for _, a := range artifacts {
		if err := disk.Rename(path+a.suffix+durable.TempSuffix, path+a.suffix); err != nil {
			return m, err
		}
	}
	return m, durable.Replace(disk, path+manifestSuffix, append(text, '\n'))
}

// writeVerified writes an artifact, durably, and reads it back.
func writeVerified(path string, a artifact) (File, error) {
	sum, size := sha256.New(), &count{}
	err := durable.Write(durable.Disk{}, path, func(w io.Writer) error { return a.write(io.MultiWriter(w, sum, size)) })
	if err != nil {
		return File{}, err
	}
	if err := a.verify(path); err != nil {
		return File{}, fmt.Errorf("reading back what was written: %w", err)
	}
	return File{Bytes: size.n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// count counts the bytes written to it.
type count struct{ n int64 }

func (c *count) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
