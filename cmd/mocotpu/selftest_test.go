package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/selftest"
)

// TestSelftest has the Go engine pass all that it can be put to, with a report of it. TestSelftestSlow has the CPU engine.
func TestSelftest(t *testing.T) {
	passSelftest(t, "--backend=go", "encoder, float32", "step, float32", "views", "repeat", "power cut")
}

// passSelftest runs the self-test with a report, which must say that the checks named passed.
func passSelftest(t *testing.T, flags string, passed ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	args := append([]string{"selftest", "--json=report.json", "--time-limit=2h"}, strings.Fields(flags)...)
	code, stdout, stderr := call(t, args...)
	t.Log(stdout)
	if code != exitDone || !strings.Contains(stderr, "power cut ...") {
		t.Fatalf("exit code %d, stdout %s, stderr %s, want 0", code, stdout, stderr)
	}
	var report selftest.Report
	must.M(json.Unmarshal(must.M1(os.ReadFile("report.json")), &report))
	verdicts := map[string]string{}
	for _, r := range report.Results {
		verdicts[r.Name] = r.Verdict
		if r.Verdict == selftest.Skipped && r.Why == "" {
			t.Errorf("%s is skipped without a reason", r.Name)
		}
	}
	for _, name := range passed {
		if verdicts[name] != selftest.Pass {
			t.Errorf("%s: %q, want it to pass", name, verdicts[name])
		}
	}
	if report.Command == "" || report.Date == "" || report.Machine == nil || report.Versions["go"] == "" || len(report.Speeds) == 0 || report.Speeds[0].ImagesPerSecond == 0 {
		t.Errorf("%+v, want command, date, machine, versions and speeds", report)
	}
	if code, _, stderr := call(t, args...); code != exitUsage || !strings.Contains(stderr, "--force") {
		t.Errorf("exit code %d, stderr %q, want the report kept", code, stderr)
	}
}

// TestSelftestFails has a failed check be exit code 1, after the table and the report.
func TestSelftestFails(t *testing.T) {
	t.Chdir(t.TempDir())
	cmd := newSelftest()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SetContext(t.Context())
	failed := &selftest.Report{Results: []selftest.Result{
		{Name: "views", Verdict: selftest.Pass}, {Name: "repeat", Verdict: selftest.Fail, Why: "two runs differ\nin a bit"},
	}}
	err := conclude(cmd, failed, "report.json")
	if err == nil || exitCode(t.Context(), err) != exitFailed || !strings.Contains(err.Error(), "repeat") || !strings.Contains(out.String(), "two runs differ; in a bit") {
		t.Errorf("error %v, stdout %s, want exit code 1 and the reason", err, out.String())
	}
	if text := must.M1(os.ReadFile("report.json")); !strings.Contains(string(text), `"FAIL"`) {
		t.Errorf("the report is %s, want the failure", text)
	}
	if err := conclude(cmd, &selftest.Report{}, ""); err != nil {
		t.Errorf("nothing failed: error %v", err)
	}
	for args, want := range map[string]string{
		"selftest --backend=abacus":         "--backend is ",
		"selftest --backend=go --devices=2": "the go engine has one device",
		"selftest --json=no/such/folder":    "there is no folder no/such",
	} {
		if code, _, stderr := call(t, strings.Fields(args)...); code == exitDone || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stderr %q, want %q", args, code, stderr, want)
		}
	}
}
