package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
)

// Peers are the processes that train one run together, each on devices of its own, which the backend shows as one row;
// package xla/rendezvous brings them together. They serve one run. All call Share, Broadcast and Barrier with the same
// names in the same order; where one fails instead, these return an error at the others.
type Peers interface {
	// Index is this process's number, from 0. Process 0 owns the run's directory.
	Index() int
	// Share returns process 0's value.
	Share(ctx context.Context, what string, value []byte) ([]byte, error)
	// Broadcast copies process 0's memory to the others, which give as much.
	Broadcast(ctx context.Context, what string, parts [][]byte) error
	// Barrier waits for all.
	Barrier(ctx context.Context, at string) error
	// AskToStop has the run end in all processes, for a cause in a word or two.
	AskToStop(cause string) error
	// Stop tells whether the run ends after the steps done, which is the same number in all of them. It is asked before
	// every step.
	Stop(done int) (bool, error)
}

// leads tells whether this process owns the run's directory: with the lock, the metrics, the checkpoints and the judging.
func (s *session) leads() bool { return s.machine.Peers == nil || s.machine.Peers.Index() == 0 }

// start is what process 0 tells the others of the run that begins or goes on.
type start struct {
	Record run.Record        `json:"record"`
	Dir    string            `json:"dir"`
	Judged string            `json:"judged"` // the fingerprint of the images judged, "" without
	State  bool              `json:"state"`  // there is one to take over
	Done   int               `json:"done"`
	Saved  int               `json:"saved"`
	Scores checkpoint.Scores `json:"scores"`
}

// meet has all processes begin the same run at the same step: process 0 by what its directory holds, the others by what it
// says.
func (s *session) meet(ctx context.Context) error {
	peers := s.machine.Peers
	if peers == nil {
		return nil
	}
	own, err := s.ownStart()
	if err != nil {
		return err
	}
	text, err := json.Marshal(own)
	if err != nil {
		return fmt.Errorf("train: telling the other processes of the run: %w", err)
	}
	if text, err = peers.Share(ctx, "start", text); err != nil {
		return err
	}
	if !s.leads() {
		var led start
		if err := json.Unmarshal(text, &led); err != nil {
			return fmt.Errorf("train: what process 0 says of the run: %w", err)
		}
		if err := own.differs(led); err != nil {
			return err
		}
		s.done, s.saved, s.scores, s.config.Run.Dir = led.Done, led.Saved, led.Scores, led.Dir
		s.takeOver = led.State
	}
	return peers.Barrier(ctx, "start")
}

// ownStart is what this process would say.
func (s *session) ownStart() (start, error) {
	record, err := s.record()
	if err != nil {
		return start{}, err
	}
	own := start{Record: record, Dir: s.config.Run.Dir, Done: s.done, Saved: s.saved, Scores: s.scores}
	if s.judged != nil {
		if own.Judged, err = s.judged.Fingerprint(); err != nil {
			return start{}, err
		}
	}
	s.takeOver = s.resumed != nil || s.beginning != nil
	own.State = s.takeOver
	return own, nil
}

// ofHost are the fields of a configuration that may differ from host to host.
var ofHost = []string{"data.dir", "data.workers", "engine.plugin", "engine.gpu.devices", "run.init", "run.resume_from"}

// differs says in what this process's run is not process 0's. The error is [ErrOtherRun].
func (own start) differs(led start) error {
	var all []string
	for _, line := range run.Diff(led.Record.Config, own.Record.Config) {
		if field, _, _ := strings.Cut(line, ":"); !slices.Contains(ofHost, field) {
			all = append(all, strings.Replace(line, ", now ", ", here ", 1))
		}
	}
	for _, v := range run.VersionDiff(led.Record.Versions, own.Record.Versions) {
		all = append(all, strings.Replace(v, ", now ", ", here ", 1))
	}
	if led.Record.DataSHA256 != own.Record.DataSHA256 {
		all = append(all, fmt.Sprintf("images: checksum %.12s, here %.12s", led.Record.DataSHA256, own.Record.DataSHA256))
	}
	if led.Judged != own.Judged {
		all = append(all, fmt.Sprintf("held-out images: checksum %.12q, here %.12q", led.Judged, own.Judged))
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("train: %w: %s", ErrOtherRun, strings.Join(all, "; "))
}

// shareState copies process 0's state to the others, where it is not what every process draws for itself.
func (s *session) shareState(ctx context.Context) error {
	peers := s.machine.Peers
	if peers == nil || !s.takeOver {
		return nil
	}
	var state snapshot
	if err := state.take(s.step); err != nil {
		return err
	}
	var parts [][]byte
	for _, f := range state.files {
		for _, t := range f.Tensors {
			parts = append(parts, t.Data)
		}
	}
	if err := peers.Broadcast(ctx, "state", parts); err != nil {
		return err
	}
	if s.leads() {
		return nil
	}
	return s.restore(slices.Concat(state.files[0].Tensors, state.files[1].Tensors, state.files[2].Tensors))
}

// agreed returns a context that ends when all processes have agreed to stop, and what finds that out: it is called by all
// after the same steps, so that none of them leaves the others in the middle of one. The end of ctx is a wish to stop, until
// end is called.
func (s *session) agreed(ctx context.Context) (between context.Context, ask func() error, end func()) {
	peers := s.machine.Peers
	if peers == nil {
		return ctx, func() error { return nil }, func() {}
	}
	between, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	wished := make(chan error, 1)
	forget := context.AfterFunc(ctx, func() { wished <- peers.AskToStop(context.Cause(ctx).Error()) })
	ask = func() error {
		select {
		case err := <-wished:
			if err != nil {
				return err
			}
		default:
		}
		ends, err := peers.Stop(s.done)
		if ends {
			stop(errors.New("the processes stop"))
		}
		return err
	}
	return between, ask, func() {
		forget()
		stop(nil)
	}
}

// rejoin waits for the others before this process ends, so that none ends before the checkpoint is written.
func (s *session) rejoin(at string) error {
	if s.machine.Peers == nil {
		return nil
	}
	return s.machine.Peers.Barrier(context.Background(), at)
}
