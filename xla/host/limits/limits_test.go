package limits

import (
	"math"
	"testing"
	"testing/fstest"
)

const (
	meminfo = "MemTotal:       25165824 kB\nMemFree: 1 kB\n" // 24 GiB
	v1Mount = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	v2Mount = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
	none    = "9223372036854771712\n" // what cgroup v1 has for no limit
)

// TestMemoryOf reads the limits of machines and containers from the files that such have.
func TestMemoryOf(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no /proc at all", nil, math.MaxInt64},
		{"no cgroups", map[string]string{"proc/meminfo": meminfo}, 24 * gib},
		{"v1, no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v1Mount, "proc/self/cgroup": "4:memory:/job\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": none, "sys/fs/cgroup/memory/job/memory.limit_in_bytes": none,
		}, 24 * gib},
		{"v1, the group's own", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v1Mount, "proc/self/cgroup": "5:cpu:/other\n4:memory:/job\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": none, "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "3221225472\n",
		}, 3 * gib},
		{"v1, several controllers in one tree", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:cpu,memory:/job\n",
			"proc/self/mountinfo":          "35 31 0:32 / /cg rw - cgroup cgroup rw,cpu,memory\n",
			"cg/job/memory.limit_in_bytes": "1073741824\n",
		}, gib},
		{"v1, a group above", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v1Mount, "proc/self/cgroup": "4:memory:/pod/job\n",
			"sys/fs/cgroup/memory/pod/memory.limit_in_bytes":     "1073741824\n",
			"sys/fs/cgroup/memory/pod/job/memory.limit_in_bytes": "2147483648\n",
		}, gib},
		{"v1, Docker without a namespace of cgroups", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/docker/ab12\n",
			"proc/self/mountinfo":                        "35 31 0:32 /docker/ab12 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
		}, gib / 2},
		{"v2, the group's own", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v2Mount, "proc/self/cgroup": "0::/user.slice/job\n",
			"sys/fs/cgroup/user.slice/memory.max": "max\n", "sys/fs/cgroup/user.slice/job/memory.max": "4294967296\n",
		}, 4 * gib},
		{"v2, in a container", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v2Mount, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "8589934592\n",
		}, 8 * gib},
		{"both, v1 limits memory", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v1Mount + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"proc/self/cgroup": "4:memory:/job\n0::/\n", "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1073741824\n",
		}, gib},
		{"a limit above the machine", map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": v2Mount, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "1099511627776\n",
		}, 24 * gib},
		{"nonsense", map[string]string{
			"proc/meminfo": "MemTotal: lots\n", "proc/self/mountinfo": "x - y\n- \n", "proc/self/cgroup": "::\nq\n", "memory.max": "-3\n",
		}, math.MaxInt64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range tt.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := memoryOf(files); got != tt.want {
				t.Errorf("got %d bytes, want %d", got, tt.want)
			}
		})
	}
}

// TestThisMachine has the real files give a number that a machine can have.
func TestThisMachine(t *testing.T) {
	if m := Memory(); m < 1<<26 {
		t.Errorf("%d bytes, want at least 64 MiB: this test runs", m)
	}
	if n := CPUs(); n < 1 {
		t.Errorf("%d CPUs, want at least one", n)
	}
}
