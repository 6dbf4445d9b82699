//go:build cgo

package selftest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
)

// find is a check of an engine by its name.
func find(t *testing.T, engine, name string) Check {
	t.Helper()
	for _, c := range checks(engine) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q", name)
	return Check{}
}

// wantFail runs a check and fails unless it fails, and says so.
func wantFail(t *testing.T, s *session, name, why string) {
	t.Helper()
	if r := s.do(t.Context(), find(t, "cpu", name)); r.Verdict != Fail || !strings.Contains(r.Why, why) {
		t.Errorf("%s: %s, %s; want it to fail, with %q", name, r.Verdict, r.Why, why)
	}
}

// altered is the recorded files with one of them changed.
func altered(t *testing.T, name string, change func(content []byte) []byte) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	recorded := newSession(Machine{}).recorded
	for _, entry := range must.M1(fs.ReadDir(recorded, ".")) {
		content := must.M1(fs.ReadFile(recorded, entry.Name()))
		if entry.Name() == name {
			content = change(slices.Clone(content))
		}
		files[entry.Name()] = &fstest.MapFile{Data: content}
	}
	return files
}

// tensor changes a recorded tensor.
func tensor(name string, change func(record map[string]any)) func([]byte) []byte {
	return func(content []byte) []byte {
		var recorded map[string]any
		must.M(json.Unmarshal(content, &recorded))
		for _, record := range recorded["tensors"].([]any) {
			if r := record.(map[string]any); r["name"] == name {
				change(r)
			}
		}
		return must.M1(json.Marshal(recorded))
	}
}

// TestBrokenRecords has an engine that does not compute what is recorded: the checks fail where a recorded number is
// another.
func TestBrokenRecords(t *testing.T) {
	s := newSession(machineOf(t, "go", 0))
	defer s.close()
	norm := func(r map[string]any) { r["norm"] = 1.001 * r["norm"].(float64) }
	for _, test := range []struct {
		check, file, why string
		change           func([]byte) []byte
	}{
		{"encoder, float32", "torch_resnet.json", "train.features: relative L2 difference", tensor("train.features", norm)},
		{"encoder, float32", "torch_resnet.json", "not JSON", func(c []byte) []byte { return append([]byte("not JSON"), c...) }},
		{"step, float32", "torch_v2.json", "queue: element", tensor("queue", func(r map[string]any) { r["samples"].([]any)[0] = 7.0 })},
		{"step, float32", "torch_v2.json", "query/bn1.running_var: relative L2 difference", tensor("query/bn1.running_var", norm)},
		{"step, float32", "torch_v2.json", "queue pointer ", func(c []byte) []byte {
			return []byte(strings.Replace(string(c), `"final_pointer": `, `"final_pointer": 1`, 1))
		}},
		{"step, float32", "torch_v2.json", "shuffle order ", func(c []byte) []byte {
			return []byte(strings.Replace(string(c), `"order": [0, `, `"order": [1, `, 1))
		}},
		{"views", "torchvision.bin", "differs by", func(c []byte) []byte {
			binary.LittleEndian.PutUint32(c[len(c)-4:], math.Float32bits(0.5))
			return c
		}},
		{"views", "torchvision.bin", "left unread", func(c []byte) []byte { return append(c, 0) }},
	} {
		s.recorded = altered(t, test.file, test.change)
		if test.why == "not JSON" {
			test.why = "invalid character"
		}
		wantFail(t, s, test.check, test.why)
	}
}

// TestBrokenEngines has an engine pass, and then be wrong in one way after the other: the check that guards it fails.
func TestBrokenEngines(t *testing.T) {
	s := newSession(machineOf(t, "cpu", 2))
	defer s.close()
	s.large = s.small // which compiles sooner
	for _, name := range []string{"go engine, float32", "devices", "repeat", "donation"} {
		if r := s.do(t.Context(), find(t, "cpu", name)); r.Verdict != Pass {
			t.Errorf("%s: %s, %s; want it to pass", name, r.Verdict, r.Why)
		}
	}
	honest, planned := s.steps, s.machine.Planned
	// wrong has the n-th run of steps leave a wrong state.
	wrong := func(n int, change func(r *trial.Run)) {
		s.steps = func(tr *trial.Trial, count int, lr float32) (trial.Run, error) {
			r, err := honest(tr, count, lr)
			if n--; n == 0 {
				change(&r)
			}
			return r, err
		}
	}
	queue := func(r *trial.Run) { r.State["/"+moco.QueueName][3] += 0.1 }
	loss := func(r *trial.Run) { r.Figures[1][moco.FigureLoss] *= 1.0001 }
	lastBit := func(r *trial.Run) {
		q := r.State["/"+moco.QueueName]
		q[0] = math.Nextafter32(q[0], 2)
	}
	for _, test := range []struct {
		check, why string
		run        int
		change     func(r *trial.Run)
	}{
		{"go engine, float32", "/queue: relative L2 difference", 1, queue},
		{"go engine, float32", "step 1: loss ", 1, loss},
		{"devices", "/queue: relative L2 difference", 1, queue},
		{"devices", "step 1: loss ", 2, loss},
		{"repeat", "/queue differs", 4, lastBit},
		{"repeat", "step 1 gave", 2, loss},
	} {
		wrong(test.run, test.change)
		wantFail(t, s, test.check, test.why)
	}
	s.steps = honest

	for key, m := range s.plans {
		m.Aliased -= 4
		s.plans[key] = m
	}
	wantFail(t, s, "donation", "are updated in place, want all")

	plan := Memory{}
	s.machine.Planned = func(e Engine) (m Memory, err error) {
		plan, err = planned(e)
		return plan, err
	}
	calls := 0
	s.machine.Used = func(Engine) (now, most int64, err error) {
		if calls++; calls%2 == 1 {
			return 1000, 1000, nil
		}
		return 1000, 1000 + int64(1.06*float64(plan.Total())), nil
	}
	wantFail(t, s, "memory", "6.0 % off")

	open, opened := s.machine.Open, 0
	s.machine.Open = func(o Opening) (Engine, error) {
		if opened++; opened == 2 {
			o.Programs = t.TempDir()
		}
		return open(o)
	}
	wantFail(t, s, "second start", "loaded 0 program(s)")
}

// TestBrokenMemory has an engine answer a program without memory in wrong ways.
func TestBrokenMemory(t *testing.T) {
	s := newSession(machineOf(t, "go", 0))
	defer s.close()
	if r := s.do(t.Context(), find(t, "cpu", "out of memory")); r.Verdict != Skipped {
		t.Errorf("%s, %s, want it skipped: the process would end", r.Verdict, r.Why)
	}
	answer := fmt.Errorf("allocating: %w", errNoMemory)
	s.outOfMemory = func(Engine) error { return answer }
	if r := s.do(t.Context(), find(t, "cpu", "out of memory")); r.Verdict != Pass {
		t.Errorf("%s, %s, want it to pass", r.Verdict, r.Why)
	}
	s.steps = func(*trial.Trial, int, float32) (trial.Run, error) {
		return trial.Run{}, errors.New("the device is gone")
	}
	wantFail(t, s, "out of memory", "after it: the device is gone")
	answer = errors.New("internal")
	wantFail(t, s, "out of memory", "not one of memory: internal")
	answer = nil
	wantFail(t, s, "out of memory", "was made")
}

// TestVerdicts has checks that panic, that have no time and an engine that does not open end as they should.
func TestVerdicts(t *testing.T) {
	s := newSession(Machine{Open: func(Opening) (Engine, error) { return nil, errors.New("no device") }})
	if report, err := s.run(t.Context(), nil); report != nil || err == nil || err.Error() != "no device" {
		t.Errorf("%+v, error %v, want that there is no device", report, err)
	}
	panics := Check{"panics", "", func(context.Context, *session, *Result) error { panic("no") }}
	if r := s.do(t.Context(), panics); r.Verdict != Fail || !strings.Contains(r.Why, "no") {
		t.Errorf("%+v, want a failure", r)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if r := s.do(late, panics); r.Verdict != Late || !strings.Contains(r.Why, "no time was left") {
		t.Errorf("%+v, want it skipped", r)
	}
	skipped := Check{"cannot", "", func(context.Context, *session, *Result) error { return cannotf("not %s", "here") }}
	if r := s.do(t.Context(), skipped); r.Verdict != Skipped || r.Why != "not here" {
		t.Errorf("%+v, want it skipped", r)
	}
	for used, fits := range map[int64]bool{940: false, 960: true, 1000: true, 1049: true, 1060: false} {
		if err := asPlanned(&Result{}, used, 1000); (err == nil) != fits {
			t.Errorf("%d bytes of 1000 planned: error %v", used, err)
		}
	}
	// JSON has no word for what is not finite.
	r := &Result{}
	r.worst("off", math.Inf(1), 1)
	r.worst("off", 0.5, 1)
	if _, err := json.Marshal(r); err != nil || r.Figures["off"] != 0.5 {
		t.Errorf("%+v, error %v, want 0.5", r, err)
	}
}
