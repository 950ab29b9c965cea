package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// errInterrupted is the cause of a context that a signal has ended.
var errInterrupted = errors.New("interrupted")

// interrupts is what becomes of the signals that ask berth to end. The first
// cancels the command's context, so that it stops gracefully. The second ends
// the process, unless the command has said that it knows a faster way to stop.
type interrupts struct {
	mu      sync.Mutex
	count   int
	faster  chan struct{} // non-nil once a command asked for it
	cancel  context.CancelCauseFunc
	abandon func() // ends the process at once
}

// interrupt counts one signal.
func (i *interrupts) interrupt() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	switch {
	case i.count == 1:
		i.cancel(errInterrupted)
	case i.count == 2 && i.faster != nil:
		close(i.faster)
	default:
		i.abandon()
	}
}

// Faster returns a channel that is closed by the second signal, which then no
// longer ends the process; the third does.
func (i *interrupts) Faster() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.faster == nil {
		i.faster = make(chan struct{})
	}
	return i.faster
}

// watchSignals returns a context that the first SIGINT, SIGTERM or SIGHUP ends.
// A SIGPIPE kills nobody: the write that caused it reports that the reader has
// gone, and what is being changed in the engine is brought to its end.
func (s *session) watchSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.interrupts = &interrupts{cancel: cancel, abandon: s.abandon}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-signals:
				if sig != syscall.SIGPIPE {
					s.interrupts.interrupt()
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// abandon gives the terminal back, for which it allows a moment, and ends the
// process.
func (s *session) abandon() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		// The exit code tells all there is to tell.
		_ = s.close()
	}()
	select {
	case <-closed:
	case <-time.After(200 * time.Millisecond):
	}
	if s.env.Exit != nil {
		s.env.Exit(codeInterrupted)
	}
}
