package train

import (
	"reflect"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// otherViews are not those of Glyphs.
func otherViews() augment.Config { return must.M1(augment.Preset("v2")) }

// stepFields says for each field of Config, by path, another value than Glyphs has, and what package moco must see of it;
// nil for the fields that do not shape the step.
var stepFields = map[string]struct {
	value any
	want  func(*moco.Step)
}{
	"Views.Preset":    {"renamed", nil},
	"Views.Augment":   {otherViews(), func(c *moco.Step) { c.Views = otherViews() }},
	"Views.ImageSize": {48, func(c *moco.Step) { c.ImageSize = 48 }},

	"Encoder.Arch":      {"resnet34", func(c *moco.Step) { c.Encoder.Arch = "resnet34" }},
	"Encoder.Width":     {24, func(c *moco.Step) { c.Encoder.Width = 24 }},
	"Encoder.Stem":      {"imagenet", func(c *moco.Step) { c.Encoder.Stem = "imagenet" }},
	"Encoder.Head":      {"mlp", func(c *moco.Step) { c.Encoder.Head = "mlp" }},
	"Encoder.Dim":       {64, func(c *moco.Step) { c.Encoder.Dim = 64 }},
	"Encoder.Channels":  {1, func(c *moco.Step) { c.Encoder.Channels = 1 }},
	"Encoder.Precision": {"bfloat16", func(c *moco.Step) { c.Encoder.Precision = "bfloat16" }},
	"Encoder.Remat":     {"block", func(c *moco.Step) { c.Encoder.Remat = "block" }},

	"MoCo.Batch":       {256, func(c *moco.Step) { c.Batch = 256 }},
	"MoCo.Queue":       {3000, func(c *moco.Step) { c.Queue = 3000 }},
	"MoCo.KeyMomentum": {0.123, func(c *moco.Step) { c.KeyMomentum = 0.123 }},
	"MoCo.Temperature": {0.456, func(c *moco.Step) { c.Temperature = 0.456 }},
	"MoCo.Groups":      {4, func(c *moco.Step) { c.Groups = 4 }},
	"MoCo.Shuffle":     {false, func(c *moco.Step) { c.Shuffle = false }},
	"MoCo.Symmetric":   {true, func(c *moco.Step) { c.Symmetric = true }},
	"MoCo.Micro":       {4, func(c *moco.Step) { c.Micro = 4 }},

	"Optim.Momentum":    {0.789, func(c *moco.Step) { c.SGDMomentum = 0.789 }},
	"Optim.WeightDecay": {0.0321, func(c *moco.Step) { c.WeightDecay = 0.0321 }},
	// The learning rate is an input of the step, not a part of it.
	"Optim.LR":         {1.5, nil},
	"Optim.Schedule":   {"constant", nil},
	"Optim.Warmup":     {2.5, nil},
	"Optim.Milestones": {[]int{3}, nil},

	"Preset": {"renamed", nil},

	"Data.Kind":        {"cifar10", nil},
	"Data.Split":       {"letters", nil},
	"Data.Dir":         {"elsewhere", nil},
	"Data.Canvas":      {77, nil},
	"Data.Channels":    {1, nil},
	"Data.Window":      {"1%,99%", nil},
	"Data.Unlabeled":   {true, nil},
	"Data.Workers":     {7, nil},
	"Data.TrainImages": {77, nil},
	"Data.TestImages":  {77, nil},
	"Data.Seed":        {uint64(77), nil},

	"KNN.Every":       {7, nil},
	"KNN.Ks":          {[]int{7}, nil},
	"KNN.Temperature": {0.7, nil},
	"KNN.BankImages":  {77, nil},

	"Engine.Backend": {"go", nil},
	"Engine.Devices": {2, nil},
	"Engine.Plugin":  {"plugin.so", nil},
	"Engine.GPU":     {engine.GPU{MemoryFraction: 0.5}, nil},

	"Run.Epochs":          {77, nil},
	"Run.Steps":           {77, nil},
	"Run.Init":            {"weights", nil},
	"Run.ResumeFrom":      {"checkpoint", nil},
	"Run.Seed":            {uint64(77), nil},
	"Run.CheckpointEvery": {77, nil},
	"Run.Keep":            {checkpoint.Keep{Last: 77}, nil},
	"Run.Expect":          {run.Expectations{{Figure: "knn", Epoch: 1, Op: ">", Value: 1}}, nil},
	"Run.LogEvery":        {77, nil},
	"Run.Dir":             {"elsewhere", nil},
}

// eachField calls see with every field of a Config, those of its sections by section.
func eachField(c *run.Config, see func(path string, field reflect.Value)) {
	root := reflect.ValueOf(c).Elem()
	for i := range root.NumField() {
		section, name := root.Field(i), root.Type().Field(i).Name
		if section.Kind() != reflect.Struct {
			see(name, section)
			continue
		}
		for j := range section.NumField() {
			see(name+"."+section.Type().Field(j).Name, section.Field(j))
		}
	}
}

// TestStepTakesEveryField changes one field at a time: it reaches the step as it should, alone, or not at all.
func TestStepTakesEveryField(t *testing.T) {
	reached := map[string]bool{}
	paths := 0
	c := run.Glyphs()
	eachField(&c, func(path string, field reflect.Value) {
		paths++
		change, known := stepFields[path]
		if !known {
			t.Errorf("%s is not in the table: say what the step must see of it", path)
			return
		}
		want := c.Step()
		old := reflect.ValueOf(field.Interface())
		field.Set(reflect.ValueOf(change.value))
		got := c.Step()
		field.Set(old)
		if reflect.DeepEqual(old.Interface(), change.value) {
			t.Errorf("%s: %v is what it was: the test changes nothing", path, change.value)
		}
		if change.want != nil {
			before := want
			change.want(&want)
			for _, name := range differingStepFields(before, want) {
				reached[name] = true
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %v: the step differs in %v from\n%+v, want\n%+v", path, change.value, differingStepFields(got, want), got, want)
		}
	})
	if paths != len(stepFields) {
		t.Errorf("Config has %d fields, the table %d", paths, len(stepFields))
	}
	step := run.Glyphs().Step()
	for _, field := range stepConfigFields(step) {
		if !reached[field] {
			t.Errorf("nothing in Config reaches moco.Step's %s", field)
		}
	}
}

// stepConfigFields are the fields of a step's configuration, with those of its encoder.
func stepConfigFields(c moco.Step) (paths []string) {
	for _, part := range []struct {
		name  string
		value any
	}{{"", c}, {"Encoder.", c.Encoder}} {
		v := reflect.ValueOf(part.value)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Encoder" {
				paths = append(paths, part.name+name)
			}
		}
	}
	return paths
}

// differingStepFields are those of stepConfigFields that differ.
func differingStepFields(a, b moco.Step) (paths []string) {
	value := func(c moco.Step, path string) any {
		v := reflect.ValueOf(c)
		for name := range strings.SplitSeq(path, ".") {
			v = v.FieldByName(name)
		}
		return v.Interface()
	}
	for _, path := range stepConfigFields(a) {
		if !reflect.DeepEqual(value(a, path), value(b, path)) {
			paths = append(paths, path)
		}
	}
	return paths
}
