package app

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/moby/term"

	"github.com/berth-dev/berth/internal/engine"
)

// defaultDetachKeys leave a container's terminal without ending the process.
const defaultDetachKeys = "ctrl-p,ctrl-q"

// resizeTries and resizePause bound how often a terminal's size is set again
// that the engine refuses because the process has only just been started.
const (
	resizeTries = 10
	resizePause = 20 * time.Millisecond
)

// joining is what to join to a container's process.
type joining struct {
	id   string
	keys string // detach keys; empty for the default ones
	// streams.TTY says that the container has a terminal; streams.In is nil if
	// it gets no input.
	streams engine.Streams
}

// joined is a person's streams joined to a container's process.
type joined struct {
	// ready is closed once the engine passes on whatever the process writes.
	ready chan struct{}
	// detached is closed when the detach keys have been pressed.
	detached chan struct{}
	// ended gets the result once the process's output has ended.
	ended chan error
	leave func() // ends it, and leaves the process alone
}

// join joins streams to a container's process, which may not have been started.
func (a *App) join(ctx context.Context, j joining) (*joined, error) {
	keys, err := detachKeys(j.keys)
	if err != nil {
		return nil, err
	}
	ctx, leave := context.WithCancel(ctx)
	out := &joined{ready: make(chan struct{}), detached: make(chan struct{}), ended: make(chan error, 1), leave: leave}
	streams := j.streams
	streams.Resize = nil // see resize
	if streams.In != nil && streams.TTY {
		streams.In = &detachReader{from: term.NewEscapeProxy(streams.In, keys), detach: func() { close(out.detached); leave() }}
	}
	go func() {
		out.ended <- a.engine.Attach(ctx, j.id, engine.AttachOptions{
			Stdin: streams.In != nil, DetachKeys: j.keys, Ready: func() { close(out.ready) },
		}, streams)
	}()
	return out, nil
}

// detachKeys reads a key sequence such as "ctrl-p,ctrl-q".
func detachKeys(keys string) ([]byte, error) {
	if keys == "" {
		keys = defaultDetachKeys
	}
	sequence, err := term.ToBytes(keys)
	if err != nil {
		return nil, &UsageError{"detach keys " + keys + ": " + err.Error() + "; write single characters or ctrl-X, separated by commas"}
	}
	return sequence, nil
}

// detachReader ends when the detach keys are read.
type detachReader struct {
	from   io.Reader
	detach func()
	once   sync.Once
}

func (r *detachReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	var escape term.EscapeError
	if errors.As(err, &escape) {
		r.once.Do(r.detach)
		return n, io.EOF
	}
	return n, err
}

// resize passes a terminal's sizes on until the context ends. The process runs.
func (a *App) resize(ctx context.Context, id string, sizes <-chan engine.Size) {
	if sizes == nil {
		return
	}
	for {
		select {
		case size, open := <-sizes:
			if !open {
				return
			}
			for range resizeTries {
				if a.engine.ResizeContainer(ctx, id, size) == nil || ctx.Err() != nil {
					break
				}
				time.Sleep(resizePause)
			}
		case <-ctx.Done():
			return
		}
	}
}
