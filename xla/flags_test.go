//go:build cgo

package xla

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The words of XLA_FLAGS are found as XLA finds them.
func TestSplitFlags(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
		bad  bool
	}{
		{"", nil, false},
		{" \t\n", nil, false},
		{"--xla_a=1", []string{"--xla_a=1"}, false},
		{" --xla_a=1\n--xla_b=x ", []string{"--xla_a=1", "--xla_b=x"}, false},
		{`--xla_a="x y" --xla_b='z "'`, []string{"--xla_a=x y", `--xla_b=z "`}, false},
		{`--xla_a="x \" y"`, []string{`--xla_a=x " y`}, false},
		{`--xla_a=it's`, []string{"--xla_a=it's"}, false},
		{`--xla_a="x`, nil, true},
	} {
		got, err := splitFlags(test.text)
		if !slices.Equal(got, test.want) || (err != nil) != test.bad {
			t.Errorf("%q: got %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

// Words that would end the process are refused. No library of this process defines a flag.
func TestCheckFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags")
	if err := os.WriteFile(file, []byte("--xla_dump_to"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ value, want string }{
		{"", ""},
		{"  ", ""},
		{"--xla_no_such_flag_anywhere=1", "no flag --xla_no_such_flag_anywhere"},
		{"--xla_dump_to", "want --xla_name=value"},
		{"--v=1", "want --xla_name=value"},
		{`--xla_a="`, "unclosed"},
		{"/no/such/file", "names a file of flags"},
		{file, "want --xla_name=value"},
	} {
		t.Setenv("XLA_FLAGS", test.value)
		err := checkFlags()
		var e *Error
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%q: got %v, want nil", test.value, err)
		case test.want != "" && (!errors.As(err, &e) || e.Code != InvalidArgument || !strings.Contains(e.Msg, test.want)):
			t.Errorf("%q: got %v, want INVALID_ARGUMENT with %q", test.value, err, test.want)
		}
	}
}

// More time is given only where devices outnumber cores.
func TestCPUFlags(t *testing.T) {
	for _, test := range []struct {
		devices, cores int
		want           string
	}{{1, 2, "60"}, {8, 8, "60"}, {8, 2, "240"}, {9, 8, "120"}, {64, 2, "600"}} {
		flags := map[string]string{}
		for _, f := range cpuFlags(test.devices, test.cores) {
			flags[f[0]] = f[1]
		}
		if got := flags["xla_cpu_collective_call_terminate_timeout_seconds"]; got != test.want {
			t.Errorf("%d devices on %d cores: got %s s, want %s", test.devices, test.cores, got, test.want)
		}
	}
}
