package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// interruptedError is the cause of a context that a signal has ended. To whoever
// asks, it is a cancellation as any other.
type interruptedError struct{}

func (interruptedError) Error() string { return "interrupted" }

func (interruptedError) Unwrap() error { return context.Canceled }

// patience is how many signals go to a container before it is killed instead.
const patience = 2

// sameWish is the least time between two signals of a person.
const sameWish = 300 * time.Millisecond

// interrupts is what becomes of the signals that ask berth to end. The first
// cancels the command's context, so that it stops gracefully. The second ends
// the process, unless the command has said that it knows a faster way to stop.
// A command that holds a container in the foreground gets the signals first.
type interrupts struct {
	mu        sync.Mutex
	count     int
	forwarded int
	signals   int           // those of the process itself
	last      time.Time     // when the last one came
	lastName  string        // and which it was
	together  time.Duration // signals that follow each other faster count as one
	parted    bool          // the Docker CLI's wish to end was taken for the first signal
	forward   chan string   // non-nil once a command hands signals on
	faster    chan struct{} // non-nil once a command asked for it
	hurried   bool          // faster is closed
	cancel    context.CancelCauseFunc
	abandon   func() // ends the process at once
}

// interrupt counts one signal of the process, given by its name.
func (i *interrupts) interrupt(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.repeats(name) {
		return
	}
	if i.signals++; i.signals == 1 && i.parted {
		return // the same wish, which came through the Docker CLI first
	}
	i.act(name)
}

// repeats tells whether a signal is the same wish as the one before: what stops
// a job, such as timeout(1), may signal the process and then its group. A
// container gets signals of different names all the same.
func (i *interrupts) repeats(name string) bool {
	now := time.Now()
	soon := i.signals > 0 && now.Sub(i.last) < i.together && (i.forward == nil || name == i.lastName)
	i.last, i.lastName = now, name
	return soon
}

// part takes the Docker CLI's wish that its plugin ends, which it has when it is
// signalled itself. Most signals reach both: then the own one counts. It never
// counts as a second one, which would kill containers.
func (i *interrupts) part() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.signals > 0 || i.parted {
		return
	}
	i.parted = true
	i.act("SIGTERM")
}

// act does what one more signal asks for.
func (i *interrupts) act(name string) {
	if i.handOn(name) {
		return
	}
	i.count++
	switch {
	case i.forwarded == 0 && i.count == 1:
		i.cancel(interruptedError{})
	case i.faster != nil && !i.hurried:
		i.hurried = true
		close(i.faster)
	default:
		i.abandon()
	}
}

// handOn gives a signal to the command, if it is ready for it and has not had
// its share.
func (i *interrupts) handOn(name string) bool {
	if i.forward == nil || i.forwarded == patience {
		return false
	}
	select {
	case i.forward <- name:
		i.forwarded++
		return true
	default: // it holds no container yet
		return false
	}
}

// interrupted tells whether the command has been asked to end.
func (i *interrupts) interrupted() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.count > 0
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

// Forward returns a channel that gets the names of signals while somebody
// receives from it.
func (i *interrupts) Forward() <-chan string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.forward == nil {
		i.forward = make(chan string)
	}
	return i.forward
}

// watchSignals returns a context that the first SIGINT, SIGTERM or SIGHUP ends.
// A SIGPIPE kills nobody: the write that caused it reports that the reader has
// gone, and what is being changed in the engine is brought to its end.
func (s *session) watchSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.interrupts = &interrupts{cancel: cancel, abandon: s.abandon, together: sameWish}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-signals:
				if name := signalName(sig); name != "" {
					s.interrupts.interrupt(name)
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

// signalName is the name by which the engine knows a signal; empty for those
// that end nothing.
func signalName(sig os.Signal) string {
	switch sig {
	case os.Interrupt:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGHUP:
		return "SIGHUP"
	}
	return ""
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
