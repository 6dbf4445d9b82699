package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Record is config.json: a run's configuration, resolved, and what the run is made of.
type Record struct {
	Config
	// DataSHA256 is the checksum of the training images, as data.Set has it.
	DataSHA256 string `json:"data_sha256"`
	// Versions of the program, with its git revision, and of the libraries, by name: those of the newest part of the run.
	// Each checkpoint has those that it was written with.
	Versions map[string]string `json:"versions"`
}

// maxConfig bounds config.json, which has a few kilobytes.
const maxConfig = 1 << 20

// Encode returns r as config.json has it: indented JSON, every field present, one newline at the end.
func (r Record) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("run: config: encode: %w", err)
	}
	return append(text, '\n'), nil
}

// decodeRecord reads what [Record.Encode] wrote. Every field must be there and no other, spelled exactly: a missing
// "shuffle" must not read as false. It does not validate the values.
func decodeRecord(text []byte) (Record, error) {
	var r Record
	if err := decodeExactly(text, &r); err != nil {
		return Record{}, fmt.Errorf("run: config: %w", err)
	}
	return r, nil
}

// ConfigOf is the configuration of the run that wrote a checkpoint.
func ConfigOf(state checkpoint.State) (Config, error) {
	var c Config
	if err := decodeExactly(state.Config, &c); err != nil {
		return Config{}, fmt.Errorf("run: config of the checkpoint of step %d: %w", state.Step, err)
	}
	return c, c.CheckSize(mostMemory)
}

// CheckResume compares the record of a run with that of what shall go on with it. The notices name harmless changes,
// which the caller may take over. If the data or another field of the configuration differs, the error is
// [ErrIncompatible] and names all of those.
func CheckResume(saved, asked Record) (notices []string, err error) {
	var refused []string
	for _, d := range differences(saved.Config, asked.Config) {
		if isHarmless(d.field) || d.field == "encoder.precision" && bothFloat32(saved.Encoder, asked.Encoder) {
			notices = append(notices, d.line)
		} else {
			refused = append(refused, d.line)
		}
	}
	// Other settings of the data make another checksum, and are named already.
	otherData := slices.ContainsFunc(refused, func(line string) bool { return strings.HasPrefix(line, "data.") })
	if saved.DataSHA256 != asked.DataSHA256 && !otherData {
		refused = append(refused, fmt.Sprintf("data_sha256: %.12s, now %.12s: the files of %s are not those the run began with",
			saved.DataSHA256, asked.DataSHA256, asked.Data.Name()))
	}
	if len(refused) > 0 {
		return notices, fmt.Errorf("run: resume: %w; start a new directory, or set back:\n%s",
			ErrIncompatible, strings.Join(refused, "\n"))
	}
	return append(notices, VersionDiff(saved.Versions, asked.Versions)...), nil
}

// bothFloat32 tells whether two precisions differ only in how an engine multiplies: a run of the cuda engine's tf32 may
// go on elsewhere.
func bothFloat32(a, b resnet.Config) bool {
	return a.Precision != resnet.BFloat16 && b.Precision != resnet.BFloat16
}

// VersionDiff names the versions that differ, one per string, as [Diff] does fields.
func VersionDiff(saved, now map[string]string) (notices []string) {
	names := map[string]string{}
	for _, versions := range []map[string]string{saved, now} {
		for name := range versions {
			names[name] = ""
		}
	}
	for _, name := range sortedKeys(names) {
		if saved[name] != now[name] {
			notices = append(notices, fmt.Sprintf("version of %s: %q, now %q", name, saved[name], now[name]))
		}
	}
	return notices
}

// Record returns what config.json holds, or an error that is [fs.ErrNotExist] in a directory without one.
func (d *RunDir) Record() (Record, error) { return ReadRecord(d.path) }

// SaveRecord replaces config.json; a crash leaves the old one or the new.
func (d *RunDir) SaveRecord(r Record) error {
	text, err := r.Encode()
	if err != nil {
		return err
	}
	if err := durable.Replace(d.fs, filepath.Join(d.path, ConfigFile), text); err != nil {
		return fmt.Errorf("run: config: %w", err)
	}
	return nil
}

// ReadRecord reads config.json of a run directory without locking it. The error is [fs.ErrNotExist] where there is
// none, and [ErrNotRun] where it is no such file.
func ReadRecord(runDir string) (Record, error) {
	text, err := regular.ReadFile(filepath.Join(runDir, ConfigFile), maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		if foreign := CheckFolder(runDir); foreign != nil {
			return Record{}, fmt.Errorf("%w: %w", foreign, err)
		}
		return Record{}, fmt.Errorf("run: config: %s is %w: %w", runDir, ErrNotRun, err)
	}
	if err != nil {
		return Record{}, fmt.Errorf("run: config: %w", err)
	}
	r, err := decodeRecord(text)
	if err != nil {
		if foreign := CheckFolder(runDir); foreign != nil {
			return Record{}, fmt.Errorf("%w (%w)", foreign, err)
		}
		return Record{}, unusable{fmt.Errorf("%w (in %s)", err, filepath.Join(runDir, ConfigFile))}
	}
	if err := r.CheckSize(mostMemory); err != nil {
		return Record{}, fmt.Errorf("%w (in %s)", err, filepath.Join(runDir, ConfigFile))
	}
	r.Run.Dir = runDir
	return r, nil
}
