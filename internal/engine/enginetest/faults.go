package enginetest

import (
	"github.com/berth-dev/berth/internal/engine"
)

// faults makes requests fail. Its fields are guarded by the engine's mutex.
type faults struct {
	failOn      func(Call) error
	failAfter   func(Call) error
	killIn      int // requests left before killErr; 0 when not armed
	killErr     error
	killed      bool
	unreachable bool
	breakErr    error // what streams answer that broke last
}

// FailOn calls the hook before each request takes effect; an error from it is
// the request's answer, and nothing is changed. Nil removes the hook. The
// hook may look at the engine, but must send no requests of its own.
func (e *Engine) FailOn(hook func(Call) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failOn = hook
}

// FailAfter calls the hook after each request took effect; an error from it
// replaces the answer, as when the connection breaks before it arrives. Nil
// removes the hook. It may look at the engine, but must send no requests.
func (e *Engine) FailAfter(hook func(Call) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failAfter = hook
}

// KillAt makes the n-th request from now on, and all after it, answer err and
// change nothing, and breaks open streams: what the engine sees when its
// client is killed. Containers go on. n = 0 disarms it, for the next client.
func (e *Engine) KillAt(n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.killIn, e.killErr, e.killed = n, err, false
}

// Killed tells whether the request that [Engine.KillAt] waits for has come.
func (e *Engine) Killed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.killed
}

// Unreachable makes the engine one that nobody can reach: every request fails
// and open streams break, until [Engine.Reachable]. Containers go on.
func (e *Engine) Unreachable() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unreachable = true
	e.breakStreams(e.gone())
}

// Reachable undoes [Engine.Unreachable].
func (e *Engine) Reachable() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unreachable = false
}

// BreakStreams ends the open event, log and wait requests with err, as when
// connections break; new requests succeed.
func (e *Engine) BreakStreams(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.breakStreams(err)
}

// fault decides whether a request fails before it is applied.
func (e *Engine) fault(c Call) error {
	e.mu.Lock()
	hook := e.failOn
	if err := e.gone(); err != nil {
		e.mu.Unlock()
		return err
	}
	if e.killIn > 0 {
		e.killIn--
		if e.killIn == 0 {
			e.killed = true
			e.breakStreams(e.killErr)
		}
	}
	err := e.gone()
	e.mu.Unlock()
	if err == nil && hook != nil {
		err = hook(c)
	}
	return err
}

// afterFault decides whether an applied request's answer is lost.
func (e *Engine) afterFault(c Call) error {
	e.mu.Lock()
	hook := e.failAfter
	e.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(c)
}

// gone is the answer of an engine that cannot be reached, or nil. The caller
// holds the mutex.
func (e *Engine) gone() error {
	if e.killed {
		return e.killErr
	}
	if e.unreachable {
		return &engine.Error{
			Op: "connect to", Name: e.endpoint, Kind: engine.ErrUnreachable,
			Text: "cannot reach the Docker engine at " + e.endpoint + ": connection refused; is it running?",
		}
	}
	return nil
}
