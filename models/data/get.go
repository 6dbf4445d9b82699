package data

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrChecksum is wrapped by the error for a download whose bytes are not the published ones.
var ErrChecksum = errors.New("checksum mismatch")

// GetOptions vary a download. The zero value is right.
type GetOptions struct {
	// BaseURL replaces the publishers' folders: a mirror, or a test's server.
	BaseURL string
	// Progress, when not nil, receives the bytes that are there and the bytes of all files together, from the goroutine that called Get. done falls when a file starts over.
	Progress func(done, total int64)
	// Note, when not nil, receives a sentence for the user whenever a source is tried or given up.
	Note func(text string)
	// Client makes the requests. Default: one of Get's own that follows the proxy settings of the environment.
	Client *http.Client
	// Stall is how long a server may send nothing before the connection is given up. Default 30 s.
	Stall time.Duration
	// Pause is the wait before the first retry; it doubles with each. Default 1 s.
	Pause time.Duration
}

// A resource is one published file.
type resource struct {
	name    string
	size    int64
	sha256  string
	mirrors []string // folders, each ending in a slash
	module  goModule // carries the file, too; zero for none
}

var (
	mnistMirrors  = []string{"https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"}
	emnistMirrors = []string{"https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"}
	cifarMirrors  = []string{"https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"}
)

// resources are the published files of each set. The archives stay as they are: Open reads them.
var resources = map[string][]resource{
	"mnist": {
		{"train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", mnistMirrors, mnistModule},
		{"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", mnistMirrors, mnistModule},
		{"t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", mnistMirrors, mnistModule},
		{"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", mnistMirrors, mnistModule},
	},
	"emnist": {
		{emnistArchive, 561753746, "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e", emnistMirrors, goModule{}},
	},
	"cifar10": {
		{cifar10.archive, 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", cifarMirrors, goModule{}},
	},
	"cifar100": {
		{cifar100.archive, 168513733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", cifarMirrors, goModule{}},
	},
}

// Get downloads the published files of mnist, emnist, cifar10 or cifar100 into the folder dir, which it makes, for [Open] to read.
//
// A file that is there and has the published SHA-256 is kept. Otherwise it comes into a .part file next to it, which a later call resumes, and takes its name when it is complete, verified and on the disk. Get tries each publisher in turn, and each again after a dropped or stalled connection; then, for mnist, a Go module that carries the same files, by way of the Go tool where there is one. The errors wrap [ErrChecksum] and those of ctx. Two calls on one folder at a time get in each other's way, and fail by the checksum.
func Get(ctx context.Context, name, dir string, o GetOptions) error {
	if name == "glyphs" {
		return errors.New("data: glyphs is drawn, there is nothing to download")
	}
	family, _, _ := strings.Cut(name, "/")
	files, ok := resources[family]
	if !ok || (family != name && family != "emnist") {
		return unknown(name, []string{"mnist", "emnist", "cifar10", "cifar100"})
	}
	return get(ctx, files, dir, o)
}

func get(ctx context.Context, files []resource, dir string, o GetOptions) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.Pause == 0 {
		o.Pause = time.Second
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	dead, told := map[string]bool{}, map[string]bool{}
	var total, before int64
	for _, f := range files {
		total += f.size
	}
	for _, f := range files {
		if o.BaseURL != "" {
			f.mirrors, f.module = []string{strings.TrimSuffix(o.BaseURL, "/") + "/"}, goModule{}
		}
		d := download{resource: f, path: filepath.Join(dir, f.name), o: o, dead: dead, told: told, progress: func(done int64) {
			if o.Progress != nil {
				o.Progress(before+done, total)
			}
		}}
		if err := d.run(ctx); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("data: get %s: %w", f.name, err)
			}
			return fmt.Errorf("data: get %s: %w\nto do without a download, put the files into %s by hand: %s", f.name, err, dir, byHand(files))
		}
		before += f.size
	}
	return nil
}

// byHand lists files with the checksums that they must have.
func byHand(files []resource) string {
	lines := make([]string, len(files))
	for i, f := range files {
		lines[i] = fmt.Sprintf("\n  %s  %s", f.sha256, f.name)
	}
	return strings.Join(lines, "")
}
