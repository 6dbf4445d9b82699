package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// retries is how many connections in a row may bring nothing new before a mirror is given up.
const retries = 4

// errGiveUp marks an answer that a retry won't change: the next mirror is tried.
var errGiveUp = errors.New("not retried")

// errUnreachable marks a host that cannot be reached.
var errUnreachable = errors.New("no way to that host")

// A download brings one file.
type download struct {
	resource
	path     string
	o        GetOptions
	progress func(done int64)
	dead     map[string]bool // mirrors that cannot be reached, for all files
	told     map[string]bool // modules that have been spoken of, for all files
}

func (d *download) run(ctx context.Context) (err error) {
	if f, err := regular.Open(d.path); err == nil {
		err := d.verify(f)
		f.Close()
		if err == nil {
			d.progress(d.size)
			return nil
		}
		if !errors.Is(err, ErrChecksum) {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part, err := regular.OpenFile(d.path+".part", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		info, failed := part.Stat()
		part.Close()
		if err != nil && failed == nil && info.Size() == 0 {
			os.Remove(part.Name()) // nothing to resume from
		}
	}()
	var failures []error
	for _, mirror := range d.mirrors {
		if d.dead[mirror] {
			continue
		}
		d.o.Note("trying " + mirror + d.name)
		err := d.fromMirror(ctx, part, mirror+d.name)
		if err == nil {
			return d.finish()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: run the same command again to resume", context.Cause(ctx))
		}
		failures = append(failures, fmt.Errorf("%s: %w", mirror, err))
		d.o.Note(fmt.Sprintf("given up: %v", err))
		d.dead[mirror] = errors.Is(err, errUnreachable)
	}
	if d.module != (goModule{}) {
		if !d.told[d.module.version] {
			d.o.Note("trying the Go module " + d.module.version)
			d.told[d.module.version] = true
		}
		err := d.fromModule(ctx, part)
		if err == nil {
			return d.finish()
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// finish gives the verified part its name.
func (d *download) finish() error { return durable.Place(durable.Disk{}, d.path+".part", d.path) }

// fromMirror fills part from one URL and verifies it. A wrong checksum is tried once more from the start: the part may have begun as something else.
func (d *download) fromMirror(ctx context.Context, part *os.File, url string) error {
	for again := true; ; again = false {
		if err := d.fill(ctx, part, url); err != nil {
			return err
		}
		err := d.verify(part)
		if !errors.Is(err, ErrChecksum) {
			return err
		}
		if e := part.Truncate(0); e != nil {
			return e
		}
		if !again {
			return err
		}
	}
}

// fill requests what is missing from part until it has the published size.
func (d *download) fill(ctx context.Context, part *os.File, url string) error {
	pause, most := d.o.Pause, int64(0)
	for failed := 0; ; {
		have, err := part.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if have == d.size {
			d.progress(d.size)
			return nil
		}
		if have > d.size {
			if err := part.Truncate(0); err != nil {
				return err
			}
			continue
		}
		most = max(most, have)
		have, err = d.request(ctx, part, url, have)
		if have > most { // counted by the mark, for a server without ranges starts over each time
			failed, pause = 0, d.o.Pause
			continue
		}
		if err == nil {
			err = fmt.Errorf("the server sent %d bytes, want %d", have, d.size)
		}
		if failed++; failed > retries || errors.Is(err, errGiveUp) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// request makes one request for the bytes from have on, appends the answer to part and returns part's new size.
func (d *download) request(ctx context.Context, part *os.File, url string, have int64) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := fmt.Errorf("the server sent nothing for %v", d.o.Stall)
	watch := time.AfterFunc(d.o.Stall, func() { cancel(stalled) })
	defer watch.Stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return have, fmt.Errorf("%w: %w", err, errGiveUp)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (compatible; mocotpu)") // NIST refuses bare libraries
	r.Header.Set("Accept-Encoding", "identity")                     // the published bytes, not an unpacked .gz
	if have > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	answer, err := d.o.Client.Do(r)
	if err != nil {
		var unreachable *net.OpError
		switch {
		case context.Cause(ctx) == stalled:
			err = stalled
		case errors.As(err, &unreachable) && unreachable.Op == "dial":
			err = fmt.Errorf("%w (%w): %w", err, errUnreachable, errGiveUp) // a retry in a second would not reach it, either
		}
		return have, err
	}
	defer answer.Body.Close()
	have, err = d.start(part, answer, have)
	if err != nil {
		return have, err
	}
	body := &watched{reader: io.LimitReader(answer.Body, d.size-have), touch: func(read int64) {
		watch.Reset(d.o.Stall)
		d.progress(have + read)
	}}
	n, err := io.Copy(part, body)
	if context.Cause(ctx) == stalled {
		err = stalled
	}
	return have + n, err
}

// start judges the answer's head and returns where in part its body belongs, part being positioned there.
func (d *download) start(part *os.File, answer *http.Response, have int64) (int64, error) {
	switch code := answer.StatusCode; {
	case code == http.StatusPartialContent && strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
		return have, nil
	case code == http.StatusOK:
		if answer.ContentLength >= 0 && answer.ContentLength != d.size {
			return have, fmt.Errorf("the server has %d bytes, want %d: %w: %w", answer.ContentLength, d.size, ErrChecksum, errGiveUp)
		}
	case code == http.StatusPartialContent, code == http.StatusRequestedRangeNotSatisfiable:
		// The file on the server has changed since the download began. part is truncated, so the next request has no range.
		return 0, errors.Join(fmt.Errorf("got %s for the range from %d on", answer.Status, have), part.Truncate(0))
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return have, fmt.Errorf("got status %s, want 200", answer.Status)
	default:
		return have, fmt.Errorf("got status %s, want 200: %w", answer.Status, errGiveUp)
	}
	if err := part.Truncate(0); err != nil {
		return have, err
	}
	_, err := part.Seek(0, io.SeekStart)
	return 0, err
}

// verify compares the whole of f with the published size and checksum.
func (d *download) verify(f *os.File) error {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, d.size+1))
	if err != nil {
		return err
	}
	if n != d.size {
		return fmt.Errorf("%s: got %d bytes or more, want %d: %w", f.Name(), n, d.size, ErrChecksum)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != d.sha256 {
		return fmt.Errorf("%s: got SHA-256 %s, want %s: %w", f.Name(), got, d.sha256, ErrChecksum)
	}
	return nil
}

// watched is a reader that reports how far it has come.
type watched struct {
	reader io.Reader
	touch  func(read int64)
	read   int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.reader.Read(p)
	w.read += int64(n)
	w.touch(w.read)
	return n, err
}
