package limits

import (
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// machineMemory is the machine's, by /proc/meminfo.
func machineMemory(root fs.FS) int64 {
	for _, line := range lines(root, "proc/meminfo") {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			if words := strings.Fields(rest); len(words) == 2 && words[1] == "kB" {
				if kib, err := strconv.ParseInt(words[0], 10, 53); err == nil {
					return kib << 10
				}
			}
		}
	}
	return math.MaxInt64
}

// hierarchy is one tree of cgroups: where it is mounted, which of its folders is at the mount point, and the file that
// holds a group's limit.
type hierarchy struct{ mount, top, file string }

// cgroupMemory lists the limits of the process's group and of those above it, in every tree that limits memory.
func cgroupMemory(root fs.FS) []int64 {
	var limits []int64
	groups := groupsOf(root)
	for controller, tree := range memoryTrees(root) {
		group, ok := groups[controller]
		if !ok {
			continue
		}
		// A container that sees the whole tree has its own folder mounted on top; the path in /proc begins with it.
		below := group
		if tree.top != "/" {
			below = strings.TrimPrefix(group, tree.top)
		}
		for _, dir := range upwards(below) {
			for _, line := range lines(root, path.Join(strings.TrimPrefix(tree.mount, "/"), dir, tree.file)) {
				if limit, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64); err == nil && limit > 0 { // "max" is none
					limits = append(limits, limit)
				}
			}
		}
	}
	return limits
}

// The controllers by which /proc/self/cgroup names the two kinds of tree.
const (
	unified = "" // cgroup v2
	legacy  = "memory"
)

// groupsOf is the process's group in each tree, by controller.
func groupsOf(root fs.FS) map[string]string {
	groups := map[string]string{}
	for _, line := range lines(root, "proc/self/cgroup") { // 4:memory:/docker/1234, or 0::/user.slice
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		for controller := range strings.SplitSeq(parts[1], ",") {
			groups[controller] = parts[2]
		}
	}
	return groups
}

// memoryTrees are the trees that can limit memory, by controller.
func memoryTrees(root fs.FS) map[string]hierarchy {
	trees := map[string]hierarchy{}
	for _, line := range lines(root, "proc/self/mountinfo") {
		// 35 31 0:32 /top /mount rw,relatime optional - type source options
		head, tail, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(head), strings.Fields(tail)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		switch {
		case kind[0] == "cgroup2":
			trees[unified] = hierarchy{mount: fields[4], top: fields[3], file: "memory.max"}
		case kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), "memory"):
			trees[legacy] = hierarchy{mount: fields[4], top: fields[3], file: "memory.limit_in_bytes"}
		}
	}
	return trees
}

// upwards lists a folder and those above it, up to the mount point.
func upwards(dir string) []string {
	dir = path.Join("/", dir)
	dirs := []string{dir}
	for dir != "/" {
		dir = path.Dir(dir)
		dirs = append(dirs, dir)
	}
	return dirs
}

// lines are those of a file, none where it cannot be read.
func lines(root fs.FS, name string) []string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
