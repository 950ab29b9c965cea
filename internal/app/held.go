package app

import (
	"context"
	"errors"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// defaultGrace is the engine's stop_grace_period.
const defaultGrace = 10 * time.Second

// signalQueue is how many signals wait until a container has started.
const signalQueue = 8

// queue takes signals from now on, to be handed on later.
func queue(ctx context.Context, signals <-chan string) <-chan string {
	if signals == nil {
		return nil
	}
	out := make(chan string, signalQueue)
	go func() {
		for {
			select {
			case name := <-signals:
				select {
				case out <- name:
				case <-ctx.Done():
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// held is a running container that a verb stays with until it ends.
type held struct {
	app     *App
	id      string
	joined  *joined
	control Control
	// stay leaves the container running when the context ends.
	stay bool
	// patience is how long the process has for ending after a signal, which it
	// may just as well ignore, before it is stopped.
	patience time.Duration

	ending  bool
	stopped chan error // of the request that stops it
	late    <-chan time.Time
	asked   bool // to end, by a SIGTERM
}

// outcome is the end of a container.
type outcome struct {
	code int
	err  error
}

// wait returns the exit code once the container has ended and all it wrote has
// been read; left says that it goes on running. The end of the context stops
// the container, unless it is to stay; Faster kills it.
func (h *held) wait(ctx context.Context) (code int, left bool, err error) {
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan outcome, 1)
	go func() {
		code, err := h.app.engine.WaitContainer(whole, h.id)
		ended <- outcome{code, err}
	}()
	h.stopped = make(chan error, 1)
	output, interrupt, faster := h.joined.ended, ctx.Done(), h.control.Faster
	var over *outcome
	for over == nil || output != nil {
		select {
		case o := <-ended:
			over, ended = &o, nil
		case outErr := <-output:
			output = nil
			switch {
			case closed(h.joined.detached):
				return 0, true, nil
			case outErr != nil && h.stay:
				return 1, true, outErr
			case outErr != nil && over == nil:
				err = outErr
				h.end(whole, engine.StopOptions{}) // nobody reads what it writes, or the engine is lost
			}
		case <-h.joined.detached:
			return 0, true, nil
		case <-h.control.Detach:
			return 0, true, nil
		case <-interrupt:
			interrupt, err = nil, context.Cause(ctx)
			if h.stay {
				return exitInterrupted, true, err
			}
			h.end(whole, engine.StopOptions{})
		case <-faster:
			faster = nil
			go h.signal(whole, "SIGKILL")
		case name := <-h.control.Signals:
			h.handOn(whole, name)
		case <-h.late:
			h.end(whole, h.lateStop())
		case stopErr := <-h.stopped:
			if stopErr != nil {
				return 1, false, errors.Join(err, stopErr)
			}
		}
	}
	if over.err != nil {
		return 1, false, errors.Join(err, over.err)
	}
	return over.code, false, err
}

// handOn gives a signal to the process. One that asks berth to end stops the
// container if the process has not ended of it in its time.
func (h *held) handOn(ctx context.Context, name string) {
	if !h.stay {
		h.late = time.After(h.patience)
		h.asked = h.asked || name == "SIGTERM"
	}
	go h.signal(ctx, name)
}

// lateStop is how a container is stopped that has not ended of a signal: at once
// if it was asked to end.
func (h *held) lateStop() engine.StopOptions {
	if h.asked {
		return engine.StopOptions{Timeout: new(time.Duration)}
	}
	return engine.StopOptions{}
}

// end stops the container, by default as its service says.
func (h *held) end(ctx context.Context, opt engine.StopOptions) {
	if h.ending {
		return
	}
	h.ending, h.late = true, nil
	go func() {
		err := h.app.engine.StopContainer(ctx, h.id, opt)
		if errors.Is(err, engine.ErrNotFound) {
			err = nil
		}
		h.stopped <- err
	}()
}

// signal sends a signal. That the container may have ended by itself meanwhile
// shows in its exit code.
func (h *held) signal(ctx context.Context, name string) {
	if err := h.app.engine.KillContainer(ctx, h.id, name); err != nil && ctx.Err() == nil &&
		!errors.Is(err, engine.ErrConflict) && !errors.Is(err, engine.ErrNotFound) {
		h.app.warn("hand on " + name + ": " + err.Error())
	}
}
