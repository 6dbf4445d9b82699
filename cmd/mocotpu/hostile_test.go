package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// A hostile input is a command with what a stranger, or a slip, made of its files and numbers.
type hostileInput struct {
	name string
	// args are the command's; the word DIR in them is the folder that make filled.
	args string
	make func(dir string)
	// harmless inputs may turn out to be good: a random change can miss everything that matters.
	harmless bool
}

const (
	// commandVariable makes the test binary the command, whatever its arguments, and names the file for what it took; see
	// [commandOf].
	commandVariable = "MOCOTPU_TEST_COMMAND"
	// hostileMemory is what each command may use, in KiB, whatever the machine has: 4 GiB of addresses.
	hostileMemory = 4 << 20
	// hostileResident is what it must not need, in KiB: 1 GB.
	hostileResident = 1_000_000_000 / 1024
	// hostileTime is when a command hangs: most take a tenth of a second, and the machine has other work.
	hostileTime = 30 * time.Second
)

// stack is what no user shall see.
var stack = regexp.MustCompile(`goroutine \d+ \[|\.go:\d+ \+0x|runtime stack:|\[signal SIG|^panic: `)

// TestHostileInputs gives the command 200 inputs that are wrong, damaged or malicious, each in a process of its own. None
// hangs, none takes a gigabyte, none prints a stack or anything that a terminal obeys, and all that cannot be used end with exit code 2
// and a sentence.
func TestHostileInputs(t *testing.T) {
	good := goodFiles(t)
	inputs := slices.Concat(hostileNumbers(good), hostileWeights(good), hostileBanks(good), hostileRuns(good), hostilePrograms(good), hostileImages(), hostileSets(), hostilePlaces())
	if len(inputs) < 200 {
		t.Errorf("%d inputs, want 200 or more", len(inputs))
	}
	var mu sync.Mutex
	var slowest time.Duration
	var largest int64
	t.Run("all", func(t *testing.T) {
		for i, in := range inputs {
			t.Run(fmt.Sprintf("%03d %s", i, in.name), func(t *testing.T) {
				t.Parallel()
				took, resident := in.run(t)
				mu.Lock()
				defer mu.Unlock()
				slowest, largest = max(slowest, took), max(largest, resident)
			})
		}
	})
	t.Logf("%d inputs; the slowest took %v, the largest %d MB", len(inputs), slowest.Round(time.Millisecond), largest/1000)
}

func (in hostileInput) run(t *testing.T) (took time.Duration, resident int64) {
	t.Helper()
	dir := t.TempDir()
	if in.make != nil {
		in.make(dir)
	}
	args := strings.Fields(in.args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", dir)
	}
	peak := filepath.Join(t.TempDir(), "peak")
	ctx, cancel := context.WithTimeout(t.Context(), hostileTime)
	defer cancel()
	script := fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, hostileMemory)
	child := exec.CommandContext(ctx, "sh", append([]string{"-c", script, must.M1(os.Executable())}, args...)...)
	child.Env = append(os.Environ(), commandVariable+"="+peak, "TMPDIR="+t.TempDir(), "MOCOTPU_CACHE=off")
	child.Dir = t.TempDir()
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	begun := time.Now()
	err := child.Run()
	took = time.Since(begun)
	resident, died := readPeak(peak)
	code, text := child.ProcessState.ExitCode(), stdout.String()+stderr.String()
	show := text
	if len(show) > 600 {
		show = show[:300] + " ... " + show[len(show)-300:]
	}
	switch {
	case died != nil && ctx.Err() == nil:
		t.Errorf("%q died (%v): %q", args, err, show)
	case ctx.Err() != nil:
		t.Errorf("%q hangs: %q", args, show)
	case resident > hostileResident:
		t.Errorf("%q took %d MB: %q", args, resident/1000, show)
	case stack.MatchString(text):
		t.Errorf("%q printed a stack: %q", args, show)
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }):
		t.Errorf("%q printed control characters: %q", args, show)
	case len(text) > 16<<10:
		t.Errorf("%q printed %d bytes: %q", args, len(text), show)
	case code != exitUsage && (code != exitDone || !in.harmless):
		t.Errorf("%q: exit code %d (%v), want %d: %q", args, code, err, exitUsage, show)
	case code != exitDone && !strings.Contains(text, "mocotpu: "):
		t.Errorf("%q says nothing: %q", args, show)
	}
	return took, resident
}

// commandOf is the child: main, which leaves the most memory that the process had in a file. What the system says of a child
// that has ended counts the memory of this process, too, with which it began.
func commandOf(peak string) {
	guard.Quiet()
	limits.Apply()
	code := command()
	status := must.M1(os.ReadFile("/proc/self/status"))
	must.M(os.WriteFile(peak, status, 0o644))
	os.Exit(code)
}

// readPeak is what the child left, in KiB.
func readPeak(name string) (kib int64, err error) {
	status, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib, nil
		}
	}
	return 0, fmt.Errorf("%s says no VmHWM", name)
}

// good are the files that hostile ones are made of.
type good struct{ run, encoder, torch, torchOld string }

func goodFiles(t *testing.T) good {
	t.Helper()
	dir := t.TempDir()
	g := good{
		run: filepath.Join(dir, "run"), encoder: filepath.Join(dir, "encoder.safetensors"),
		torch: filepath.Join("..", "..", "models", "format", "torchfile", "testdata", "zip.pth.tar"), torchOld: filepath.Join("..", "..", "models", "format", "torchfile", "testdata", "legacy.pth.tar"),
	}
	for _, args := range [][]string{append(slices.Clone(tinyRun), "--dir", g.run), {"export", g.run, "--out=" + g.encoder}} {
		if code, _, stderr := call(t, args...); code != exitDone {
			t.Fatalf("%q: exit code %d: %s", args, code, stderr)
		}
	}
	return g
}

// changed returns n versions of a file with a few bytes changed, or cut short: always the same ones.
func changed(file []byte, n int) [][]byte {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(len(file))))
	all := make([][]byte, n)
	for i := range all {
		c := slices.Clone(file)
		for range 1 + rng.IntN(8) {
			at := rng.IntN(len(c))
			if rng.IntN(2) == 0 {
				at = rng.IntN(min(len(c), 2000)) // headers are at the beginning
			}
			c[at] = []byte{0, 0xff, '"', byte(rng.Uint32())}[rng.IntN(4)]
		}
		if i%4 == 0 {
			c = c[:rng.IntN(len(c))]
		}
		all[i] = c
	}
	return all
}

// file makes an input of a file that is in DIR under a name.
func fileInput(name, args, file string, content []byte) hostileInput {
	return hostileInput{name: name, args: args, make: func(dir string) { put(dir, file, content) }}
}

// put writes a file below dir.
func put(dir, name string, content []byte) {
	path := filepath.Join(dir, name)
	must.M(os.MkdirAll(filepath.Dir(path), 0o755))
	must.M(os.WriteFile(path, content, 0o644))
}

// hole is a file of so many bytes that takes no room on the disk.
func hole(dir, name string, begin []byte, size int64) {
	put(dir, name, begin)
	must.M(os.Truncate(filepath.Join(dir, name), size))
}

func pipe(dir, name string) {
	must.M(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
	must.M(syscall.Mkfifo(filepath.Join(dir, name), 0o644))
}
