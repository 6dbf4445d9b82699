package setup

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What python3 has is taken where it is the pinned version with the pinned libraries, and left alone otherwise.
func TestReuse(t *testing.T) {
	content := []byte("the library")
	library := pinned{"lib.so.2", fmt.Sprintf("%x", sha256.Sum256(content)), int64(len(content))}
	tests := []struct {
		name    string
		version string
		library []byte
		headers bool
		want    bool
		says    string
	}{
		{name: "the pinned one", version: "1.0", library: content, headers: true, want: true, says: "copying the libraries of tf 1.0"},
		{name: "another version", version: "1.1", library: content, headers: true},
		{name: "none", library: content, headers: true},
		{name: "another size", version: "1.0", library: []byte("short"), headers: true},
		{name: "other content", version: "1.0", library: []byte("the LIBRARY"), headers: true, says: "wrong checksum"},
		{name: "no headers", version: "1.0", library: content},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, bin := sandbox(t)
			installed, work := t.TempDir(), t.TempDir()
			writeFile(t, filepath.Join(installed, "lib.so.2"), test.library)
			if test.headers {
				writeFile(t, filepath.Join(installed, "include", "x.h"), []byte("int x;"))
			}
			script := "#!/bin/sh\nexit 1\n"
			if test.version != "" {
				script = fmt.Sprintf("#!/bin/sh\n[ \"$3\" = tf ] && echo '[\"%s\", \"%s\"]'\n", test.version, installed)
			}
			writeFile(t, filepath.Join(bin, "python3"), []byte(script))
			var said []string
			got := reuse(t.Context(), wheel{name: "tf", version: "1.0"}, []pinned{library}, work, func(s string) { said = append(said, s) })
			if got != test.want {
				t.Errorf("reuse: got %v, want %v (%q)", got, test.want, said)
			}
			if all := strings.Join(said, "\n"); !strings.Contains(all, test.says) || test.says == "" && all != "" {
				t.Errorf("said %q, want %q", all, test.says)
			}
			header, err := os.ReadFile(filepath.Join(work, "tensorflow", "include", "x.h"))
			if (err == nil) != test.want {
				t.Errorf("its headers: %q, %v", header, err)
			}
			if test.want {
				if copied, err := os.ReadFile(filepath.Join(work, "tensorflow", "lib.so.2")); err != nil || !slices.Equal(copied, content) {
					t.Errorf("its library: got %q, %v", copied, err)
				}
			}
		})
	}
}
