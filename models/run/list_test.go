package run

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"
)

// An evaluation without a number, which is null in the file, is not the best, wherever it stands; nor is that of the untrained encoder.
func TestBestOfEvaluations(t *testing.T) {
	at := func(step, accuracy string) string {
		return `{"kind":"knn","step":` + step + `,"epoch":1,"k":[5],"backbone":[` + accuracy + `],"projection":[1],"queries":1,"bank":1,"seconds":1}` + "\n"
	}
	row := func(accuracy string) string { return at("1", accuracy) }
	for text, want := range map[string]Float{at("0", "90") + row("60"): 60, row("null") + row("40") + row("50") + row("null") + row("30"): 50, row("20"): 20} {
		dir := t.TempDir()
		must.M(os.WriteFile(filepath.Join(dir, MetricsFile), []byte(text), 0o644))
		if got := summarise(dir, Glyphs()); got.BestKNN != want || got.Problem != "" {
			t.Errorf("best %v, problem %q, want %v", got.BestKNN, got.Problem, want)
		}
	}
}

// A folder that may not be read hides none of the others; the folder that was asked for is an error. The root user may read
// all, so the walk's errors are made here.
func TestListUnreadableFolder(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "runs/lost+found", Err: fs.ErrPermission}
	l := lister{folder: "runs"}
	if err := l.visit("runs/lost+found", nil, denied); !errors.Is(err, fs.SkipDir) {
		t.Errorf("error %v, want the folder skipped", err)
	}
	if len(l.found) != 1 || l.found[0].State != StateUnreadable || l.found[0].Problem != denied.Error() {
		t.Errorf("found %+v, want the folder as unreadable", l.found)
	}
	if err := l.visit("runs", nil, denied); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the folder itself: error %v, want it", err)
	}
}
