package app

import (
	"context"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
)

// ContainerAttachRequest asks to join a running container's main process.
type ContainerAttachRequest struct {
	Project    ProjectOptions
	Service    string
	Index      int    // 0: the first one
	DetachKeys string // such as "ctrl-p,ctrl-q", which is the default
	NoStdin    bool
	// SigProxy hands signals on to the process instead of leaving it.
	SigProxy bool
}

// Attach joins the streams to a running container's main process. It returns
// the exit code of the process when it ends, and 0 after the detach keys.
func (a *App) Attach(ctx context.Context, r ContainerAttachRequest, streams engine.Streams, c Control) (int, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return 1, err
	}
	container, err := found.running(r.Service, r.Index)
	if err != nil {
		return 1, err
	}
	detail, err := a.engine.InspectContainer(ctx, container.ID)
	if err != nil {
		return 1, err
	}
	if c.Terminal != nil {
		c.Terminal(detail.Tty)
	}
	if !r.SigProxy {
		c.Signals = nil
	}
	if r.NoStdin || !detail.OpenStdin {
		streams.In = nil
	}
	streams.TTY = detail.Tty
	j, err := a.join(context.WithoutCancel(ctx), joining{id: container.ID, keys: r.DetachKeys, streams: streams})
	if err != nil {
		return 1, err
	}
	defer j.leave()
	if detail.Tty {
		sizes, stop := context.WithCancel(ctx)
		defer stop()
		go a.resize(sizes, container.ID, redraw(sizes, streams.Resize))
	}
	h := &held{app: a, id: container.ID, joined: j, control: c, stay: true}
	code, _, err := h.wait(ctx)
	return code, err
}

// redraw makes the first size a change, so that a full-screen program that runs
// already shows itself anew.
func redraw(ctx context.Context, sizes <-chan engine.Size) <-chan engine.Size {
	if sizes == nil {
		return nil
	}
	out := make(chan engine.Size)
	send := func(size engine.Size) bool {
		select {
		case out <- size:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(out)
		first := true
		for {
			select {
			case size, open := <-sizes:
				if !open || first && !send(engine.Size{Rows: size.Rows + 1, Columns: size.Columns + 1}) || !send(size) {
					return
				}
				first = false
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
