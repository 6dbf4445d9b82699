package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/setup"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// A pair is a run of two processes as of two hosts, each started by itself.
type pair struct {
	commands [2]*exec.Cmd
	words    [2]bytes.Buffer
	over     chan struct{} // closed when both have ended
}

// smallest are the flags of a run of two processes whose step compiles soon: the same in all tests, since programs are kept from
// one to the next.
const smallest = "--backend cpu --preset imagenet-mini --arch resnet10 --width 2 --stem small --dim 8 --image-size 16 --canvas 20 --batch 8 " +
	"--bn-groups 2 --queue 16 --epochs 100000 --log-every 1 --knn-every 0 --checkpoint-every 5"

// startPair starts two processes, with arguments and an environment of their own.
func startPair(t *testing.T, more, environment func(process int) []string) *pair {
	t.Helper()
	listener := must.M1(net.Listen("tcp", "127.0.0.1:0"))
	coordinator := listener.Addr().String()
	must.M(listener.Close())
	p := &pair{over: make(chan struct{})}
	var both sync.WaitGroup
	for i := range p.commands {
		args := append(strings.Fields("train --processes 2 "+smallest), "--coordinator", coordinator, "--process", strconv.Itoa(i))
		c := exec.CommandContext(t.Context(), os.Args[0], append(args, more(i)...)...)
		c.Env = append(append(os.Environ(), rendezvous.SecretVariable+"=of the test"), environment(i)...)
		c.Stdout, c.Stderr = &p.words[i], &p.words[i]
		must.M(c.Start())
		p.commands[i] = c
		both.Go(func() { _ = c.Wait() }) // the exit code says it
	}
	go func() {
		both.Wait()
		close(p.over)
	}()
	return p
}

func (p *pair) ended() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// wait waits for the end of both, and returns their exit codes and what they said.
func (p *pair) wait() (codes [2]int, words [2]string) {
	<-p.over
	for i, c := range p.commands {
		codes[i], words[i] = c.ProcessState.ExitCode(), p.words[i].String()
	}
	return codes, words
}

// untilAfter waits for a checkpoint of more steps.
func (p *pair) untilAfter(t *testing.T, dir string, steps int) {
	t.Helper()
	for {
		ended := p.ended()
		if saved, err := checkpoint.Load(dir); err == nil && len(saved.Notes) == 0 && saved.State.Step > steps {
			return
		}
		if ended {
			_, words := p.wait()
			t.Fatalf("they ended before a checkpoint after step %d:\n%s\n%s", steps, words[0], words[1])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// packs are two copies of a packed set, one for each process.
func packs(t *testing.T) [2]string { return [2]string{pack(t, 0), pack(t, 0)} }

// pack is a packed set of images that a seed draws.
func pack(t *testing.T, seed uint64) string {
	t.Helper()
	images, dir := filepath.Join(t.TempDir(), "images"), filepath.Join(t.TempDir(), "packed")
	must.M(specimen.Folder(t.Context(), filepath.Join(images, "train"), specimen.Options{Images: 32, Classes: 2, Width: 24, Height: 20, Odd: true, Seed: seed}))
	must.M2(packed.PackSplit(t.Context(), images, dir, "train", files.Options{}, packed.Options{Canvas: 20}))
	return dir
}

func nothing(int) []string { return nil }

// TestProcessFails has the images of process 1 fail while it trains, in two ways: it says so and exits as it would alone, the
// other repeats its words and asks to be started again, and with the images mended both go on from the checkpoint.
func TestProcessFails(t *testing.T) {
	xlatest.Gloo(t)
	images, dir := packs(t), filepath.Join(t.TempDir(), "run")
	args := func(i int) []string { return []string{"--dir", dir, "--data", images[i]} }
	saved := 0
	for _, failure := range []struct {
		name, file string
		change     func(content []byte) []byte
		says       string
	}{
		{"images that cannot be read", "images.npy", func(content []byte) []byte { return content[:4096] }, `reading the mapped files`},
		{"infinite shapes, which make views that are no numbers", "aspect.npy", func(content []byte) []byte {
			const header = 128
			return append(content[:header:header], bytes.Repeat([]byte{0, 0, 0x80, 0x7f}, (len(content)-header)/4)...)
		}, `diverged: the parameters of view \d .*in row \d+ of the batch, number \d+ is not finite; the checkpoint of step \d+ is kept`},
	} {
		path := filepath.Join(images[1], "train", failure.file)
		whole := must.M1(os.ReadFile(path))
		p := startPair(t, args, nothing)
		p.untilAfter(t, dir, saved)
		broken := failure.change(whole)
		f := must.M1(os.OpenFile(path, os.O_WRONLY, 0)) // the very file, which is mapped
		must.M1(f.Write(broken))
		must.M(errors.Join(f.Truncate(int64(len(broken))), f.Close()))
		start := time.Now()
		codes, words := p.wait()
		if want := fmt.Sprintf("going on from step %d of", saved); saved > 0 && !strings.Contains(words[0], want) {
			t.Errorf("%s: process 0 says\n%s\nwant it %s", failure.name, words[0], want)
		}
		if codes != [2]int{rendezvous.ExitLost, exitFailed} {
			t.Errorf("%s: exit codes %d, want %d and %d", failure.name, codes, rendezvous.ExitLost, exitFailed)
		}
		own := regexp.MustCompile(`mocotpu: .*` + failure.says)
		other := regexp.MustCompile(`mocotpu: the run is over: process 1 \(pid \d+ on .*\): .*` + failure.says + `.*; the same command in all processes goes on from the last checkpoint`)
		if !own.MatchString(words[1]) || !other.MatchString(words[0]) || strings.Contains(words[0]+words[1], "goroutine") {
			t.Errorf("%s: process 0 says\n%s\nwant %s; process 1\n%s\nwant %s", failure.name, words[0], other, words[1], own)
		}
		if took := time.Since(start); took > rendezvous.Silence {
			t.Errorf("%s: it took %v until both had ended", failure.name, took)
		}
		last := must.M1(checkpoint.Load(dir))
		if saved = last.State.Step; len(last.Notes) > 0 {
			t.Errorf("%s: the checkpoint: %q", failure.name, last.Notes)
		}
		must.M(os.WriteFile(path, whole, 0o600))
	}
}

// TestHostThatDiffers has one host be another than the first, in all that the processes compare: it is told in what and exits
// with the code of wrong use before the first step, and the first is told, too.
func TestHostThatDiffers(t *testing.T) {
	xlatest.Gloo(t)
	images := packs(t)
	for _, test := range []struct {
		name              string
		args, environment []string // of process 1
		want              []string
	}{
		{
			"settings, images and version",
			[]string{"--lr", "0.5", "--temperature", "0.3", "--data", pack(t, 1)},
			[]string{"MOCOTPU_HOME=" + otherPlugin(t)},
			[]string{"optim.lr: ", ", here 0.5", "moco.temperature: ", "images: checksum ", "version of plugin: ", `here "another-gloo `},
		},
		{"program", nil, []string{"MOCOTPU_CPU_CONVOLUTIONS=xla"}, []string{"process 0 compiles another program in its place, step", "MOCOTPU_CPU_CONVOLUTIONS everywhere"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			p := startPair(t, func(i int) []string {
				args := []string{"--dir", dir, "--data", images[i]}
				if i == 1 {
					args = append(args, test.args...)
				}
				return args
			}, func(i int) []string {
				if i == 1 {
					return test.environment
				}
				return nil
			})
			codes, words := p.wait()
			if codes != [2]int{rendezvous.ExitLost, exitUsage} {
				t.Errorf("exit codes %d, want %d and %d", codes, rendezvous.ExitLost, exitUsage)
			}
			for _, want := range test.want {
				if !strings.Contains(words[0], want) || !strings.Contains(words[1], want) {
					t.Errorf("process 0 says\n%s\nand process 1\n%s\nwant both to say %q", words[0], words[1], want)
				}
			}
			if rows, _ := os.ReadFile(filepath.Join(dir, "metrics.jsonl")); len(rows) > 0 {
				t.Errorf("steps were done: %s", rows)
			}
		})
	}
}

// otherPlugin is a folder for MOCOTPU_HOME whose CPU plugin is this machine's and says that it is of another version.
func otherPlugin(t *testing.T) string {
	t.Helper()
	p := must.M1(setup.Find("cpu"))
	home := t.TempDir()
	dir := filepath.Join(home, "plugins", "cpu")
	must.M(os.MkdirAll(dir, 0o755))
	for _, library := range must.M1(filepath.Glob(filepath.Join(p.Dir, "*.so*"))) {
		must.M(os.Symlink(library, filepath.Join(dir, filepath.Base(library))))
	}
	marker := fmt.Sprintf(`{"version": "another-gloo", "path": %q}`, filepath.Base(p.Path))
	must.M(os.WriteFile(filepath.Join(dir, "installed.json"), []byte(marker), 0o600))
	return home
}
