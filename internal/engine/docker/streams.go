package docker

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/berth-dev/berth/internal/engine"
)

// Logs copies a container's log until its end, or with Follow until the
// container ends. Bytes pass as they are; with TTY everything goes to stdout.
func (e *Engine) Logs(ctx context.Context, id string, opts engine.LogOptions, stdout, stderr io.Writer) error {
	const op = "read logs of container"
	if err := e.ready(ctx, op, id); err != nil {
		return err
	}
	stream, err := e.cli.ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: opts.Follow, Since: opts.Since, Until: opts.Until,
		Tail: opts.Tail, Timestamps: opts.Timestamps,
	})
	if err != nil {
		return e.fail(ctx, op, id, err)
	}
	err = copyOutput(stream, stdout, stderr, opts.TTY)
	return e.fail(ctx, op, id, errors.Join(err, stream.Close()))
}

// copyOutput divides the engine's frames between the two writers, or copies a
// terminal's raw output. Failures of the writers are an [ownError].
func copyOutput(stream io.Reader, stdout, stderr io.Writer, tty bool) error {
	if stdout == nil {
		stdout = io.Discard
	}
	if stderr == nil {
		stderr = io.Discard
	}
	stdout, stderr = ownWriter{stdout}, ownWriter{stderr}
	if tty {
		_, err := io.Copy(stdout, stream)
		return err
	}
	_, err := stdcopy.StdCopy(stdout, stderr, stream)
	return err
}

// Attach joins the terminal to a container's main process and returns when the
// stream ends: the container exited or the person detached.
func (e *Engine) Attach(ctx context.Context, id string, opts engine.AttachOptions, streams engine.Streams) error {
	const op = "attach to container"
	if err := e.ready(ctx, op, id); err != nil {
		return err
	}
	connection, err := e.cli.ContainerAttach(ctx, id, container.AttachOptions{
		Stream: true, Stdin: opts.Stdin && streams.In != nil, Stdout: true, Stderr: true,
		DetachKeys: opts.DetachKeys, Logs: opts.Logs,
	})
	if err != nil {
		return e.fail(ctx, op, id, err)
	}
	if opts.Ready != nil {
		opts.Ready()
	}
	if !opts.Stdin {
		streams.In = nil
	}
	resize := func(ctx context.Context, size engine.Size) error {
		return e.cli.ContainerResize(ctx, id, convertSize(size))
	}
	return e.fail(ctx, op, id, converse(ctx, connection, streams, resize))
}

// Exec runs a command in a running container and returns its exit code. With
// Detach it returns once the command has started, with code 0; also after the
// person detached by keys.
func (e *Engine) Exec(ctx context.Context, id string, spec engine.ExecSpec, streams engine.Streams) (int, error) {
	const op = "execute a command in container"
	if err := e.ready(ctx, op, id); err != nil {
		return 0, err
	}
	attached := !spec.Detach
	created, err := e.cli.ContainerExecCreate(ctx, id, container.ExecOptions{
		User: spec.User, Privileged: spec.Privileged, Tty: spec.TTY, Env: spec.Env, WorkingDir: spec.WorkingDir,
		Cmd: spec.Cmd, DetachKeys: spec.DetachKeys,
		AttachStdin: attached && streams.In != nil, AttachStdout: attached, AttachStderr: attached,
	})
	if err != nil {
		return 0, e.fail(ctx, op, id, err)
	}
	if spec.Detach {
		return 0, e.fail(ctx, op, id, e.cli.ContainerExecStart(ctx, created.ID, container.ExecStartOptions{Detach: true, Tty: spec.TTY}))
	}
	connection, err := e.cli.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{Tty: spec.TTY})
	if err != nil {
		return 0, e.fail(ctx, op, id, err)
	}
	streams.TTY = spec.TTY
	resize := func(ctx context.Context, size engine.Size) error {
		return e.cli.ContainerExecResize(ctx, created.ID, convertSize(size))
	}
	if err := converse(ctx, connection, streams, resize); err != nil {
		return 0, e.fail(ctx, op, id, err)
	}
	code, err := e.exitCode(ctx, created.ID)
	return code, e.fail(ctx, op, id, err)
}

// converse copies both directions of a hijacked connection until the output
// ends or the context does, and closes it. Reading of input goes on in the
// background: a blocked read of a terminal cannot be interrupted.
func converse(ctx context.Context, connection types.HijackedResponse, streams engine.Streams, resize func(context.Context, engine.Size) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer connection.Close()
	if streams.In != nil {
		go func() {
			_, _ = io.Copy(connection.Conn, streams.In) // a closed connection shows in the output
			_ = connection.CloseWrite()
		}()
	}
	if streams.Resize != nil {
		go followSize(ctx, streams.Resize, resize)
	}
	ended := make(chan error, 1)
	go func() { ended <- copyOutput(connection.Reader, streams.Out, streams.Err, streams.TTY) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pauses between two tries at what the engine is not yet ready for.
const (
	resizePause = 50 * time.Millisecond
	resizeTries = 100
	settlePause = 10 * time.Millisecond
	settleTries = 50
)

// followSize passes terminal sizes on. A size is refused until the process has
// started, which comes after the attaching, so it is tried again for a while;
// a size that is refused for good is no reason to end the session.
func followSize(ctx context.Context, sizes <-chan engine.Size, resize func(context.Context, engine.Size) error) {
	tick := time.NewTicker(resizePause)
	defer tick.Stop()
	var size engine.Size
	tries := 0
	for {
		select {
		case next, open := <-sizes:
			if !open {
				sizes = nil
				continue
			}
			size, tries = next, resizeTries
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if tries == 0 {
			if sizes == nil {
				return
			}
			continue
		}
		tries--
		if resize(ctx, size) == nil {
			tries = 0
		}
	}
}

// exitCode asks for a command's exit code, which the engine may write down a
// moment after the command's output has ended. A command that the person
// detached from goes on running: code 0.
func (e *Engine) exitCode(ctx context.Context, exec string) (int, error) {
	for range settleTries {
		state, err := e.cli.ContainerExecInspect(ctx, exec)
		if err != nil || !state.Running {
			return state.ExitCode, err
		}
		select {
		case <-time.After(settlePause):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, nil
}
