package setup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// The CPU plugin that go-xla's own installer gets, at the version that go-xla v0.4.1 was tested against.
const prebuiltVersion = "v0.114.0"

// A variable for the tests, which have no network.
var prebuiltURL = "https://github.com/gomlx/pjrt-cpu-binaries/releases/download/" + prebuiltVersion +
	"/pjrt_cpu_linux_amd64.tar.gz"

// prebuiltCPU downloads go-xla's prebuilt plugin. It fails within seconds where GitHub does not answer.
func prebuiltCPU(url string) way {
	return way{
		version: "go-xla-" + prebuiltVersion,
		recipe:  "go-xla " + prebuiltVersion,
		disk:    1e9,
		fill: func(ctx context.Context, dir string, progress func(string)) (string, map[string]string, error) {
			progress("downloading go-xla's CPU plugin " + prebuiltVersion)
			ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
			defer cancel()
			body, err := get(ctx, url)
			if err != nil {
				return "", nil, fmt.Errorf("go-xla's prebuilt plugin: %w", err)
			}
			defer body.Close()
			h := sha256.New()
			name, err := untarPlugin(io.TeeReader(body, h), dir)
			if err != nil {
				return "", nil, fmt.Errorf("go-xla's prebuilt plugin: %s: %w", url, err)
			}
			return name, map[string]string{path.Base(url): fmt.Sprintf("%x", h.Sum(nil))}, nil
		},
	}
}

func get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSHandshakeTimeout:   3 * time.Second,
		ResponseHeaderTimeout: 5 * time.Second,
	}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return response.Body, nil
}

// untarPlugin writes the plugin of a gzipped tar into dir under its own name, and reads the stream to its end.
func untarPlugin(r io.Reader, dir string) (name string, err error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return "", err
	}
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		base := path.Base(header.Name)
		if header.Typeflag != tar.TypeReg || !strings.HasPrefix(base, "pjrt_c_api_cpu_") || !strings.HasSuffix(base, ".so") {
			continue
		}
		out, err := os.OpenFile(filepath.Join(dir, base), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
		if err != nil {
			return "", err
		}
		if _, err := io.Copy(out, archive); err != nil {
			return "", errors.Join(err, out.Close())
		}
		if err := out.Close(); err != nil {
			return "", err
		}
		name = base
	}
	if name == "" {
		return "", errors.New("no plugin in the archive")
	}
	_, err = io.Copy(io.Discard, r) // the checksum is of the whole stream
	return name, err
}
