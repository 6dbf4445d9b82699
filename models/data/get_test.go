package data

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// published returns size bytes and the resource that describes them.
func published(name string, size int) ([]byte, resource) {
	content := make([]byte, size)
	s := newStream(1, 99, uint64(len(name)))
	for i := range content {
		content[i] = byte(s.word())
	}
	sum := sha256.Sum256(content)
	return content, resource{name: name, size: int64(size), sha256: hex.EncodeToString(sum[:])}
}

// A fakeServer serves content and remembers the ranges it was asked for.
type fakeServer struct {
	*httptest.Server
	mu     sync.Mutex
	ranges []string
}

// serve starts a server; answer gets the number of the request, from 0 on.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *fakeServer {
	s := &fakeServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.ranges)
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		s.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func whole(content []byte) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// cut sends part of a whole answer and drops the connection.
func cut(w http.ResponseWriter, content []byte, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func options(s *fakeServer) GetOptions {
	return GetOptions{BaseURL: s.URL, Client: s.Client(), Pause: time.Microsecond}
}

func wantFile(t *testing.T, name string, content []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got a file of %d bytes, %v, want the published %d", len(got), err, len(content))
	}
	if _, err := os.Stat(name + ".part"); err == nil {
		t.Error("the .part file is still there")
	}
}

func TestGetServersThatWork(t *testing.T) {
	content, file := published("set.bin", 100_000)
	for name, c := range map[string]struct {
		answer func(n int, w http.ResponseWriter, r *http.Request)
		part   []byte // there before
		ranges []string
	}{
		"at once": {answer: whole(content), ranges: []string{""}},
		"dropped twice": {
			answer: func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 0 {
					cut(w, content, 40_000)
				}
				whole(content)(n, w, r)
			},
			ranges: []string{"", "bytes=40000-"},
		},
		"resumed":       {answer: whole(content), part: content[:99_999], ranges: []string{"bytes=99999-"}},
		"complete part": {answer: whole(content), part: content},
		"server without ranges": {
			answer: func(n int, w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Range")
				whole(content)(n, w, r)
			},
			part:   content[:30_000],
			ranges: []string{"bytes=30000-"},
		},
		"foreign part":  {answer: whole(content), part: make([]byte, 50_000), ranges: []string{"bytes=50000-", ""}},
		"part too long": {answer: whole(content), part: make([]byte, 100_001), ranges: []string{""}},
		"range of another file": {
			answer: func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 0 {
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
					return
				}
				whole(content)(n, w, r)
			},
			part:   content[:70_000],
			ranges: []string{"bytes=70000-", ""},
		},
		"wrong range": {
			answer: func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 0 {
					w.Header().Set("Content-Range", "bytes 0-99999/100000")
					w.WriteHeader(http.StatusPartialContent)
					w.Write(content)
					return
				}
				whole(content)(n, w, r)
			},
			part:   content[:70_000],
			ranges: []string{"bytes=70000-", ""},
		},
		"busy": {
			answer: func(n int, w http.ResponseWriter, r *http.Request) {
				if n < retries {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				whole(content)(n, w, r)
			},
			ranges: []string{"", "", "", "", ""},
		},
		"damaged on the way": {
			answer: func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 0 {
					w.Write(make([]byte, len(content)))
					return
				}
				whole(content)(n, w, r)
			},
			ranges: []string{"", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "folder")
			if c.part != nil {
				dir = folder(t, map[string][]byte{"set.bin.part": c.part})
			}
			s := serve(t, c.answer)
			if err := get(t.Context(), []resource{file}, dir, options(s)); err != nil {
				t.Fatal(err)
			}
			wantFile(t, filepath.Join(dir, "set.bin"), content)
			if !slices.Equal(s.ranges, c.ranges) {
				t.Errorf("got requests for ranges %q, want %q", s.ranges, c.ranges)
			}
		})
	}
}

// A server that goes silent is left, and asked again for the rest.
func TestGetLeavesAStalledServer(t *testing.T) {
	content, file := published("set.bin", 100_000)
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write(content[:40_000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		whole(content)(n, w, r)
	})
	o := options(s)
	o.Stall = 300 * time.Millisecond
	dir := t.TempDir()
	if err := get(t.Context(), []resource{file}, dir, o); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "set.bin"), content)
	if s.ranges[1] != "bytes=40000-" {
		t.Errorf("got requests for ranges %q, want the second to resume at 40000", s.ranges)
	}
}

func TestGetServersThatFail(t *testing.T) {
	content, file := published("set.bin", 100_000)
	other := make([]byte, len(content))
	for name, c := range map[string]struct {
		answer   func(n int, w http.ResponseWriter, r *http.Request)
		requests int
		checksum bool
		want     string
	}{
		"not found": {
			answer:   func(_ int, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
			requests: 1, want: "got status 404 Not Found, want 200",
		},
		"wrong checksum": {answer: whole(other), requests: 2, checksum: true, want: "want " + file.sha256},
		"wrong size":     {answer: whole(content[1:]), requests: 1, checksum: true, want: "has 99999 bytes, want 100000"},
		"always busy": {
			answer:   func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
			requests: 1 + retries, want: "got status 502 Bad Gateway",
		},
		"no ranges, always dropped at the same byte": {
			answer:   func(_ int, w http.ResponseWriter, _ *http.Request) { cut(w, content, 50_000) },
			requests: 2 + retries, want: "EOF",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.answer)
			dir := t.TempDir()
			err := get(t.Context(), []resource{file}, dir, options(s))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "set.bin") {
				t.Fatalf("got error %v, want one that names set.bin and %q", err, c.want)
			}
			if errors.Is(err, ErrChecksum) != c.checksum {
				t.Errorf("got error %v, want ErrChecksum in it: %v", err, c.checksum)
			}
			if len(s.ranges) != c.requests {
				t.Errorf("got %d requests, want %d", len(s.ranges), c.requests)
			}
			if _, err := os.Stat(filepath.Join(dir, "set.bin")); err == nil {
				t.Error("set.bin is there after the failure")
			}
			if part, err := os.Stat(filepath.Join(dir, "set.bin.part")); err == nil && part.Size() == 0 {
				t.Error("an empty .part file is left")
			}
		})
	}
}

// The second publisher takes over, and the bytes of the first are kept.
func TestGetTriesTheNextMirror(t *testing.T) {
	content, file := published("set.bin", 100_000)
	first := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 0 {
			cut(w, content, 60_000)
		}
		http.NotFound(w, r)
	})
	second := serve(t, whole(content))
	file.mirrors = []string{first.URL + "/", second.URL + "/"}
	dir := t.TempDir()
	if err := get(t.Context(), []resource{file}, dir, GetOptions{Pause: time.Microsecond}); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "set.bin"), content)
	if !slices.Equal(second.ranges, []string{"bytes=60000-"}) {
		t.Errorf("got ranges %q of the second mirror, want one from 60000 on", second.ranges)
	}
}

func TestGetKeepsWhatIsThere(t *testing.T) {
	good, a := published("a", 1000)
	content, b := published("bb", 3000)
	dir := folder(t, map[string][]byte{"a": good, "bb": []byte("something else")})
	s := serve(t, whole(content))
	o := options(s)
	var done []int64
	o.Progress = func(d, total int64) {
		if total != 4000 {
			t.Errorf("got a total of %d bytes, want 4000", total)
		}
		done = append(done, d)
	}
	if err := get(t.Context(), []resource{a, b}, dir, o); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "a"), good)
	wantFile(t, filepath.Join(dir, "bb"), content)
	if len(s.ranges) != 1 {
		t.Errorf("got %d requests, want 1: a is there", len(s.ranges))
	}
	if done[0] != 1000 || done[len(done)-1] != 4000 || !slices.IsSorted(done) {
		t.Errorf("got progress %v, want 1000 up to 4000", done)
	}
}

// An interrupted download says how to go on, and what came stays.
func TestGetStopsWithItsContext(t *testing.T) {
	content, file := published("set.bin", 100_000)
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:40_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	o := options(s)
	o.Progress = func(done, _ int64) {
		if done == 40_000 {
			cancel()
		}
	}
	dir := t.TempDir()
	err := get(ctx, []resource{file}, dir, o)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "resume") {
		t.Errorf("got error %v, want context.Canceled and how to resume", err)
	}
	part, err := os.ReadFile(filepath.Join(dir, "set.bin.part"))
	if err != nil || !bytes.Equal(part, content[:40_000]) {
		t.Errorf("got a part of %d bytes, %v, want the 40000 that came", len(part), err)
	}
}

func TestGetRefusesNames(t *testing.T) {
	for name, want := range map[string]string{"glyphs": "nothing to download", "imagenet": `"imagenet"`, "mnist/x": `"mnist/x"`} {
		if err := Get(t.Context(), name, t.TempDir(), GetOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %s", name, err, want)
		}
	}
}

// Get asks for the names that Open reads, and the pinned sums are whole.
func TestResources(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	for name, first := range map[string]string{"mnist": "train-images-idx3-ubyte.gz", "emnist": "gzip.zip", "emnist/letters": "gzip.zip", "cifar10": "cifar-10-binary.tar.gz", "cifar100": "cifar-100-binary.tar.gz"} {
		err := Get(t.Context(), name, t.TempDir(), options(s))
		if err == nil || !strings.Contains(err.Error(), first) || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s: got error %v, want a 404 for %s", name, err, first)
		}
	}
	for name, files := range resources {
		for _, f := range files {
			sum, err := hex.DecodeString(f.sha256)
			if err != nil || len(sum) != sha256.Size || f.size <= 0 || len(f.mirrors) < 2 {
				t.Errorf("%s: %s: got sum %q, size %d, %d mirrors, want a SHA-256, a size and at least 2", name, f.name, f.sha256, f.size, len(f.mirrors))
			}
			for _, m := range f.mirrors {
				if !strings.HasPrefix(m, "https://") || !strings.HasSuffix(m, "/") {
					t.Errorf("%s: got mirror %q, want https://.../", name, m)
				}
			}
		}
	}
}
