package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Machine is where it was measured.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	// Load is the number of runnable processes over the last minute before the start, where Linux reports it. Times
	// taken beside others mean little.
	Load float64 `json:"load"`
}

// ThisMachine describes the machine that the process is on.
func ThisMachine() Machine {
	return Machine{CPU: cpuModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Load: loadAverage()}
}

// cpuModel is the processor's name, as Linux reports it, or the architecture.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// loadAverage is Linux's load average of the last minute, 0 elsewhere.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	if _, err := fmt.Sscan(string(text), &load); err != nil {
		return 0
	}
	return load
}

// anonymousMemory is the process's RssAnon in bytes, as Linux reports it, 0 elsewhere.
func anonymousMemory() int64 { return memoryStatus("RssAnon") }

// peakMemory is the most memory that the process has held, mapped files included, as Linux reports it, 0 elsewhere.
func peakMemory() int64 { return memoryStatus("VmHWM") }

func memoryStatus(field string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, field+": %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return 0
}

// cpuTime is the processor time that this process has taken, as Linux reports it in hundredths of a second, 0 elsewhere.
func cpuTime() time.Duration {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold anything; user and system time are the 12th and 13th fields behind it.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks time.Duration
	for _, at := range []int{11, 12} {
		var n time.Duration
		if at < len(fields) {
			_, _ = fmt.Sscan(fields[at], &n)
		}
		ticks += n
	}
	return ticks * 10 * time.Millisecond
}
