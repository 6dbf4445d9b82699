package setup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func prebuiltArchive(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	a := tar.NewWriter(z)
	for name, content := range files {
		err := a.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = a.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Where the prebuilt plugin can be downloaded, no compiler and no wheel is needed.
func TestInstallPrebuilt(t *testing.T) {
	root, _ := sandbox(t)
	archive := prebuiltArchive(t, map[string][]byte{
		"./pjrt_c_api_cpu_v0.114.0_plugin.so": sharedLibrary(t, "GetPjrtApi"), "./LICENSE": []byte("text"),
	})
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.Write(archive)
	}))
	defer server.Close()
	set(t, &prebuiltURL, server.URL+"/plugin.tar.gz")
	for range 2 {
		p, err := Install(t.Context(), "cpu", Options{})
		if err != nil || p.Version != "go-xla-"+prebuiltVersion {
			t.Fatalf("got %+v, %v, want go-xla's plugin", p, err)
		}
	}
	if requests != 1 {
		t.Errorf("got %d requests for two installations, want 1", requests)
	}
	want := []string{"plugins/cpu/installed.json", "plugins/cpu/pjrt_c_api_cpu_v0.114.0_plugin.so"}
	if got := files(t, root); !slices.Equal(got, want) {
		t.Errorf("installed: got %v, want %v", got, want)
	}
}

// The error says what is wrong with the prebuilt plugin.
func TestPrebuiltFailures(t *testing.T) {
	good := prebuiltArchive(t, map[string][]byte{"pjrt_c_api_cpu_v1_plugin.so": sharedLibrary(t, "GetPjrtApi")})
	tests := []struct {
		name, want string
		status     int
		body       []byte
	}{
		{"not found", "404", http.StatusNotFound, nil},
		{"an HTML page", "gzip", http.StatusOK, []byte("<html><body>blocked</body></html>")},
		{"cut short", "unexpected EOF", http.StatusOK, good[:len(good)-40]},
		{"no plugin", "no plugin in the archive", http.StatusOK, prebuiltArchive(t, map[string][]byte{"a": []byte("b")})},
		{"wrong plugin", "does not export GetPjrtApi", http.StatusOK, prebuiltArchive(t, map[string][]byte{
			"pjrt_c_api_cpu_v1_plugin.so": sharedLibrary(t, "Other"),
		})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root, _ := sandbox(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				w.Write(test.body)
			}))
			defer server.Close()
			set(t, &prebuiltURL, server.URL+"/plugin.tar.gz")
			_, err := Install(t.Context(), "cpu", Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
			if got := files(t, root); len(got) != 0 {
				t.Errorf("left %v, want nothing", got)
			}
		})
	}
}
