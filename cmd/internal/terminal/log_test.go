package terminal

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// What a log gets is lines: no bar, no carriage return.
func TestLogs(t *testing.T) {
	for name, test := range map[string]struct {
		show func(out *bytes.Buffer)
		want string
	}{
		"timed": {
			func(out *bytes.Buffer) { Timed(out, "compiling")("fits") },
			"compiling ...\n  fits, 0s\n",
		},
		"download": {
			func(out *bytes.Buffer) { Download(out, "mnist")(1, 2) },
			"",
		},
		"stages": {
			func(out *bytes.Buffer) {
				s := NewStages(out)
				defer s.Close()
				s.Stage("reading")(1, 2)
				s.Note("nine are broken")
				s.End()
				s.Stage("judging")
			},
			"reading ...\nnine are broken\njudging ...\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			test.show(&out)
			if out.String() != test.want {
				t.Errorf("printed %q, want %q", out.String(), test.want)
			}
		})
	}
}

// The first broken images are named, from whichever goroutine they come, and of the rest it is said once that there are more.
func TestPackingNamesTheFirst(t *testing.T) {
	var out bytes.Buffer
	var o packed.Options
	end := Packing(&out, &o)
	o.Progress(1, 100)
	o.Progress(2, 100) // within ten seconds of the first
	var all guard.Group
	for i := range 2 * brokenShown {
		all.Go(func() { o.Broken(files.Broken{Name: fmt.Sprintf("%02d.jpg", i), Problem: "cut short"}) })
	}
	all.Wait()
	o.Note("going on")
	end()
	text := out.String()
	named := regexp.MustCompile(`(?m)^broken image left out: \d\d\.jpg: cut short$`).FindAllString(text, -1)
	if len(named) != brokenShown || strings.Count(text, "more broken images") != 1 || !strings.HasPrefix(text, "packed 1 of 100\nbroken") || !strings.HasSuffix(text, "\ngoing on\n") {
		t.Errorf("%d are named, want %d:\n%s", len(named), brokenShown, text)
	}
}
