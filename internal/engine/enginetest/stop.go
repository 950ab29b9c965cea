package enginetest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// StopContainer asks a container to end, and kills it after its time. One
// that does not run is left as it is.
func (e *Engine) StopContainer(ctx context.Context, id string, options engine.StopOptions) error {
	return e.longChange(ctx, "StopContainer", "stop container", id, func(c *container) error {
		if c.process == nil && c.state != engine.Restarting {
			return nil
		}
		e.stop(c, options)
		e.emitContainer(c, "stop", "", nil)
		return nil
	})
}

// RestartContainer stops a container if it runs, and starts it.
func (e *Engine) RestartContainer(ctx context.Context, id string, options engine.StopOptions) error {
	return e.longChange(ctx, "RestartContainer", "restart container", id, func(c *container) error {
		if c.process != nil || c.state == engine.Restarting {
			if c.process != nil {
				c.process.restarting = true
			}
			e.stop(c, options)
			e.emitContainer(c, "stop", "", nil)
		}
		if c.process == nil {
			if err := e.start(c, "restart container"); err != nil {
				return err
			}
		}
		e.emitContainer(c, "restart", "", nil)
		return nil
	})
}

// longChange is change for requests that last: apply holds the mutex, and may
// let go of it while it waits. A caller that goes away, or whose connection
// breaks, does not end what the engine does.
func (e *Engine) longChange(ctx context.Context, method, op, id string, apply func(*container) error) error {
	if err := e.negotiate(ctx); err != nil {
		return err
	}
	call, err := e.open(ctx, request{method: method, args: []string{id}, mutates: true})
	if err != nil {
		return err
	}
	e.mu.Lock()
	broken := e.events.broken()
	e.mu.Unlock()
	done := make(chan error, 1)
	e.spawn(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		c, err := e.find(op, id)
		if err == nil {
			err = apply(c)
		}
		done <- err
	})
	select {
	case err = <-done:
	case <-broken:
		err = e.lastBreak()
	case <-e.closed:
		err = e.lastBreak()
	case <-ctx.Done():
		err = ctx.Err()
	}
	return e.finish(call, err)
}

// stop sends the stop signal, waits, and kills. The caller holds the mutex,
// which is released while waiting.
func (e *Engine) stop(c *container, options engine.StopOptions) {
	c.stopped = true
	c.cancelRestart()
	if c.process == nil {
		return
	}
	signal := options.Signal
	if signal == "" {
		signal = c.spec.Service.StopSignal
	}
	halted := c.halted
	e.unpause(c)
	e.signal(c, signalNumber(signal))
	timeout := c.stopTimeout(options)
	var limit <-chan time.Time
	if timeout >= 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		limit = timer.C
	}
	e.mu.Unlock()
	defer e.mu.Lock()
	select {
	case <-halted:
	case <-e.closed:
	case <-limit:
		e.mu.Lock()
		defer e.mu.Unlock()
		if c.halted == halted && c.process != nil {
			e.signal(c, signalKill)
		}
	}
}

// stopTimeout is how long the container has to end by itself; below 0 it has
// for ever.
func (c *container) stopTimeout(options engine.StopOptions) time.Duration {
	switch {
	case options.Timeout != nil:
		return wholeSeconds(*options.Timeout)
	case c.spec.Service.StopGracePeriod != nil:
		return wholeSeconds(time.Duration(*c.spec.Service.StopGracePeriod))
	default:
		return defaultStop
	}
}

// wholeSeconds rounds up to what the engine's API can say.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// KillContainer sends a signal, SIGKILL if it is empty, to a running container.
func (e *Engine) KillContainer(ctx context.Context, id, signal string) error {
	return e.change(ctx, "KillContainer", "kill container", id, named(signal), func(c *container) error {
		if c.process == nil {
			text := fmt.Sprintf("Cannot kill container: %s: Container %s is not running", id, c.id)
			return &engine.Error{Op: "kill container", Name: id, Kind: engine.ErrConflict, Text: text}
		}
		number := signalKill
		if signal != "" {
			number = signalNumber(signal)
		}
		if number == signalKill || number == signalNumber(c.spec.Service.StopSignal) {
			c.stopped = true
		}
		e.signal(c, number)
		return nil
	})
}

// PauseContainer freezes a running container.
func (e *Engine) PauseContainer(ctx context.Context, id string) error {
	return e.change(ctx, "PauseContainer", "pause container", id, nil, func(c *container) error {
		problem := ""
		switch {
		case c.process == nil:
			problem = "is not running"
		case c.state == engine.Paused:
			problem = "is already paused"
		}
		if problem != "" {
			text := fmt.Sprintf("Container %s %s", c.id, problem)
			return &engine.Error{Op: "pause container", Name: id, Kind: engine.ErrConflict, Text: text}
		}
		c.state = engine.Paused
		c.process.freeze()
		e.emitContainer(c, "pause", "", nil)
		return nil
	})
}

// UnpauseContainer lets a paused container go on.
func (e *Engine) UnpauseContainer(ctx context.Context, id string) error {
	return e.change(ctx, "UnpauseContainer", "unpause container", id, nil, func(c *container) error {
		if c.state != engine.Paused {
			text := fmt.Sprintf("Container %s is not paused", c.id)
			return &engine.Error{Op: "unpause container", Name: id, Text: text}
		}
		e.unpause(c)
		return nil
	})
}

// unpause lets a container go on if it is paused.
func (e *Engine) unpause(c *container) {
	if c.state == engine.Paused {
		c.state = engine.Running
		c.process.thaw()
		e.emitContainer(c, "unpause", "", nil)
	}
}

// WaitContainer waits until the container does not run and returns its exit
// code. One that does not run is not waited for.
func (e *Engine) WaitContainer(ctx context.Context, id string) (int, error) {
	if err := e.negotiate(ctx); err != nil {
		return 0, err
	}
	call, err := e.open(ctx, request{method: "WaitContainer", args: []string{id}})
	if err != nil {
		return 0, err
	}
	code, err := e.waitFor(ctx, id)
	return code, e.finish(call, err)
}

// waitFor is WaitContainer's request.
func (e *Engine) waitFor(ctx context.Context, id string) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find("wait for container", id)
	if err != nil {
		return 0, err
	}
	if c.process == nil && c.state != engine.Restarting {
		return c.exitCode, nil
	}
	halted, broken := c.halted, e.events.broken()
	e.mu.Unlock()
	select {
	case <-halted:
	case <-c.gone:
	case <-broken:
		err = e.lastBreak()
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.mu.Lock()
	return c.exitCode, err
}

// lastBreak is the error that open requests answer when they broke.
func (e *Engine) lastBreak() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.breakErr != nil {
		return e.breakErr
	}
	return &engine.Error{Op: "read from", Name: e.endpoint, Kind: engine.ErrUnreachable, Text: "unexpected EOF"}
}

// signalNumber reads a signal's name or number; unknown ones are SIGTERM.
func signalNumber(signal string) int {
	name := strings.TrimPrefix(strings.ToUpper(signal), "SIG")
	if n, err := strconv.Atoi(name); err == nil {
		return n
	}
	numbers := map[string]int{"HUP": 1, "INT": 2, "QUIT": 3, "KILL": signalKill, "USR1": 10, "USR2": 12, "WINCH": 28}
	if n, ok := numbers[name]; ok {
		return n
	}
	return signalTerm
}
