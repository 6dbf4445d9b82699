package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// What stands in the pages is what the records say: nobody edited the one without the other.
func TestPagesAreUpToDate(t *testing.T) {
	pages, err := fillAll(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range pages {
		if p.now != p.wanted {
			t.Errorf("%s is not what docs/results says: make results", name)
		}
	}
}

// Benchmarks shows every record that is not a summary of others.
func TestBenchmarksIsWhole(t *testing.T) {
	records, err := readAll(".")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range records {
		if r.Machine != "" && !strings.Contains(string(text), "<!-- result "+name+" -->") {
			t.Errorf("docs/benchmarks.md does not show docs/results/%s.json", name)
		}
	}
}

func TestFill(t *testing.T) {
	records := map[string]*record{"speed": {
		Title: "Speed: of A", Machine: "M", Date: "2026-11-24", Revision: "0123456", Commands: []string{"run"},
		Columns: []string{"what", "ms"}, Rows: [][]cell{{{text: "step"}, {text: "5.0"}}}, Notes: []string{"A note."},
	}}
	table := "| what | ms |\n|---|---|\n| step | 5.0 |\n\n"
	for _, test := range []struct{ name, text, want, wrong string }{
		{"no marker", "a\nb\n", "a\nb\n", ""},
		{
			"table", "a\n<!-- table speed -->\nold\n<!-- end -->\nb\n",
			"a\n<!-- table speed -->\n\n" + table + "M; 2026-11-24; [command and notes](all.md#speed-of-a).\n\n<!-- end -->\nb\n", "",
		},
		{
			"result", "<!-- result speed -->\n<!-- end -->\n",
			"<!-- result speed -->\n\n## Speed: of A\n\n" + table + "A note.\n\nMeasured on M; 2026-11-24; revision 0123456.\n\n    run\n\n<!-- end -->\n", "",
		},
		{"unknown", "<!-- table size -->\n<!-- end -->\n", "", "no docs/results/size.json"},
		{"no end", "<!-- table speed -->\na\n", "", "has no end"},
		{"nested", "<!-- table speed -->\n<!-- table speed -->\n", "", "before"},
		{"no beginning", "<!-- end -->\n", "", "without a beginning"},
	} {
		got, err := fill(test.text, records, "all.md")
		switch {
		case test.wrong == "" && (err != nil || got != test.want):
			t.Errorf("%s: %q, %v, want %q", test.name, got, err, test.want)
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.wrong)
		}
	}
}

func TestRead(t *testing.T) {
	const whole = `"title":"T","machine":"M","date":"2026-11-24","revision":"0123456","commands":["c"],"columns":["a","b"]`
	base := `{` + whole + `,"rows":[["x","1"],["y","2"]]}`
	for _, test := range []struct{ name, text, wrong string }{
		{"whole", `{` + whole + `,"rows":[["x","1"]]}`, ""},
		{"of another", `{"title":"T","columns":["a","b"],"rows":[["z",{"of":"base","row":["y"],"column":"b"}]]}`, ""},
		{"no machine", `{"title":"T","date":"2026-11-24","revision":"0123456","commands":["c"],"columns":["a"],"rows":[["x"]]}`, "no machine"},
		{"no command", `{"title":"T","machine":"M","date":"2026-11-24","revision":"0123456","columns":["a"],"rows":[["x"]]}`, "no commands"},
		{"date", `{"title":"T","machine":"M","date":"yesterday","revision":"0123456","commands":["c"],"columns":["a"],"rows":[["x"]]}`, "date is"},
		{"revision", `{"title":"T","machine":"M","date":"2026-11-24","revision":"main","commands":["c"],"columns":["a"],"rows":[["x"]]}`, "revision is"},
		{"cells", `{` + whole + `,"rows":[["x"]]}`, "1 cells, want 2"},
		{"unknown field", `{` + whole + `,"rows":[["x","1"]],"host":"h"}`, "unknown field"},
		{"no such record", `{"title":"T","columns":["a"],"rows":[[{"of":"none","row":["y"],"column":"b"}]]}`, "is no record"},
		{"no such row", `{"title":"T","columns":["a"],"rows":[[{"of":"base","row":["z"],"column":"b"}]]}`, "no row"},
		{"no such column", `{"title":"T","columns":["a"],"rows":[[{"of":"base","row":["y"],"column":"c"}]]}`, "no column"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"base": base, "tested": test.text} {
			if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		all, err := readAll(dir)
		switch {
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: error %v, want one with %q", test.name, err, test.wrong)
		case test.wrong == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.name == "of another" && all["tested"].Rows[0][1].text != "2":
			t.Errorf("%s: %q, want 2", test.name, all["tested"].Rows[0][1].text)
		}
	}
}

var (
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	ourFolder = regexp.MustCompile("`((?:models|xla|tpu|cmd|notebooks|docs)/[A-Za-z0-9_/.*-]+)`")
)

// Links within the documentation lead to a page and a heading that are there, and folders and files that pages name exist.
func TestLinksAndPaths(t *testing.T) {
	pages, err := fillAll(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range pages {
		for _, m := range link.FindAllStringSubmatch(p.wanted, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, want, _ := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = filepath.Join(filepath.Dir(name), file)
			}
			other, known := pages[target]
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			} else if want != "" && (!known || !hasHeading(other.wanted, want)) {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
		for _, m := range ourFolder.FindAllStringSubmatch(p.wanted, -1) {
			if found, err := filepath.Glob(path.Join(root, m[1])); err != nil || len(found) == 0 {
				if m[1] != "models/pretrain" { // as a record's note names it, of its own revision
					t.Errorf("%s names %s, which is not there", name, m[1])
				}
			}
		}
	}
}

func hasHeading(text, want string) bool {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		if anchor(m[1]) == want {
			return true
		}
	}
	return false
}

// README is read in one go: everything else is a page of docs.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, want at most 150: move what most readers do not need into docs", n)
	}
}
