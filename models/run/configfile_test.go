package run

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// TestDiffSeesEveryField changes each leaf of Config through reflection; Diff
// must name exactly it. A field added later is covered by itself.
func TestDiffSeesEveryField(t *testing.T) {
	if d := Diff(Glyphs(), Glyphs()); len(d) > 0 {
		t.Fatalf("equal values differ: %v", d)
	}
	leaves := 0
	var visit func(path string, v reflect.Value, root *Config)
	visit = func(path string, v reflect.Value, root *Config) {
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != "-" {
					visit(strings.TrimPrefix(path+"."+name, "."), v.Field(i), root)
				}
			}
			return
		}
		leaves++
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Int:
			v.SetInt(v.Int() + 1)
		case reflect.Uint64:
			v.SetUint(v.Uint() + 1)
		case reflect.Float64:
			v.SetFloat(v.Float() + 1)
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Slice:
			v.Set(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, 9), v))
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		case reflect.Array:
			v.Index(1).SetFloat(v.Index(1).Float() + 1)
		default:
			t.Fatalf("%s: kind %v is not handled", path, v.Kind())
		}
		if d := Diff(Glyphs(), *root); len(d) != 1 || !strings.HasPrefix(d[0], path+": ") {
			t.Errorf("changing %s: Diff = %q", path, d)
		}
		v.Set(before)
	}
	c := Glyphs()
	visit("", reflect.ValueOf(&c).Elem(), &c)
	if leaves < 40 {
		t.Errorf("visited %d fields, want all (over 40)", leaves)
	}
}

// TestHarmlessFieldsExist catches a name that no field has any more.
func TestHarmlessFieldsExist(t *testing.T) {
	for _, h := range harmless {
		if !strings.Contains(allFields(t), "\n"+h) {
			t.Errorf("harmless field %q does not exist", h)
		}
	}
}

// allFields lists the fields that differ between the zero Config and one with
// nothing zero, each after a newline.
func allFields(t *testing.T) string {
	t.Helper()
	full := Glyphs()
	full.Data = dataset.Config{
		Kind: "k", Split: "s", Dir: "d", Canvas: 1, Unlabeled: true, Workers: 1, TrainImages: 1, TestImages: 1, Seed: 1,
	}
	full.Optim.Milestones, full.Optim.Warmup = []int{1}, 1
	full.MoCo.Symmetric, full.MoCo.Micro = true, 1
	full.KNN.BankImages = 1
	full.Engine = engine.Config{
		Backend: "b", Devices: 1, Plugin: "p",
		GPU: engine.GPU{Devices: []int{1}, MemoryFraction: 1, Preallocate: true, Allocator: "a", CollectiveMemory: 1},
	}
	full.Run = Run{1, 1, "i", "r", 1, 1, checkpoint.Keep{Last: 1, Every: 1, Best: true, BestBy: "b"}, Expectations{{"f", 1, ">", 1}}, 1, ""}
	return "\n" + strings.Join(Diff(Config{}, full), "\n")
}
