package enginetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// Top lists a running container's processes: its command, as one process.
func (e *Engine) Top(ctx context.Context, id string, _ []string) (engine.ProcessList, error) {
	var list engine.ProcessList
	err := e.call(ctx, request{method: "Top", args: []string{id}}, func() error {
		const op = "list processes of container"
		c, err := e.find(op, id)
		if err != nil {
			return err
		}
		if c.process == nil {
			text := fmt.Sprintf("Container %s is not running", c.id)
			return &engine.Error{Op: op, Name: id, Kind: engine.ErrConflict, Text: text}
		}
		command := strings.Join(c.command(), " ")
		if command == "" {
			command = "/app"
		}
		list.Titles = []string{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}
		list.Processes = [][]string{{
			"root", itoa(c.process.pid), "1", "0", c.started.UTC().Format("15:04"), "?", "00:00:00", command,
		}}
		return nil
	})
	return list, err
}

// Stats gives one sample of a container's resource use, or with stream one
// each second until the context ends or the container is removed. A container
// that does not run uses nothing.
func (e *Engine) Stats(ctx context.Context, id string, stream bool, each func(engine.Stats) error) error {
	if err := e.negotiate(ctx); err != nil {
		return err
	}
	call, err := e.open(ctx, request{method: "Stats", args: []string{id}})
	if err != nil {
		return err
	}
	return e.finish(call, e.stats(ctx, id, stream, each))
}

// stats is Stats' request.
func (e *Engine) stats(ctx context.Context, id string, stream bool, each func(engine.Stats) error) error {
	for {
		e.mu.Lock()
		c, err := e.find("read statistics of container", id)
		if err != nil {
			e.mu.Unlock()
			return err
		}
		sample := c.sample()
		gone, broken := c.gone, e.events.broken()
		e.mu.Unlock()
		if err := each(sample); err != nil || !stream {
			return err
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-timer.C:
			continue
		case <-gone:
			err = nil
		case <-broken:
			err = e.lastBreak()
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		return err
	}
}

// sample is what a container uses now.
func (c *container) sample() engine.Stats {
	s := engine.Stats{Time: time.Now(), ID: c.id, Name: c.name}
	if c.process != nil {
		const mebibyte = 1 << 20
		s.CPUPercent, s.MemoryUsage, s.MemoryLimit, s.PIDs = 1.5, 16*mebibyte, 1024*mebibyte, 1
		s.MemoryPercent = 100 * float64(s.MemoryUsage) / float64(s.MemoryLimit)
	}
	return s
}

// ResizeContainer tells a running container the size of its terminal.
func (e *Engine) ResizeContainer(ctx context.Context, id string, size engine.Size) error {
	return e.change(ctx, "ResizeContainer", "resize the terminal of container", id, nil, func(c *container) error {
		if c.process == nil {
			text := fmt.Sprintf("Container %s is not running", c.id)
			return &engine.Error{Op: "resize the terminal of container", Name: id, Kind: engine.ErrConflict, Text: text}
		}
		c.terminal = size
		return nil
	})
}

// Terminal is the size that the container's terminal was last given.
func (e *Engine) Terminal(id string) engine.Size {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find("", id)
	if err != nil {
		return engine.Size{}
	}
	return c.terminal
}
