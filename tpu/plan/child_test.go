package plan_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// buildProduct compiles the product of matrices of so many rows; some numbers make trouble.
func buildProduct(e *xla.Engine, source []byte) error {
	var rows int
	if err := json.Unmarshal(source, &rows); err != nil {
		return err
	}
	switch rows {
	case 13:
		fmt.Fprintln(os.Stderr, "F0000 check failed")
		os.Exit(134)
	case 14:
		time.Sleep(time.Hour)
	case 15:
		return errors.New("15 rows")
	}
	return product(e, rows)()
}

func TestMain(m *testing.M) {
	if plan.Serve(buildProduct) {
		return
	}
	os.Exit(m.Run())
}

func request(source string) plan.Request {
	return plan.Request{
		Engine: "cpu", Options: xla.Options{Devices: 1}, Source: json.RawMessage(source),
		Program: plan.Program{Title: "a product", Batch: 16, Groups: 1},
	}
}

// A child compiles what the main program's function makes of the source, keeps it, and tells what is wrong with the store.
func TestInChild(t *testing.T) {
	xlatest.CPU(t, 1)
	var told []error
	store := &programs.Store{Dir: t.TempDir(), Told: func(err error) { told = append(told, err) }}
	for _, stored := range []bool{false, true} {
		c, p, err := plan.InChild(t.Context(), request("16"), store, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if c.Stored != stored || !p.Fits || p.Memory.Arguments != 4*16*8 || p.Target.Name != "cpu" || p.Target.Devices != 1 || p.Program.Title != "a product" {
			t.Errorf("stored %t, plan %+v", c.Stored, p)
		}
	}
	files, _ := filepath.Glob(filepath.Join(store.Dir, "*"))
	if len(files) != 1 || len(told) != 0 {
		t.Fatalf("the store holds %q and was told %v, want one file and nothing", files, told)
	}
	if err := os.WriteFile(files[0], []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, _, err := plan.InChild(t.Context(), request("16"), store, time.Minute); err != nil || c.Stored || len(told) != 1 || !strings.Contains(told[0].Error(), "damaged") {
		t.Errorf("damaged: error %v, notices %v, want it compiled again with a notice", err, told)
	}
}

// What goes wrong in the child is an error here.
func TestInChildErrors(t *testing.T) {
	xlatest.CPU(t, 1)
	elsewhere := request("16")
	elsewhere.Topology = "v3-9"
	missing := request("16")
	missing.Options.Plugin = filepath.Join(t.TempDir(), "missing.so")
	ended := &child.Error{}
	for _, test := range []struct {
		name    string
		request plan.Request
		limit   time.Duration
		is      func(error) bool
		want    string
	}{
		{"its own", request("15"), 0, func(error) bool { return true }, "15 rows"},
		{"no number", request(`"x"`), 0, func(error) bool { return true }, "cannot unmarshal"},
		{"ends its process", request("13"), 0, func(err error) bool { return errors.As(err, &ended) && ended.Code == 134 }, "the compiler for cpu ended its process: "},
		{"takes too long", request("14"), 2 * time.Second, func(err error) bool { return errors.Is(err, child.ErrLimit) }, "of 2s"},
		{"no topology", elsewhere, 0, func(err error) bool { return errors.Is(err, tpu.ErrUnknown) }, "v3-8"},
		{"no plugin", missing, 0, func(err error) bool { return errors.Is(err, xla.ErrNoPlugin) }, "missing.so"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := plan.InChild(t.Context(), test.request, nil, test.limit)
			if err == nil || !test.is(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if ended.Words != "F0000 check failed\n" {
		t.Errorf("last words %q", ended.Words)
	}
}
