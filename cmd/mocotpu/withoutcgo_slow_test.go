//go:build slow

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// A build without cgo, as on a machine with nothing installed, gives the same features, bit for bit, and says of the other
// engines what it lacks.
func TestWithoutCgoSlow(t *testing.T) {
	program := filepath.Join(t.TempDir(), "mocotpu")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	exportedToy(t)
	run := func(args string) (code int, text string) {
		child := exec.Command(program, strings.Fields(args)...)
		child.Env = append(os.Environ(), "PATH=", "MOCOTPU_HOME="+t.TempDir(), "HOME="+t.TempDir())
		out, _ := child.CombinedOutput()
		return child.ProcessState.ExitCode(), string(out)
	}
	images := strings.Join(must.M1(filepath.Glob("photos/*/*.JPEG")), " ")
	if code, text := run("embed " + images + " --encoder=x.safetensors --backend=go --out=without.npy"); code != 0 {
		t.Fatalf("exit code %d: %s", code, text)
	}
	if code, _, stderr := call(t, strings.Fields("embed "+images+" --encoder=x.safetensors --backend=go --decoder=go --out=with.npy")...); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if with, without := must.M1(os.ReadFile("with.npy")), must.M1(os.ReadFile("without.npy")); !bytes.Equal(with, without) {
		t.Error("a build without cgo gives other features")
	}
	if code, text := run("search --bank=without.npy photos"); code != 0 || !strings.Contains(text, "1.0000  photos/") {
		t.Errorf("search by the engine that is there: exit code %d: %s", code, text)
	}
	for _, args := range []string{"embed photos --encoder=x.safetensors --backend=cpu", "compile --topology=v3-8", "train --backend=tpu"} {
		if code, text := run(args); code != exitUsage || !strings.Contains(text, "this build has no cgo") {
			t.Errorf("%s: exit code %d: %s", args, code, text)
		}
	}
}
