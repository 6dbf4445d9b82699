package train

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
)

// copied is the accuracy in percent of an encoder that tells images apart on the sets of judged, for k = 1.
const copied = 50

// judged is a session that its monitor can judge. The held-out images are copies of training images, the nearest
// neighbours of which any encoder knows that tells images apart; every other one has another label than the original.
// They are fewer than a batch.
func judged(t *testing.T, bankImages int) *session {
	t.Helper()
	c := tiny("")
	c.Encoder.Width = 4
	c.KNN.Ks, c.KNN.BankImages = []int{1}, bankImages
	train := must.M1(data.Open("glyphs", "", "train", data.Options{N: 70}))
	test := *train
	test.N, test.Pixels, test.Labels = 10, train.Pixels[:10*train.ImageLen()], slices.Clone(train.Labels[:10])
	for i := 1; i < test.N; i += 2 {
		test.Labels[i] = (test.Labels[i] + 1) % int32(len(test.Classes))
	}
	s := &session{
		config: c, machine: goMachine(t), report: &recorder{}, now: time.Now,
		views: c.Views.Augment, definition: c.Step(),
	}
	s.train, s.test, s.held, s.judged = train, &test, &test, &test
	s.step = must.M1(step.New(engines.Mesh(t, s.machine.Backend, 1), s.definition, 1))
	fill(s, moco.QueryScope, "bn1.bias", 1)
	fill(s, moco.KeyScope, "bn1.bias", 1)
	s.monitor = must.M1(newMonitor(s, s.step.Mesh()))
	t.Cleanup(s.monitor.close)
	return s
}

// collapsed is a running variance that makes an image nothing to a float32 beside BatchNorm's shift of 1.
const collapsed = 1e38

// collapse makes an encoder give the same features for all images, by its first layer's running variance.
func collapse(s *session, scope string) *model.Variable {
	return fill(s, scope, "bn1.running_var", collapsed)
}

func fill(s *session, scope, name string, x float32) *model.Variable {
	v := s.step.Store().RootScope().At("%s", scope).GetVariable(name)
	value := tensors.FromShape(v.Shape())
	must.M(tensors.MutableFlatData(value, func(flat []float32) {
		for i := range flat {
			flat[i] = x
		}
	}))
	must.M(v.SetValue(value))
	return v
}

// TestMonitorJudgesTheQueryEncoder collapses one encoder, then the other.
func TestMonitorJudgesTheQueryEncoder(t *testing.T) {
	s := judged(t, 0)
	collapse(s, moco.KeyScope)
	row, err := s.monitor.current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row.Backbone[0] != copied || row.Projection[0] != copied {
		t.Errorf("backbone %v, projection %v, want %v: the key encoder knows nothing, the query encoder has the copies",
			row.Backbone, row.Projection, copied)
	}
	if f := row.LabelFree; f.Images != 10 || !f.HeldOut || f.Backbone.Rank < 1.05 || f.Backbone.Uniformity > -0.001 {
		t.Errorf("without labels: %+v, want those of 10 held-out images that are told apart", f)
	}
	if row.Queries != 10 || row.Bank != 70 {
		t.Errorf("%d queries in a bank of %d, want the 10 held-out images in the 70 for training", row.Queries, row.Bank)
	}

	s = judged(t, 0)
	collapse(s, moco.QueryScope)
	if row, err = s.monitor.current(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row.Backbone[0] >= copied || row.Projection[0] >= copied {
		t.Errorf("backbone %v, projection %v, want less than %v: the query encoder knows nothing", row.Backbone, row.Projection, copied)
	}
	if g := row.LabelFree.Backbone; g.Rank > 1.001 || g.Retrieval != 10 || g.Alignment != 0 || math.Abs(float64(g.Uniformity)) > 1e-6 {
		t.Errorf("without labels: %+v, want the first of 10 images found, and no distances", g)
	}
}

// TestMonitorRecalibratesTheUntrained has running statistics that tell nothing apart, which an encoder before training is
// not judged by, and which it keeps.
func TestMonitorRecalibratesTheUntrained(t *testing.T) {
	s := judged(t, 0)
	variance := collapse(s, moco.QueryScope)
	row, err := s.monitor.before(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row.Backbone[0] != copied || row.Projection[0] != copied || row.Pixels[0] != copied {
		t.Errorf("backbone %v, projection %v, pixels %v, want %v of each", row.Backbone, row.Projection, row.Pixels, copied)
	}
	for _, x := range tensors.MustCopyFlatData[float32](must.M1(variance.Value())) {
		if x != collapsed {
			t.Fatalf("running variance %v after the evaluation, want the %v before it", x, collapsed)
		}
	}
}

func TestMonitorSearchesPartOfTheBank(t *testing.T) {
	row, err := judged(t, 20).monitor.current(t.Context())
	if err != nil || row.Bank != 20 || row.Queries != 10 {
		t.Errorf("%d queries in a bank of %d, error %v, want 10 in the 20 asked for", row.Queries, row.Bank, err)
	}
}

// The untrained encoder of a large set is judged by a sample, and pixels by its queries in the whole bank.
func TestMonitorSamplesForTheUntrained(t *testing.T) {
	m := judged(t, 0).monitor
	whole, err := m.before(t.Context())
	if err != nil || whole.Sample || whole.Queries != 10 || whole.Bank != 70 {
		t.Errorf("of a small set: %+v, error %v, want all 10 images judged by 70", whole, err)
	}
	m.sample = sides{data.Sample(m.all.queries, 4, 1), data.Sample(m.all.bank, 30, 1)}
	row, err := m.before(t.Context())
	if err != nil || !row.Sample || row.Queries != 4 || row.Bank != 30 {
		t.Errorf("%+v, error %v, want a sample of 4 images judged by 30", row, err)
	}
	right := 0
	for _, i := range data.Order(1, -1, 10)[:4] {
		right += (i + 1) % 2 // these have their copy's label
	}
	if want := run.Float(100 * float64(right) / 4); row.Pixels[0] != want {
		t.Errorf("pixels %v, want %v: every copy is in the whole bank", row.Pixels, want)
	}
	if row, err = m.current(t.Context()); err != nil || row.Sample || row.Queries != 10 || row.Bank != 70 {
		t.Errorf("a later evaluation: %+v, error %v, want all images", row, err)
	}
}

// Numbers of neighbours above the bank are left out, and the run says so.
func TestMonitorLowersK(t *testing.T) {
	s := judged(t, 20)
	s.config.KNN.Ks = []int{1, 200}
	said := &recorder{}
	s.report = said
	m := must.M1(newMonitor(s, s.step.Mesh()))
	t.Cleanup(m.close)
	row, err := m.current(t.Context())
	if err != nil || !slices.Equal(row.K, []int{1}) || len(row.Backbone) != 1 {
		t.Errorf("k %v, %v, error %v, want 1 alone", row.K, row.Backbone, err)
	}
	if len(said.notes) != 1 || !strings.Contains(said.notes[0], "the 20 training images searched") {
		t.Errorf("notes %q, want one on k", said.notes)
	}
}
