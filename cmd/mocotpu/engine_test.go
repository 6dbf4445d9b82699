package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/run"
)

// tf32 is refused where it is not, by name and after auto has chosen.
func TestTF32ElsewhereIsRefused(t *testing.T) {
	for _, command := range []string{"train", "bench step", "compile"} {
		var out, talk bytes.Buffer
		args := append(strings.Fields(command), "--preset=glyphs-go", "--backend=cpu", "--precision=tf32")
		if code := execute(t.Context(), args, &out, &talk); code != exitUsage || !strings.Contains(talk.String(), "--precision is tf32, which only the cuda engine has") {
			t.Errorf("%s: exit code %d, %q, want %d and why", command, code, talk.String(), exitUsage)
		}
	}
	c := run.GlyphsGo()
	c.Encoder.Precision = "tf32"
	e, err := machine.Open(c, nil, nil, nil)
	if err == nil {
		defer e.Close()
		if e.EngineName() == "cuda" {
			t.Skip("this machine has a GPU")
		}
		t.Fatalf("tf32 opens on %s", e.EngineName())
	}
	if exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "only the cuda engine has it") {
		t.Errorf("error %v, want one of usage", err)
	}
}

// Flags of GPUs are refused where there is no such engine.
func TestGPUFlagsRefused(t *testing.T) {
	for _, test := range []struct{ flags, want string }{
		{"--backend=cpu --gpus=1", "--backend is cpu, want cuda"},
		{"--gpu-preallocate", "--backend is auto, want cuda"},
		{"--backend=cuda --gpu-memory-fraction=2", "--gpu-memory-fraction is 2"},
		{"--backend=cuda --gpus=a", "--gpus"},
		{"--backend=cuda --gpu-allocator=malloc", `--gpu-allocator is "malloc"`},
	} {
		code, stdout, stderr := call(t, append([]string{"train"}, strings.Fields(test.flags)...)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %d and %q", test.flags, code, stdout, stderr, exitUsage, test.want)
		}
	}
}
