package programs_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

var (
	origin = programs.Origin{Engine: "cpu", Plugin: "p 1", Processor: "x", Devices: []string{"a", "b"}, Flags: "F=1"}
	text   = programs.Text{Name: "step", Options: "o", Inputs: []string{"f32", "2xf32"}, Program: "t"}
)

// save writes a file, and opens what it holds.
func save(t *testing.T, content []byte) (*programs.Saved, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "step.mocotpu")
	must.M(os.WriteFile(file, content, 0o600))
	return programs.OpenSaved(file)
}

// What is saved comes back, for the engine and the text that it was saved for.
func TestSaved(t *testing.T) {
	for _, program := range [][]byte{nil, []byte("code"), bytes.Repeat([]byte{7}, 1<<20)} {
		s, err := save(t, must.M1(programs.Encode(origin, text, []byte(`{"a":1}`), program)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(text)
		if s.Check(origin) != nil || err != nil || !bytes.Equal(got, program) || string(s.Source) != `{"a":1}` || s.Name != "step" {
			t.Errorf("got %d bytes, %v, source %s of %s; want %d", len(got), err, s.Source, s.Name, len(program))
		}
	}
	if _, err := programs.Encode(origin, programs.Text{Name: strings.Repeat("x", 1<<20)}, nil, nil); err == nil {
		t.Error("a description of a megabyte is saved")
	}
}

// Each difference is named, with what the program was compiled with and what is here.
func TestSavedDiffers(t *testing.T) {
	s := must.M1(save(t, must.M1(programs.Encode(origin, text, nil, nil))))
	for want, change := range map[string]func(*programs.Origin){
		`engine: compiled with "cpu", here it is "tpu": --backend=cpu`: func(o *programs.Origin) { o.Engine, o.Plugin = "tpu", "" },
		`plugin: compiled with "p 1", here it is "p 2"`:                func(o *programs.Origin) { o.Plugin = "p 2" },
		`processor: compiled with "x", here it is "y"`:                 func(o *programs.Origin) { o.Processor = "y" },
		`how many: compiled with "2", here it is "1": want 2`:          func(o *programs.Origin) { o.Devices = o.Devices[:1] },
		`number 1: compiled with "b", here it is "c"`:                  func(o *programs.Origin) { o.Devices = []string{"a", "c"} },
		`flags: compiled with "F=1", here it is ""`:                    func(o *programs.Origin) { o.Flags = "" },
	} {
		now := origin
		change(&now)
		if err := s.Check(now); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("got %v, want %s alone", err, want)
		}
	}
	for want, now := range map[string]programs.Text{
		`compile options: compiled with "o"`:                      {Options: "p", Inputs: text.Inputs, Program: "t"},
		`inputs, number 0: compiled with "f32"`:                   {Options: "o", Inputs: []string{"f16", "2xf32"}, Program: "t"},
		`program: compiled with "t", here it is "` + "u\"":        {Options: "o", Inputs: text.Inputs, Program: "u"},
		`here it is "` + strings.Repeat("u", 160) + "...\": give": {Options: "o", Inputs: text.Inputs, Program: strings.Repeat("u", 200)},
	} {
		if program, err := s.Load(now); program != nil || !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// described is the beginning of a file with this header, its checksum right.
func described(header string) []byte {
	length := append(binary.LittleEndian.AppendUint32(nil, uint32(len(header))), header...)
	sum := sha256.Sum256(length)
	return append(append([]byte("mocotpu saved program 1\n"), sum[:]...), length...)
}

// No damage is loaded: each bit of a small file that is flipped, and each length that it is cut to, is found out.
func TestSavedDamage(t *testing.T) {
	whole := must.M1(programs.Encode(origin, text, nil, []byte("code")))
	for n := range len(whole) {
		flipped := bytes.Clone(whole)
		flipped[n] ^= 1
		for what, content := range map[string][]byte{"flipped": flipped, "cut": whole[:n]} {
			s, err := save(t, content)
			if err == nil {
				_, err = s.Load(text)
			}
			if !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "step.mocotpu") {
				t.Fatalf("byte %d %s: got %v, want an ErrInvalid", n, what, err)
			}
		}
	}
	if _, err := save(t, append(whole, 0)); !errors.Is(err, programs.ErrDamaged) {
		t.Errorf("a byte more: got %v, want ErrDamaged", err)
	}
}

// A file says what it likes; nothing of that is believed, and its sizes allocate nothing.
func TestSavedLies(t *testing.T) {
	const rest = `"origin":{},"text":{},"source":null,"sha256":""`
	for name, content := range map[string][]byte{
		"another format":    []byte("mocotpu saved program 2\n" + strings.Repeat("x", 100)),
		"a huge header":     append([]byte("mocotpu saved program 1\n"+strings.Repeat("x", 32)), 0xff, 0xff, 0xff, 0xff),
		"no JSON":           described("}"),
		"deep JSON":         described(strings.Repeat(`[`, 500_000)),
		"another field":     described(`{"bytes":0,"run":"rm",` + rest + `}`),
		"a negative size":   described(`{"bytes":-1,` + rest + `}`),
		"a terabyte":        described(`{"bytes":1099511627776,` + rest + `}`),
		"a number too many": described(`{"bytes":1e99,` + rest + `}`),
	} {
		if s, err := save(t, content); s != nil || !errors.Is(err, settings.ErrInvalid) {
			t.Errorf("%s: got %v, want an ErrInvalid", name, err)
		}
	}
	s := must.M1(save(t, described(`{"bytes":0,`+rest+`}`)))
	if program, err := s.Load(programs.Text{}); program != nil || !errors.Is(err, programs.ErrDamaged) {
		t.Errorf("no checksum: got %v, want ErrDamaged", err)
	}
}

// A copy that has its length and nothing in it takes no memory.
func TestSavedSparse(t *testing.T) {
	const size = 1 << 28
	file := filepath.Join(t.TempDir(), "step.mocotpu")
	header := described(fmt.Sprintf(`{"bytes":%d,"origin":{},"text":{},"source":null,"sha256":""}`, size))
	must.M(os.WriteFile(file, header, 0o600))
	must.M(os.Truncate(file, int64(len(header))+size))
	s := must.M1(programs.OpenSaved(file))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	program, err := s.Load(programs.Text{})
	runtime.ReadMemStats(&after)
	if program != nil || !errors.Is(err, programs.ErrDamaged) || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %d bytes, %v, want ErrDamaged and the checksum", len(program), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes of memory, want less than a mebibyte", took)
	}
}

// A file that others may have written is not opened: what it holds is run.
func TestSavedUnsafe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "step.mocotpu")
	must.M(os.WriteFile(file, must.M1(programs.Encode(origin, text, nil, nil)), 0o600))
	for mode, safe := range map[os.FileMode]bool{0o600: true, 0o644: true, 0o664: false, 0o602: false} {
		must.M(os.Chmod(file, mode))
		if _, err := programs.OpenSaved(file); (err == nil) != safe || !safe && !errors.Is(err, programs.ErrUnsafe) {
			t.Errorf("mode %s: got %v, want it opened: %t", mode, err, safe)
		}
	}
	if os.Geteuid() == 0 {
		must.M(os.Chmod(file, 0o600))
		must.M(os.Chown(file, 12345, -1))
		if _, err := programs.OpenSaved(file); !errors.Is(err, programs.ErrUnsafe) || !strings.Contains(err.Error(), fmt.Sprint(12345)) {
			t.Errorf("of another user: got %v, want ErrUnsafe", err)
		}
	}
	if _, err := programs.OpenSaved(filepath.Dir(file)); !errors.Is(err, settings.ErrInvalid) {
		t.Errorf("a folder: got %v, want an ErrInvalid", err)
	}
}
