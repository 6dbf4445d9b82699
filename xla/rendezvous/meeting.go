package rendezvous

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// ErrJoin says that the processes did not come together.
var ErrJoin = errors.New("the processes of the run did not come together")

const (
	// A process that leaves pingsOut pings unanswered, sent every pingEvery, counts as gone.
	pingEvery, pingsOut = 5 * time.Second, 5
	// Silence is how long a process may leave pings unanswered before it counts as gone. Its connection still stands: the
	// process was stopped, or its machine has lost the network.
	Silence = pingEvery * (pingsOut + 1)
	// Patience is how long a process waits for the others, unless its [Config] says otherwise.
	Patience = 5 * time.Minute
	// connectEvery is how often a process tries to reach process 0, which may start later.
	connectEvery = 200 * time.Millisecond
	// lingers is how long process 0 still serves the others after it failed to join, so that they learn why.
	lingers = time.Second
	// maxValue bounds a value of the store, in bytes.
	maxValue = 32 << 20
)

// Config says which process this is, of which run.
type Config struct {
	// Coordinator is where process 0 listens, HOST:PORT, as the others reach it.
	Coordinator string
	// Index is this process's number, from 0 to Count-1.
	Index, Count int
	// Secret is the same in all processes of the run, and nobody else's.
	Secret string
	// Patience is how long to wait for the others; 0 is [Patience].
	Patience time.Duration
	// Notice, where it is not nil, is told why process 0 cannot be reached, ten times within Patience.
	Notice func(text string)
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	if c.Count < 1 || c.Index < 0 || c.Index >= c.Count {
		return fmt.Errorf("rendezvous: process %d of %d, want one from 0 to the number of processes less one: --process, --processes", c.Index, c.Count)
	}
	_, port, err := net.SplitHostPort(c.Coordinator)
	if n, numErr := strconv.Atoi(port); err != nil || numErr != nil || n < 1 || n > 1<<16-1 {
		return fmt.Errorf("rendezvous: coordinator %q, want the address of process 0 as HOST:PORT: --coordinator", c.Coordinator)
	}
	if c.Secret == "" {
		return errors.New("rendezvous: no secret, want the same in all processes of the run")
	}
	return nil
}

// A Meeting is one process's place among the processes of a run. Its methods may be called from several goroutines.
type Meeting struct {
	config Config
	server *server.Server // of process 0 alone
	dir    string         // the server's
	conn   *nats.Conn
	kv     jetstream.KeyValue
	who    []person // by process
	host   string

	lost  chan struct{} // closed when the run is over for all
	once  sync.Once
	why   error
	over  context.Context // ends with lost, or Leave
	end   context.CancelFunc
	tasks sync.WaitGroup

	leaving atomic.Bool // all are done: nobody is missed any more

	watching atomic.Pointer[watching] // once Watch was called

	asked    atomic.Pointer[Stop] // who wants the run to stop; of process 0
	stopping atomic.Pointer[Stop] // what was decided
	stopped  atomic.Pointer[Stop] // once it has come
}

// person is what a process says of itself.
type person struct {
	Host  string `json:"host"`
	PID   int    `json:"pid"`
	Count int    `json:"count"`
}

// Join starts the server in process 0, connects to it, and waits until all processes are there. The error is [ErrJoin],
// [ErrLost] where one of them has failed at once, or the cause of the context's end.
func Join(ctx context.Context, c Config) (*Meeting, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJoin, err)
	}
	if c.Patience == 0 {
		c.Patience = Patience
	}
	m := &Meeting{config: c, lost: make(chan struct{})}
	m.over, m.end = context.WithCancel(context.Background())
	patient, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	err := m.join(patient)
	if lost := m.Why(); lost != nil { // all have come, and one has failed since
		m.close()
		return nil, lost
	}
	if err != nil && ctx.Err() != nil {
		m.close()
		return nil, fmt.Errorf("rendezvous: waiting for the other processes: %w", context.Cause(ctx))
	}
	if err != nil {
		if m.server != nil && m.conn != nil {
			time.Sleep(lingers) // the others find out for themselves what is wrong, if it is with all
		}
		m.close()
		return nil, fmt.Errorf("%w: rendezvous: %w", ErrJoin, err)
	}
	return m, nil
}

func (m *Meeting) join(ctx context.Context) error {
	key, err := keyOf(m.config.Secret)
	if err != nil {
		return err
	}
	if m.config.Index == 0 {
		if err := m.serve(key); err != nil {
			return err
		}
	}
	if err := m.connect(ctx, key); err != nil {
		return err
	}
	if err := m.openStore(ctx); err != nil {
		return err
	}
	if err := m.introduce(ctx); err != nil {
		return err
	}
	if err := m.findHost(ctx); err != nil {
		return err
	}
	if err := m.listen(); err != nil {
		return err
	}
	if m.server != nil {
		m.tasks.Go(m.watchClients)
	}
	return nil
}

// connect reaches process 0, which may start later.
func (m *Meeting) connect(ctx context.Context, key nkeys.KeyPair) error {
	public, err := key.PublicKey()
	if err != nil {
		return err
	}
	told := time.Now()
	for {
		m.conn, err = nats.Connect("nats://"+m.config.Coordinator, nats.Name(nameOf(m.config.Index)), nats.NoReconnect(),
			nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOut), nats.Nkey(public, key.Sign),
			nats.ClosedHandler(func(*nats.Conn) { m.lose(fmt.Errorf("%w: %s is gone", ErrLost, m.Name(0))) }))
		switch {
		case err == nil:
			return nil
		case errors.Is(err, nats.ErrAuthorization):
			return fmt.Errorf("process 0 at %s refuses this process, whose secret is another: %s", m.config.Coordinator, SecretAdvice)
		case !errors.Is(err, nats.ErrNoServers) && !errors.As(err, new(net.Error)):
			return fmt.Errorf("what listens at %s is no process 0 of a run: %w", m.config.Coordinator, err)
		}
		if m.config.Notice != nil && time.Since(told) > m.config.Patience/10 {
			told = time.Now()
			why := err
			if errors.Is(err, nats.ErrNoServers) {
				why = errors.New("nobody listens there")
			}
			m.config.Notice(fmt.Sprintf("process 0 is not yet at %s: %v", m.config.Coordinator, why))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process 0 cannot be reached at %s within %s: %w", m.config.Coordinator, m.config.Patience, err)
		case <-time.After(connectEvery):
		}
	}
}

// introduce tells the others who this process is, and waits for them.
func (m *Meeting) introduce(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	me, err := json.Marshal(person{Host: host, PID: os.Getpid(), Count: m.config.Count})
	if err != nil {
		return err
	}
	if _, err := m.kv.Create(ctx, encoded(hereKey(m.config.Index)), me); errors.Is(err, jetstream.ErrKeyExists) {
		other, _ := m.person(ctx, m.config.Index)
		return fmt.Errorf("there are two processes %d, the other is %s: give each its own --process", m.config.Index, other)
	} else if err != nil {
		return err
	}
	who := make([]person, m.config.Count)
	for i := range who {
		if who[i], err = m.person(ctx, i); errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("process %d did not come to %s within %s: start it with --coordinator=%s --processes=%d --process=%d",
				i, m.config.Coordinator, m.config.Patience, m.config.Coordinator, m.config.Count, i)
		} else if err != nil {
			return err
		}
		if who[i].Count != m.config.Count {
			return fmt.Errorf("process %d (%s) is one of %d processes, this one of %d: --processes", i, who[i], who[i].Count, m.config.Count)
		}
	}
	m.who = who
	return nil
}

func hereKey(index int) string { return fmt.Sprintf("here/%d", index) }

func (m *Meeting) person(ctx context.Context, index int) (p person, err error) {
	text, err := m.get(ctx, hereKey(index))
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	return p, err
}

func (p person) String() string { return fmt.Sprintf("pid %d on %s", p.PID, p.Host) }

// findHost finds the address at which the others reach this process: that from which it reaches process 0, and for
// process 0 that at which process 1 does.
func (m *Meeting) findHost(ctx context.Context) error {
	const key = "address/0"
	if m.config.Index == 0 {
		if m.config.Count == 1 {
			return nil
		}
		host, err := m.get(ctx, key)
		m.host = string(host)
		return err
	}
	connected := m.conn.ConnectedAddr()
	local, err := m.conn.LocalAddr(), error(nil)
	if m.host, _, err = net.SplitHostPort(local); err != nil {
		return err
	}
	if m.config.Index > 1 {
		return nil
	}
	zero, _, err := net.SplitHostPort(connected)
	if err != nil {
		return err
	}
	return m.Put(key, []byte(zero))
}

// Index is this process's number and Count how many there are.
func (m *Meeting) Index() int { return m.config.Index }

// Count is how many processes there are.
func (m *Meeting) Count() int { return m.config.Count }

// Host is the address of this machine at which the other processes reach it. The error says that it is one that only this machine
// reaches, where there are others: /etc/hosts may have its own name at 127.0.1.1.
func (m *Meeting) Host() (string, error) {
	if ip := net.ParseIP(m.host); ip == nil || !ip.IsLoopback() {
		return m.host, nil
	}
	for i, p := range m.who {
		if p.Host != m.who[m.config.Index].Host {
			return "", fmt.Errorf("rendezvous: %s is %s to the coordinator %s, and process %d (%s) is on another host: set --coordinator to an address in place of a name, "+
				"with --processes and --process, in all processes", m.Name(m.config.Index), m.host, m.config.Coordinator, i, p)
		}
	}
	return m.host, nil
}

// Name is what a process is called in messages: "process 1 (pid 4711 on node7)".
func (m *Meeting) Name(index int) string {
	if m.who == nil {
		return fmt.Sprintf("process %d", index)
	}
	return fmt.Sprintf("process %d (%s)", index, m.who[index])
}

func nameOf(index int) string { return fmt.Sprintf("process %d", index) }

// Leave waits until all processes leave, and ends the meeting. The error is [ErrLost] where one is lost instead.
func (m *Meeting) Leave() error {
	err := m.Barrier(context.Background(), "leave")
	if err == nil {
		m.leaving.Store(true)
		m.goodbye()
	}
	m.close()
	return err
}

// goodbye keeps the server running until its clients have left. They are done, so errors from here on do not matter.
func (m *Meeting) goodbye() {
	if m.server == nil {
		_ = m.Put(leftKey(m.config.Index), nil)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), Silence)
	defer cancel()
	for i := 1; i < m.config.Count; i++ {
		_, _ = m.get(ctx, leftKey(i))
	}
}

func leftKey(index int) string { return fmt.Sprintf("left/%d", index) }

func (m *Meeting) close() {
	m.once.Do(func() { m.why = fmt.Errorf("%w: this process has left", ErrLost); m.end() }) // nobody is lost any more
	if m.conn != nil {
		m.conn.Close()
	}
	m.tasks.Wait()
	m.stopServing()
}
