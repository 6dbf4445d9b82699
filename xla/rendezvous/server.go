package rendezvous

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// watchEvery is how often process 0 looks who is connected.
const watchEvery = 200 * time.Millisecond

// keyOf makes the key of a run's secret.
func keyOf(secret string) (nkeys.KeyPair, error) {
	seed := sha256.Sum256([]byte("mocotpu rendezvous\x00" + secret))
	encoded, err := nkeys.EncodeSeed(nkeys.PrefixByteUser, seed[:])
	if err != nil {
		return nil, err
	}
	return nkeys.FromSeed(encoded)
}

// serve starts the server.
func (m *Meeting) serve(key nkeys.KeyPair) error {
	public, err := key.PublicKey()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(m.config.Coordinator)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	address := interfaceOf(host)
	// The server itself would not say why it cannot listen.
	listener, err := net.Listen("tcp", net.JoinHostPort(address, port))
	if err != nil {
		return fmt.Errorf("process 0 cannot listen at %s: %w: choose another port with --coordinator, in all processes", m.config.Coordinator, err)
	}
	if err := listener.Close(); err != nil {
		return err
	}
	if m.dir, err = os.MkdirTemp("", "mocotpu-rendezvous-"); err != nil { // the server wants one, and keeps nothing in it
		return fmt.Errorf("process 0 cannot make a folder for its server in %s: %w: set TMPDIR to a folder that it may write to", os.TempDir(), err)
	}
	m.server, err = server.NewServer(&server.Options{
		Host: address, Port: number, Nkeys: []*server.NkeyUser{{Nkey: public}}, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: m.dir, MaxPayload: maxValue + 1<<20,
		PingInterval: pingEvery, MaxPingsOut: pingsOut,
	})
	if err != nil {
		return fmt.Errorf("the server of process 0: %w", err)
	}
	m.server.Start()
	if !m.server.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("the server of process 0 does not listen at %s after 10 s", m.config.Coordinator)
	}
	return nil
}

// interfaceOf is the address to listen at: loopback's, or any. The name that others have for this machine may be
// 127.0.1.1 here.
func interfaceOf(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return host
	}
	if host == "localhost" {
		return "127.0.0.1"
	}
	return "0.0.0.0" // in Go all of IPv6, too, where the system has it
}

func (m *Meeting) stopServing() {
	if m.server != nil {
		m.server.Shutdown()
		m.server.WaitForShutdown()
	}
	if m.dir != "" {
		_ = os.RemoveAll(m.dir) // where the store was not opened; it is empty
	}
}

// watchClients tells all when the connection of a process has ended before it left.
func (m *Meeting) watchClients() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-m.over.Done():
			return
		case <-ticker.C:
		}
		connections, err := m.server.Connz(&server.ConnzOptions{Limit: 1 << 16})
		if err != nil {
			continue // it shuts down
		}
		there := map[string]bool{}
		for _, c := range connections.Conns {
			there[c.Name] = true
		}
		for i := range m.config.Count {
			if there[nameOf(i)] || m.leaving.Load() {
				continue
			}
			if _, err := m.Get(leftKey(i), 0); err == nil {
				continue
			}
			m.abort(m.Name(i) + " " + m.whyGone(nameOf(i)))
			return
		}
	}
}

// whyGone says how the connection of a client that has not left has ended.
func (m *Meeting) whyGone(name string) string {
	ended, err := m.server.Connz(&server.ConnzOptions{Limit: 1 << 16, State: server.ConnClosed})
	if err != nil {
		return "is gone"
	}
	for _, c := range ended.Conns {
		if c.Name == name && c.Reason == server.StaleConnection.String() {
			return fmt.Sprintf("does not answer for %s: it was stopped, or its machine has lost the network", Silence)
		}
	}
	return "is gone: it was killed, or its machine is down"
}
