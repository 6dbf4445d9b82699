package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/tpu/plan"
)

// fake is a compiler that is a shell script, which gets the batch as $batch; rows are saved into a folder by a record's name.
func fake(t *testing.T, r *record, script string) *compiler {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "mocotpu")
	text := "#!/bin/sh\nfor a in \"$@\"; do case $a in --batch=*) batch=${a#*=};; esac; done\n" + script
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return &compiler{ctx: t.Context(), program: program, save: func() error {
		r.Machine, r.Date, r.Revision = "M", "2026-11-29", "0123456"
		text, err := r.encode()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "r.json"), text, 0o644)
	}}
}

// read is the record that was saved last.
func (c *compiler) read(t *testing.T) *record {
	t.Helper()
	all, err := readAll(filepath.Dir(c.program))
	if err != nil {
		t.Fatal(err)
	}
	return all["r"]
}

// What compilers say becomes rows; a word chooses some, and the others stay.
func TestTargetRows(t *testing.T) {
	p := plan.Plan{Fits: true, Target: plan.Target{Name: "h100x8", Usable: 1 << 30}, Kernels: &plan.Kernels{Count: 742, Floored: 0.0082}}
	p.Memory.Peak, p.Collective = 1<<29, []plan.Collective{{Count: 2, Bytes: 3e6}, {Count: 1, Bytes: 1e6}}
	p.Time = plan.Time{Flops: 1e12, Bytes: 20.5e9, Step: 0.0063, Bound: "memory", ImagesPerSecond: 40000}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	r := targets()
	c := fake(t, r, "echo '"+string(text)+"'")
	c.word = "cifar10 --precision=bfloat16 --topology=h100x8"
	r.put(append([]string{"`moco-v2`", "h100x8"}, make([]string, 10)...)...)
	r.put("`cifar10`", "h100x8", "old")
	if err := targetRows(c, r); err != nil {
		t.Fatal(err)
	}
	got := c.read(t)
	want := "[{`cifar10` <nil>} {h100x8 <nil>} {512 <nil>} {50 % <nil>} {742 <nil>} {1000 <nil>} {20.5 <nil>} {3 <nil>} {4.0 <nil>} {6.30 (8.20) <nil>} {memory <nil>} {40000 <nil>}]"
	if len(got.Rows) != 2 || fmt.Sprint(got.Rows[0]) != want {
		t.Errorf("%d rows, the first\n%v, want\n%s", len(got.Rows), got.Rows[0], want)
	}
	if last := got.Notes[len(got.Notes)-1]; !strings.HasPrefix(last, "Not computed yet: `cifar10` on a100x8, ") || strings.Contains(last, "h100x8,") {
		t.Errorf("the last note is %q, want what is missing", last)
	}
	for failure, want := range map[string]string{"": "does not fit", `,"failure":{"needed_bytes":2097152}`: "does not fit: 2"} {
		c = fake(t, r, `echo '{"fits":false,"target":{"name":"t"}`+failure+`}'; exit 3`)
		p, err := c.compile("mocotpu compile")
		if err != nil || targetRow("moco-v2", p)[2] != want {
			t.Errorf("one that does not fit: %v, want %s", err, want)
		}
	}
	if _, err := fake(t, r, "echo no such GPU >&2; exit 2").compile("mocotpu compile"); err == nil || !strings.Contains(err.Error(), "no such GPU") {
		t.Errorf("got %v, want what the compiler says", err)
	}
}

// Rows of an earlier day stay until they are computed again, and the page says which those are.
func TestOlderRows(t *testing.T) {
	row := func(a, b string) []cell { return []cell{{text: a}, {text: b}} }
	first := &record{Machine: "M", Date: "2026-11-01", Revision: "1111111", Rows: [][]cell{row("a", "x"), row("a", "y"), row("b", "x")}}
	second := &record{Machine: "M", Date: "2026-11-02", Revision: "2222222", Columns: []string{"", ""}, key: 2}
	second.keep(first)
	second.put("a", "y")
	third := &record{Title: "T", Machine: "M", Date: "2026-11-03", Revision: "3333333", key: 2}
	third.keep(second)
	third.put("b", "x")
	third.put("c", "z")
	var page strings.Builder
	third.writeWhole(&page)
	want := "Of 2026-11-01, revision 1111111: a on x.\n\nOf 2026-11-02, revision 2222222: a on y.\n\nMeasured on M; 2026-11-03; revision 3333333."
	again := &record{Machine: "M", Date: third.Date, Revision: third.Revision, key: 2}
	if again.keep(third); !maps.Equal(again.Older, third.Older) {
		t.Errorf("later on that day %v are older, want %v", again.Older, third.Older)
	}
	elsewhere := &record{Machine: "N", Date: third.Date, Revision: third.Revision, key: 2}
	if elsewhere.keep(third); elsewhere.Older["c on z"] != "2026-11-03, revision 3333333, on M" || !strings.HasSuffix(elsewhere.Older["a on y"], ", on M") {
		t.Errorf("on another machine %v are older, want what they were measured on", elsewhere.Older)
	}
	if !strings.Contains(page.String(), want) || len(third.Rows) != 4 {
		t.Errorf("%d rows, and the page is\n%s\nwant in it\n%s", len(third.Rows), page.String(), want)
	}
}

// Of a step that takes 1 GiB and 16 MiB an image the batches are read off for all cards, and tried on one for each setting: there a
// larger one does not fit, or fits because something is computed again.
func TestFitRows(t *testing.T) {
	r := fits()
	script := `again=0; fits=true; mib=$((1024 + 16 * batch))
case "$*" in
*=a100' '*|*=l40s*) ;;
*=a100-40*) if [ $mib -gt 30277 ]; then mib=30000; again=7; fi;;
*) [ $mib -le $LIMIT ] || fits=false;;
esac
echo '{"fits":'$fits',"recomputed":'$again',"memory":{"Peak":'$((mib << 20))'}}'`
	c := fake(t, r, "case \"$*\" in *=rtx3070*) LIMIT=5990;; *=rtx4080*) LIMIT=11980;; *) LIMIT=18124;; esac\n"+script)
	if err := fitRows(c, r); err != nil {
		t.Fatal(err)
	}
	got := c.read(t)
	// (5990 - 1024) / 16 is 310, so 256; of an A100 with 30277 MiB 1828, so 1792.
	for i, want := range map[int]string{0: "5990 **256**", 2: "18124 **1024**", 3: "30277 **1792**"} {
		if row := got.Rows[i]; row[1].text+" "+row[2].text != want || len(row) != len(r.Columns) {
			t.Errorf("row %v, want %s", row, want)
		}
	}
	last := got.Notes[len(got.Notes)-1]
	for _, part := range []string{
		"float32 on rtx4090, batch 1024 takes 17408 MiB (the line: +0 %), batch 1088 takes 18432 MiB (the line: +0 %);",
		"bfloat16 on a100-40, batch 1792 takes 29696 MiB (the line: +0 %), batch 1856 takes 30000 MiB with 7 operations that XLA runs again (the line: +2 %);",
	} {
		if !strings.Contains(last, part) {
			t.Errorf("no %q in %q", part, last)
		}
	}
	// A card on which XLA computes something again in vain takes the next batch.
	c = fake(t, r, `case "$*" in *=rtx3070*=256*) echo '{"fits":false,"recomputed":9,"memory":{"Peak":6500000000}}'; exit 3;; *=rtx3070*) LIMIT=5990;; *=rtx4080*) LIMIT=11980;; *) LIMIT=18124;; esac
`+script)
	if err := fitRows(c, r); err != nil {
		t.Fatal(err)
	}
	got = c.read(t)
	last = got.Notes[len(got.Notes)-1]
	if want := "batch 256 takes 6199 MiB with 9 operations that XLA runs again (the line: -17 %), batch 192 takes 4096 MiB (the line: +0 %)."; !strings.HasSuffix(last, want) || got.Rows[0][5].text != "192" {
		t.Errorf("row %v and %q, want 192 and %q", got.Rows[0], last, want)
	}
	// A card on which the line is wrong, and a ruler that is too short.
	c = fake(t, r, "LIMIT=16000\n"+script)
	if err := fitRows(c, r); err == nil || !strings.Contains(err.Error(), "batch 1024 fits is false, with 17408 MiB of 18124") {
		t.Errorf("got %v, want that the line is wrong", err)
	}
	c = fake(t, r, `echo '{"fits":true,"recomputed":3,"memory":{"Peak":1}}'`)
	if err := fitRows(c, r); err == nil || !strings.Contains(err.Error(), "is tight on a100") {
		t.Errorf("got %v, want that the ruler is too short", err)
	}
	l := line{100, 2}
	for usable, want := range map[int64]int{99: 0, 227: 0, 228: 64, 355: 64, 356: 128} {
		if got := l.batch(usable); got != want {
			t.Errorf("within %d: batch %d, want %d", usable, got, want)
		}
	}
	if got := batchCell(0) + " " + batchCell(192) + " " + batchCell(256); got != "none of 64 or more 192 **256**" {
		t.Errorf("cells %q", got)
	}
}

// What a host sends and reads becomes a row; a plan without it is refused.
func TestHostRows(t *testing.T) {
	p := plan.Plan{Fits: true, Target: plan.Target{Name: "v3-32", Hosts: 4}, Program: plan.Program{Batch: 1024}}
	p.Collective = []plan.Collective{{Purpose: "gradients", Within: 4e6, Between: 3e6}, {Purpose: "images", Within: 2e6, Between: 1e6}}
	p.Time, p.Reading = plan.Time{Step: 0.0615}, &plan.Reading{Hosts: 4, Images: 4162, Bytes: 818e6, Cores: 10.97}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	r := hosts()
	c := fake(t, r, "echo '"+string(text)+"'")
	c.word = "v3-32"
	if err := hostRows(c, r); err != nil {
		t.Fatal(err)
	}
	row := c.read(t).Rows[0]
	if got := fmt.Sprint(row); got != "[{v3-32 <nil>} {4 <nil>} {1024 <nil>} {6.0 <nil>} {4.0 <nil>} {3.0 <nil>} {61.5 <nil>} {4162 <nil>} {818 <nil>} {11 <nil>}]" || len(row) != len(r.Columns) {
		t.Errorf("row %s", got)
	}
	c = fake(t, r, `echo '{"fits":true}'`)
	if err := hostRows(c, r); err == nil || !strings.Contains(err.Error(), "nothing is known of reading") {
		t.Errorf("without a rate: %v", err)
	}
}

// What a training and its judgement say becomes a row of each subject; the baselines are the first training's. A setting of the small encoder
// gives way to the training's own.
func TestMNISTRows(t *testing.T) {
	r := mnist()
	c := fake(t, r, `case $1 in
train) for a in "$@"; do case $a in --dir=*) mkdir -p ${a#*=}; echo '{"kind":"train","step":9,"loss":2.5,"chance":8.32,"top1":61.24}' > ${a#*=}/metrics.jsonl;; esac; done;;
eval) case $2 in *-2) top=98;; *) top=97;; esac
	exec > $2.report.json
	echo '{"format":"mocotpu-eval-1","step":9,"rows":['
	for subject in encoder pixels untrained supervised; do
		echo '{"subject":"'$subject'","confusion":[],"protocol":"linear-fast","features":"backbone","top1":'$top'},{"subject":"'$subject'","confusion":[],"protocol":"knn","features":"backbone","k":5,"top1":91},'
		echo '{"subject":"'$subject'","confusion":[],"protocol":"knn","features":"backbone","k":200,"top1":93},{"subject":"'$subject'","confusion":[],"protocol":"knn","features":"projection","k":20,"top1":94},'
	done
	echo '{"subject":"supervised","confusion":[],"protocol":"its own head","top1":99}]}';;
esac`)
	t.Chdir(t.TempDir())
	c.word = "bin/mnist/v1"
	if err := mnistRows(c, r); err != nil {
		t.Fatal(err)
	}
	rows := c.read(t).Rows
	var first []string
	for _, row := range rows {
		if len(row) != len(r.Columns) {
			t.Errorf("row %v", row)
		}
		first = append(first, row[0].text)
	}
	if got := strings.Join(first, "; "); got != "raw pixels; untrained encoder; MoCo v1, batch 256, learning rate 0.03; supervised, the same epochs and recipe; the first without Shuffling BN" {
		t.Errorf("rows of %s", got)
	}
	if notes := c.read(t).Notes; !strings.HasPrefix(notes[len(notes)-1], "Not trained yet: `student`: batch 128") || strings.Contains(notes[len(notes)-1], "the first without") {
		t.Errorf("notes %q, want what is missing", notes)
	}
	if got := (training{name: "wide", flags: "--preset=mnist --width=16"}).command("", 0); got != "mocotpu train --backend=cpu --preset=mnist --width=16 --arch=resnet10 --epochs=5 --knn-every=0 --dir=wide" {
		t.Errorf("command %s", got)
	}
	c.word = "mnist-wide"
	if err := mnistRows(c, r); err != nil {
		t.Fatal(err)
	}
	wide := c.read(t).Rows[len(rows)]
	if got := []string{wide[1].text, wide[3].text, wide[6].text}; !slices.Equal(got, []string{"2.50 (2.50 to 2.50) (8.32)", "91.0 (91.0 to 91.0)", "97.3 (97.0 to 98.0)"}) {
		t.Errorf("three seeds are %q, want mean, least and greatest", got)
	}
	if got := fmt.Sprint(rows[2]); got != "[{MoCo v1, batch 256, learning rate 0.03 <nil>} {2.50 (8.32) <nil>} {61.2 <nil>} {91.0 <nil>} { <nil>} {93.0 <nil>} {97.0 <nil>} { <nil>} {94.0 <nil>}]" {
		t.Errorf("row %s", got)
	}
}
