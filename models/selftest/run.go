package selftest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// Verdicts of a check.
const (
	Pass    = "pass"
	Fail    = "FAIL"
	Skipped = "skipped"
	// Late is a check that the time did not suffice for: nothing is known, so it counts as failed.
	Late = "NO TIME"
)

// Result is how a check ended.
type Result struct {
	Name    string `json:"name"`
	What    string `json:"what"`
	Verdict string `json:"verdict"`
	// Why it failed or was skipped.
	Why string `json:"why,omitempty"`
	// Figures are what was measured, the largest of a kind, and Limits what some of them may be.
	Figures map[string]float64 `json:"figures,omitempty"`
	Limits  map[string]float64 `json:"limits,omitempty"`
	Seconds float64            `json:"seconds"`
}

// worst notes a figure, if it is the largest of its kind so far, and what it may be.
func (r *Result) worst(name string, value, limit float64) {
	if r.Limits == nil {
		r.Limits = map[string]float64{}
	}
	r.Limits[name] = limit
	if !math.IsInf(value, 0) && !math.IsNaN(value) { // which JSON has no word for; the check fails and says why
		r.note(name, max(r.Figures[name], value))
	}
}

// note notes a figure that nothing limits.
func (r *Result) note(name string, value float64) {
	if r.Figures == nil {
		r.Figures = map[string]float64{}
	}
	r.Figures[name] = value
}

// Report is what a self-test found. What the caller knows is left to it: Command, Date, Machine, Versions and Peers.
type Report struct {
	Command string `json:"command"`
	// Date in UTC, as RFC 3339 has it.
	Date     string            `json:"date"`
	Machine  any               `json:"machine"`
	Versions map[string]string `json:"versions"`
	Engine   string            `json:"engine"`
	Plugin   string            `json:"plugin"`
	Devices  int               `json:"devices"`
	Results  []Result          `json:"results"`
	Speeds   []Speed           `json:"speeds"`
	// Peers is the measurement of PyTorch and JAX beside, if it was asked for.
	Peers any `json:"peers,omitempty"`
}

// Failed names the checks that failed, those without time among them.
func (r *Report) Failed() (names []string) {
	for _, result := range r.Results {
		if result.Verdict == Fail || result.Verdict == Late {
			names = append(names, result.Name)
		}
	}
	return names
}

//go:embed testdata/*.json testdata/*.bin
var recordedFiles embed.FS

// session is a self-test under way. Tests put other things in the place of what it works with.
type session struct {
	machine  Machine
	recorded fs.FS
	// outOfMemory asks an engine for more memory than there is, and steps runs some steps of a trial.
	outOfMemory func(Engine) error
	steps       func(t *trial.Trial, n int, lr float32) (trial.Run, error)
	// small is the step that is run again and again, and large the one whose memory is measured: the allocator's rounding is less than its bytes.
	small, large func() (moco.Step, error)

	engine  Engine // the open one, nil before
	opening Opening
	trials  map[string]*trial.Trial // of the open engine
	plans   map[string]Memory       // of their programs, where the compiler says so
	// engineFlags are those of the runs that are killed.
	engineFlags []string
	now         func() time.Time
}

// newSession is one that works with the real things.
func newSession(m Machine) *session {
	recorded, _ := fs.Sub(recordedFiles, "testdata") // it is there
	return &session{
		machine: m, recorded: recorded, outOfMemory: outOfMemory, steps: (*trial.Trial).Run, small: smallStep, large: largeStep, now: time.Now,
		trials: map[string]*trial.Trial{}, plans: map[string]Memory{},
	}
}

// Run tests a machine. Begun is told the name of each check as it begins; it may be nil. What has not begun when the context
// ends is skipped. The error is that of an engine which does not open.
func Run(ctx context.Context, m Machine, begun func(name string)) (*Report, error) {
	return newSession(m).run(ctx, begun)
}

func (s *session) run(ctx context.Context, begun func(name string)) (*Report, error) {
	if begun == nil {
		begun = func(string) {}
	}
	defer s.close()
	begun("opening the engine")
	e, err := s.open(Opening{})
	if err != nil {
		return nil, err
	}
	r := &Report{
		Date: s.now().UTC().Format(time.RFC3339), Engine: e.EngineName(), Plugin: e.PluginVersion(), Devices: e.NumDevices(),
	}
	for _, c := range checks(r.Engine) {
		begun(c.Name)
		r.Results = append(r.Results, s.do(ctx, c))
	}
	for _, preset := range presets(r.Engine) {
		for _, precision := range timed(r.Engine) {
			begun("speed of " + preset + ", " + precision)
			r.Speeds = append(r.Speeds, s.speed(ctx, preset, precision))
		}
	}
	return r, nil
}

// do runs a check. A panic of it fails the check, not the process.
func (s *session) do(ctx context.Context, c Check) Result {
	r := Result{Name: c.Name, What: c.What, Verdict: Pass}
	start := s.now()
	err := ctx.Err()
	if err == nil {
		err = guard.Call(func() error { return c.run(ctx, s, &r) })
	}
	r.Seconds = s.now().Sub(start).Seconds()
	var left cannot
	switch {
	case err == nil:
	case errors.As(err, &left):
		r.Verdict, r.Why = Skipped, left.why
	case ctx.Err() != nil:
		r.Verdict, r.Why = Late, fmt.Sprintf("no time was left: %v", context.Cause(ctx))
	default:
		r.Verdict, r.Why = Fail, err.Error()
	}
	return r
}

// open has the engine open as asked for: the open one where it is, else a fresh one.
func (s *session) open(o Opening) (Engine, error) {
	if s.engine != nil && s.opening == o {
		return s.engine, nil
	}
	s.close()
	e, err := s.machine.Open(o)
	if err != nil {
		return nil, err
	}
	s.engine, s.opening = e, o
	return e, nil
}

// forPrecision has the engine open for a precision.
func (s *session) forPrecision(precision string) (Engine, error) {
	return s.open(Opening{TF32: precision != resnet.Float32}) // as train does
}

// close closes the open engine and what was made on it.
func (s *session) close() {
	for _, t := range s.trials {
		t.Close()
	}
	clear(s.trials)
	clear(s.plans)
	if s.engine != nil {
		s.engine.Close()
	}
	s.engine = nil
}

// checks are those of an engine, in the order in which they run: those on one open engine side by side.
func checks(engine string) []Check {
	var all []Check
	for _, p := range precisions(engine) {
		on := func(check func(context.Context, *session, *Result, string) error) func(context.Context, *session, *Result) error {
			return func(ctx context.Context, s *session, r *Result) error { return check(ctx, s, r, p) }
		}
		all = append(all,
			Check{"encoder, " + p, "a ResNet-50's outputs and statistics are PyTorch's", on(encoderFollows)},
			Check{"step, " + p, "steps of MoCo v1 (in float32) and v2 are PyTorch's: losses, parameters, statistics, queue", on(stepFollows)},
			Check{"go engine, " + p, "five steps are those of the Go engine, which shares no code with XLA", on(goFollows)})
		if p == resnet.Float32 {
			all = append(all,
				Check{"views", "every operation of the augmentation is torchvision's", viewsFollow},
				Check{"devices", "several devices compute what one does", devicesAgree},
				Check{"repeat", "a second run gives the same bits", repeats},
				Check{"donation", "the state is updated in place", donates})
		}
	}
	return append(all,
		Check{"memory", "the compiler's plan of a step's memory is what the allocator gives out", plansMemory},
		Check{"out of memory", "a program without memory is an error, and the engine goes on", survivesMemory},
		Check{"second start", "a program that was compiled before is loaded, and computes the same bits", loadsPrograms},
		Check{"power cut", "a run that is killed goes on from its checkpoint, bit for bit", survivesKill},
	)
}
