// Package rendezvous brings the processes of a run together. Process 0 has a server in memory (NATS with its key-value
// store), which all are clients of:
//
//	m, err := rendezvous.Join(ctx, rendezvous.Config{Coordinator: "10.0.0.1:7700", Index: i, Count: n, Secret: secret})
//	err = m.Agree(ctx, "version", version)      // all have the same, or all get an error that names who differs
//	text, err := m.Share(ctx, "begin", text)    // what process 0 has
//	stop, err := m.Stop(done)                   // before every step: whether all end here
//	err = m.Leave()                             // waits until all are done
//
// # One fate
//
// A process that fails says so ([Meeting.Abort]); one that is killed, or does not answer for [Silence], is missed by the
// server. The first cause is told to all ([Meeting.Lost], [Meeting.Why]), and every call that waits returns it.
//
// # Who may join
//
// Who has the run's secret: the server asks every client to sign a number with the key that is made of it (NATS's nkeys),
// and the secret itself is never sent. What they tell each other is not encrypted. The server listens on the loopback
// interface where the coordinator's address is one of it, else on all.
//
// # Errors
//
// Everything returns errors. Callers may act on [ErrJoin] and [ErrLost].
package rendezvous
