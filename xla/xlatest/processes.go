package xlatest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// The variables that tell a process of Processes which it is.
const (
	processVariable     = "MOCOTPU_TEST_PROCESS"
	coordinatorVariable = "MOCOTPU_TEST_COORDINATOR"
)

// Processes runs body in so many processes, copies of the test's own, each with an engine of so many CPU devices, over all
// of which programs run. Only the test that calls it runs in them, up to this call. It returns their outputs by process,
// and whether this is the process of the test itself, which runs no body. A process that fails fails the test.
func Processes(t *testing.T, count, devices int, body func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting)) (outputs []string, parent bool) {
	t.Helper()
	if process := os.Getenv(processVariable); process != "" {
		runProcess(t, process, count, devices, body)
		return nil, false
	}
	Gloo(t)
	coordinator := freeAddress(t)
	outputs = make([]string, count)
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			var out bytes.Buffer
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
			c.Env = append(os.Environ(), fmt.Sprint(processVariable, "=", i), coordinatorVariable+"="+coordinator)
			c.Stdout, c.Stderr = &out, &out
			err := c.Run()
			if outputs[i] = out.String(); err != nil {
				t.Errorf("process %d: %v\n%s", i, err, outputs[i])
			}
		})
	}
	wg.Wait()
	return outputs, true
}

func runProcess(t *testing.T, process string, count, devices int, body func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting)) {
	t.Helper()
	index, err := strconv.Atoi(process)
	if err != nil {
		t.Fatal(err)
	}
	m, err := rendezvous.Join(t.Context(), rendezvous.Config{
		Coordinator: os.Getenv(coordinatorVariable), Index: index, Count: count, Secret: t.Name(), Patience: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := xla.Open("cpu", xla.Options{
		Devices: devices, Programs: Kept(),
		Processes: &xla.Processes{Index: index, Count: count, Store: m, Host: m.Host},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	body(t, e, m)
	if t.Failed() {
		m.Abort("its test failed")
		return
	}
	if err := m.Leave(); err != nil && !errors.Is(err, rendezvous.ErrLost) { // whoever failed, not as the test wants it, says so
		t.Error(err)
	}
}

// Gloo needs a CPU plugin that runs programs over several processes.
func Gloo(t testing.TB) {
	t.Helper()
	p, err := setup.Find("cpu")
	if err == nil && !p.SeveralProcesses() {
		err = fmt.Errorf("%w with Gloo: the cpu plugin is %s: apt-get install libgloo-dev, then mocotpu setup cpu", setup.ErrNotInstalled, p.Version)
	}
	switch {
	case errors.Is(err, setup.ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// freeAddress is one of this machine that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
