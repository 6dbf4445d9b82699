package setup

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctor(t *testing.T) {
	_, _ = sandbox(t)
	folder := t.TempDir()
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", folder)
	for _, engine := range []string{"cpu", "cuda", "tpu"} {
		writeFile(t, filepath.Join(folder, "pjrt_c_api_"+engine+"_plugin.so"), sharedLibrary(t, "GetPjrtApi"))
	}
	rows := Doctor(func(engine string) (int, string, error) {
		switch engine {
		case "cpu":
			return 8, "PJRT 0.104", nil
		case "cuda":
			return 0, "", errors.New("no GPU found\nstack")
		case "tpu":
			return 0, "", fmt.Errorf("%w here", ErrNoDevice)
		}
		return 1, "", nil
	})
	var b strings.Builder
	if err := WriteTable(&b, rows); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(b.String(), folder, "DIR")
	const want = `ENGINE  STATUS   DEVICES  VERSION                        HOW TO GET IT
go      found    1        built in                       -
cpu     found    8        PJRT 0.104                     -
cuda    broken   -        DIR/pjrt_c_api_cuda_plugin.so  no GPU found
tpu     idle     -        DIR/pjrt_c_api_tpu_plugin.so   no such device here
`
	if squeeze(got) != squeeze(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	usable := ""
	for _, r := range rows {
		if r.Usable() {
			usable += r.Engine + " "
		}
	}
	if usable != "go cpu " {
		t.Errorf("usable: got %q, want go and cpu", usable)
	}
}

func TestDoctorWithoutProbe(t *testing.T) {
	sandbox(t)
	for _, r := range Doctor(nil) {
		want := "missing"
		if r.Engine == "go" {
			want = "found"
		}
		if r.Status != want {
			t.Errorf("%s: got %s, want %s", r.Engine, r.Status, want)
		}
	}
}

// squeeze makes runs of spaces one: the folder's name has another length than DIR.
func squeeze(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
