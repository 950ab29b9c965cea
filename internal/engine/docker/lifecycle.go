package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/engine"
)

// StopContainer stops a container and returns when it has ended; one that does
// not run is no error.
func (e *Engine) StopContainer(ctx context.Context, id string, opts engine.StopOptions) error {
	return e.act(ctx, "stop container", id, func() error {
		if err := e.takesSignal(opts); err != nil {
			return err
		}
		return e.cli.ContainerStop(ctx, id, convertStop(opts))
	})
}

// RestartContainer stops and starts a container.
func (e *Engine) RestartContainer(ctx context.Context, id string, opts engine.StopOptions) error {
	return e.act(ctx, "restart container", id, func() error {
		if err := e.takesSignal(opts); err != nil {
			return err
		}
		return e.cli.ContainerRestart(ctx, id, convertStop(opts))
	})
}

// takesSignal refuses a stop signal where the engine would silently take the
// container's own instead.
func (e *Engine) takesSignal(opts engine.StopOptions) error {
	if opts.Signal == "" || !olderThan(e.cli.ClientVersion(), "1.42") {
		return nil
	}
	return &engine.Error{Op: "stop container", Kind: engine.ErrUnsupported, Text: fmt.Sprintf(
		"stopping with signal %s needs Engine API 1.42, this engine speaks %s; send the signal with kill", opts.Signal, e.cli.ClientVersion())}
}

// convertStop rounds the time limit up to the engine's whole seconds; a
// negative one means no limit.
func convertStop(opts engine.StopOptions) container.StopOptions {
	result := container.StopOptions{Signal: opts.Signal}
	if opts.Timeout != nil {
		seconds := int(math.Ceil(opts.Timeout.Seconds()))
		if *opts.Timeout < 0 {
			seconds = -1
		}
		result.Timeout = &seconds
	}
	return result
}

// KillContainer sends a signal, SIGKILL if empty.
func (e *Engine) KillContainer(ctx context.Context, id, signal string) error {
	return e.act(ctx, "kill container", id, func() error { return e.cli.ContainerKill(ctx, id, signal) })
}

// PauseContainer freezes a container's processes.
func (e *Engine) PauseContainer(ctx context.Context, id string) error {
	return e.act(ctx, "pause container", id, func() error { return e.cli.ContainerPause(ctx, id) })
}

// UnpauseContainer lets a paused container go on.
func (e *Engine) UnpauseContainer(ctx context.Context, id string) error {
	return e.act(ctx, "unpause container", id, func() error { return e.cli.ContainerUnpause(ctx, id) })
}

// RenameContainer gives a container another name.
func (e *Engine) RenameContainer(ctx context.Context, id, name string) error {
	return e.act(ctx, "rename container", id, func() error { return e.cli.ContainerRename(ctx, id, name) })
}

// RemoveContainer removes a container.
func (e *Engine) RemoveContainer(ctx context.Context, id string, opts engine.RemoveOptions) error {
	return e.remove(ctx, "remove container", id, func() error {
		return e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: opts.Force, RemoveVolumes: opts.Volumes})
	})
}

// How often a removal is tried that the file system does not let through yet,
// and the first pause, which doubles.
const (
	removeTries = 6
	removePause = 50 * time.Millisecond
)

// remove asks for the removal of an object until the engine has got its files
// removed: Docker 20.10 gives up at once where the kernel or another process
// still holds one of them. What has gone meanwhile has been removed.
func (e *Engine) remove(ctx context.Context, op, name string, request func() error) error {
	err := e.act(ctx, op, name, request)
	pause := removePause
	for try := 1; try < removeTries && err != nil && matches(stillHeld, err.Error()); try++ {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		pause *= 2
		if err = e.act(ctx, op, name, request); errors.Is(err, engine.ErrNotFound) {
			return nil
		}
	}
	return err
}

// ResizeContainer tells a container's terminal its size.
func (e *Engine) ResizeContainer(ctx context.Context, id string, size engine.Size) error {
	return e.act(ctx, "resize the terminal of container", id, func() error {
		return e.cli.ContainerResize(ctx, id, convertSize(size))
	})
}

func convertSize(size engine.Size) container.ResizeOptions {
	return container.ResizeOptions{Height: uint(size.Rows), Width: uint(size.Columns)}
}

// WaitContainer returns the exit code once the container does not run; at once
// if it does not run now.
func (e *Engine) WaitContainer(ctx context.Context, id string) (int, error) {
	const op = "wait for container"
	if err := e.ready(ctx, op, id); err != nil {
		return 0, err
	}
	results, failures := e.cli.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	select {
	case result := <-results:
		if result.Error != nil && result.Error.Message != "" {
			return int(result.StatusCode), &engine.Error{Op: op, Name: engine.ShortIDs(id), Text: engine.ShortIDs(result.Error.Message)}
		}
		return int(result.StatusCode), nil
	case err := <-failures:
		return 0, e.fail(ctx, op, id, err)
	case <-ctx.Done():
		return 0, e.fail(ctx, op, id, ctx.Err())
	}
}

// Top lists the processes of a running container as the engine's ps shows them.
func (e *Engine) Top(ctx context.Context, id string, psArgs []string) (engine.ProcessList, error) {
	var list engine.ProcessList
	err := e.act(ctx, "list processes of container", id, func() error {
		answer, err := e.cli.ContainerTop(ctx, id, psArgs)
		list = engine.ProcessList{Titles: answer.Titles, Processes: answer.Processes}
		return err
	})
	return list, err
}

// act runs one request about one object and translates its error.
func (e *Engine) act(ctx context.Context, op, name string, request func() error) error {
	if err := e.ready(ctx, op, name); err != nil {
		return err
	}
	return e.fail(ctx, op, name, request())
}

// unixTime makes a time of the engine's seconds; zero stays the zero time.
func unixTime(seconds int64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
