package rendezvous

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
)

// ExitLost is the exit code of a process whose run is over because of another one: that of a temporary failure, EX_TEMPFAIL.
const ExitLost = 75

// endTogether is how long processes may take to end by themselves after one of them has failed. Then they are killed.
const endTogether = 10 * time.Second

// A Launch is a run of several processes on this machine.
type Launch struct {
	// Processes is how many there are.
	Processes int
	// Args are the program, a path, and its arguments. Every process gets them, and the variables that Detect reads.
	Args []string
	// Stdout and Stderr get what process 0 prints there. The lines of the others go to Stderr, with their number in front.
	Stdout, Stderr io.Writer
	// Signals are passed on to all processes.
	Signals <-chan os.Signal
}

// Run starts the processes and waits for them. The code is the exit code of the run: that of the process that failed
// first, 0 where none did. The error says that they could not be started.
func (l Launch) Run() (code int, err error) {
	coordinator, err := freeAddress()
	if err != nil {
		return 0, fmt.Errorf("rendezvous: %w", err)
	}
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	ended := make(chan int, l.Processes)
	processes := make([]*exec.Cmd, l.Processes)
	secret := rand.Text()
	lines := &lines{w: l.Stderr}
	for i := range processes {
		c := exec.CommandContext(ctx, l.Args[0], l.Args[1:]...)
		c.Env = append(os.Environ(), fmt.Sprint("MOCOTPU_PROCESS=", i), fmt.Sprint("MOCOTPU_PROCESSES=", l.Processes),
			"MOCOTPU_COORDINATOR="+coordinator, SecretVariable+"="+secret)
		c.Stdout, c.Stderr = l.Stdout, &prefixed{to: lines}
		if i > 0 {
			c.Stdout, c.Stderr = &prefixed{to: lines, prefix: fmt.Sprintf("[%d] ", i)}, &prefixed{to: lines, prefix: fmt.Sprintf("[%d] ", i)}
		}
		wait, err := child.Start(c) // which the terminal's signals do not reach: they come from here
		if err != nil {
			return 0, fmt.Errorf("rendezvous: starting process %d: %w", i, err)
		}
		processes[i] = c
		go func() { ended <- exitCode(c, wait()) }()
	}
	return l.wait(processes, ended, kill), nil
}

// wait waits for all processes, and ends those that do not end with the others.
func (l Launch) wait(processes []*exec.Cmd, ended <-chan int, kill func()) (code int) {
	var late <-chan time.Time
	killed := false
	for left := len(processes); left > 0; {
		select {
		case c := <-ended:
			left--
			if c != 0 && !killed && (code == 0 || code == ExitLost) {
				code = c
			}
			if c != 0 && late == nil {
				late = time.After(endTogether)
			}
		case s := <-l.Signals:
			for _, p := range processes {
				_ = p.Process.Signal(s) // one that has ended needs none
			}
		case <-late:
			fmt.Fprintf(l.Stderr, "mocotpu: %d of %d processes did not end with the others within %s, and are killed\n", left, len(processes), endTogether)
			kill()
			late, killed = nil, true
		}
	}
	return code
}

// exitCode is that of a process, with the error of waiting for it: as shells give it where a signal has ended it.
func exitCode(c *exec.Cmd, err error) int {
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	if code := c.ProcessState.ExitCode(); code != 0 || err == nil {
		return code
	}
	return 1 // its output could not be passed on
}

// lines writes whole lines of several writers.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

// prefixed puts a prefix in front of every line; without one it passes on what it gets as it comes.
type prefixed struct {
	to     *lines
	prefix string
	held   []byte
}

// Write implements [io.Writer].
func (p *prefixed) Write(text []byte) (int, error) {
	p.to.mu.Lock()
	defer p.to.mu.Unlock()
	if p.prefix == "" {
		return p.to.w.Write(text)
	}
	p.held = append(p.held, text...)
	for {
		end := bytes.IndexByte(p.held, '\n')
		if end < 0 {
			return len(text), nil
		}
		line := p.held[:end+1]
		p.held = p.held[end+1:]
		if _, err := p.to.w.Write(append([]byte(p.prefix), line...)); err != nil {
			return 0, err
		}
	}
}

// freeAddress is one of this machine that nobody listens at.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
