// Package rendezvous brings the processes of a run together. Process 0 has a server in memory (NATS with its key-value
// store), which all are clients of:
//
//	m, err := rendezvous.Join(ctx, rendezvous.Config{Coordinator: "10.0.0.1:7700", Index: i, Count: n, Secret: secret})
//	text, err := m.Share(ctx, "begin", text) // what process 0 has
//	stop, err := m.Stop(done)                // before every step: whether all end here
//	err = m.Leave()                          // waits until all are done
//
// # One fate
//
// A process that fails says so ([Meeting.Abort]). If one is killed, or does not answer for [Silence], the server notices. All
// processes learn the first cause ([Meeting.Lost], [Meeting.Why]), and every call that waits returns it.
//
// # Who may join
//
// Every process that has the run's secret may join. The server asks each client to sign a number with a key derived from the
// secret (NATS's nkeys), so the secret itself is never sent. The messages are not encrypted. If the coordinator's address is a
// loopback address, the server listens there only, else on all interfaces.
//
// # Errors
//
// Everything returns errors. Callers may act on [ErrJoin] and [ErrLost].
package rendezvous
