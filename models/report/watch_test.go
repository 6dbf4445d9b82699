package report

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// While one of the runs is trained its page is written again and again, and asks to be loaded again; the one after that does
// not. A run that nobody trains is not waited for.
func TestWatch(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	trainer := must.M1(run.OpenDir(durable.Disk{}, dir))
	must.M(trainer.SaveRecord(run.Record{Config: run.Glyphs()}))
	written := 0
	err := Watch(t.Context(), []string{dir}, time.Nanosecond, func() error {
		if written++; written == 3 {
			must.M(trainer.Close())
		}
		return nil
	})
	if err != nil || written != 3 {
		t.Errorf("%d pages, error %v, want 3 until the trainer had gone", written, err)
	}
	if err := Watch(t.Context(), []string{dir}, time.Hour, func() error { return errors.New("written") }); err != nil {
		t.Errorf("a run that nobody trains: %v", err)
	}
	for reload, want := range map[time.Duration]int{0: 0, 10 * time.Second: 1} {
		var page strings.Builder
		if err := Write(t.Context(), &page, []string{dir}, Options{Reload: reload}); err != nil || strings.Count(page.String(), `<meta http-equiv="refresh" content="10">`) != want {
			t.Errorf("error %v, a page to load again after %v: %s", err, reload, page.String())
		}
	}

	trainer = must.M1(run.OpenDir(durable.Disk{}, dir))
	defer trainer.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	end := errors.New("enough")
	if err := Watch(ctx, []string{dir}, time.Hour, func() error { cancel(end); return nil }); !errors.Is(err, end) {
		t.Errorf("error %v, want the context's cause", err)
	}
}
