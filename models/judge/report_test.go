package judge

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	tally := &Tally{N: 8, Correct: 4, Correct5: 8, Confusion: [][]int{{3, 1}, {3, 1}}}
	row := NewRow("encoder", "knn", "backbone", tally, []string{"cat", "dog"})
	row.K = 5
	want := Report{
		Source: "runs/a", Step: 7, Epoch: 1, Data: "glyphs", Train: 9, Test: 8, Classes: []string{"cat", "dog"},
		Engine: "cpu", Devices: 8, Versions: map[string]string{"go": "1"}, Rows: []Row{row, NewRow("pixels", "linear", "backbone", tally, []string{"cat", "dog"})},
	}
	if want.Rows[0].Top1 != 50 || want.Rows[0].Top5 != 100 || want.Rows[0].Low > 22 || want.Rows[0].High < 78 ||
		!reflect.DeepEqual(want.Rows[0].PerClass, []ClassCount{{"cat", 4, 3}, {"dog", 4, 1}}) {
		t.Errorf("row %+v does not say what its tally does", want.Rows[0])
	}
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "report.json")
	read := func(text string) (Report, error) {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return ReadReport(name)
	}
	got, err := read(string(text))
	want.Format = reportFormat
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, error %v, want %+v", got, err, want)
	}
	for _, test := range []struct{ from, to, want string }{
		{reportFormat, "mocotpu-eval-0", "another version"},
		{`"dog"],"engine"`, `"dog","cow"],"engine"`, "row 0 lacks its confusion of 3 classes"},
		{`"rows":[`, `"rows":[{},`, "row 0 lacks"},
		{`{`, ``, "invalid character"},
	} {
		if _, err := read(strings.Replace(string(text), test.from, test.to, 1)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: error %v, want %q", test.to, test.from, err, test.want)
		}
	}
	if _, err := ReadReport(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v, want that there is none", err)
	}
}
