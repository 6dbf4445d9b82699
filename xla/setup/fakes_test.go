package setup

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sandbox makes everything that Install and Find look at lie in temporary folders: HOME, MOCOTPU_HOME, the plugin path,
// and PATH, which has no programs. It returns MOCOTPU_HOME and the only folder of PATH.
func sandbox(t *testing.T) (root, bin string) {
	t.Helper()
	root, bin = t.TempDir(), t.TempDir()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("MOCOTPU_HOME", root)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	t.Setenv("PATH", bin)
	return root, bin
}

// fakePython is a python3 whose pip copies the files of a folder, and which loads any plugin.
type fakePython struct {
	index   string // folder with the wheels; "" for an index that cannot be reached
	noPip   bool
	cannot  bool // load plugins
	logFile string
}

func (f *fakePython) install(t *testing.T, bin string) {
	t.Helper()
	f.logFile = filepath.Join(t.TempDir(), "log")
	script := "#!/bin/sh\necho \"$@\" >>" + f.logFile + "\n"
	script += fmt.Sprintf("[ \"$1\" = -c ] && { echo cannot open shared object file >&2; exit %d; }\n", b2i(f.cannot))
	script += fmt.Sprintf("case \"$*\" in *'pip --version') exit %d;; esac\n", b2i(f.noPip))
	script += "while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n"
	if f.index == "" {
		script += "echo 'ERROR: No matching distribution found for it' >&2; exit 1\n"
	} else {
		script += "/bin/cp " + f.index + "/* $dest/\n"
	}
	writeFile(t, filepath.Join(bin, "python3"), []byte(script))
}

// calls are those of pip: a plugin is loaded by a call of another kind.
func (f *fakePython) calls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(f.logFile)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	calls := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	return slices.DeleteFunc(calls, func(call string) bool { return strings.HasPrefix(call, "-c ") })
}

// fakeWheel writes a wheel with these files into dir and returns its pin.
func fakeWheel(t *testing.T, dir, name, version string, files map[string][]byte) wheel {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for path, content := range files {
		f, err := z.Create(path)
		if err == nil {
			_, err = f.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := name + "-" + version + "-py3-none-any.whl"
	writeFile(t, filepath.Join(dir, file), b.Bytes())
	return wheel{
		name: name, version: version, file: file, python: "3.11", platform: "any",
		sha256: fmt.Sprintf("%x", sha256.Sum256(b.Bytes())), bytes: int64(b.Len()), unpacked: 1 << 10,
	}
}

// sharedLibrary is the least that is an ELF file with these symbols exported.
func sharedLibrary(t *testing.T, symbols ...string) []byte {
	t.Helper()
	names, table := []byte{0}, make([]elf.Sym64, 1)
	for _, s := range symbols {
		table = append(table, elf.Sym64{Name: uint32(len(names)), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), Shndx: 1})
		names = append(append(names, s...), 0)
	}
	const headerSize, sectionSize, symbolSize = 64, 64, 24
	sections := []elf.Section64{
		{},
		{Type: uint32(elf.SHT_DYNSYM), Link: 2, Size: uint64(len(table) * symbolSize), Entsize: symbolSize, Off: headerSize},
		{Type: uint32(elf.SHT_STRTAB), Size: uint64(len(names)), Off: headerSize + uint64(len(table)*symbolSize)},
	}
	header := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: 1, Ehsize: headerSize,
		Shoff: sections[2].Off + sections[2].Size, Shentsize: sectionSize, Shnum: uint16(len(sections)), Shstrndx: 2,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	var b bytes.Buffer
	for _, part := range []any{header, table, names, sections} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
}

// files lists all that is under dir, except the lock files.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && !strings.HasSuffix(path, ".lock") {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func set[T any](t *testing.T, variable *T, value T) {
	t.Helper()
	old := *variable
	*variable = value
	t.Cleanup(func() { *variable = old })
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
