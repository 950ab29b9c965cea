package enginetest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// Attach connects to a container's process until its run ends. With Logs, it
// begins with what was written so far.
func (e *Engine) Attach(ctx context.Context, id string, options engine.AttachOptions, streams engine.Streams) error {
	if err := e.negotiate(ctx); err != nil {
		return err
	}
	call, err := e.open(ctx, request{method: "Attach", args: []string{id}})
	if err != nil {
		return err
	}
	return e.finish(call, e.attach(ctx, id, options, streams))
}

// attach is Attach's request.
func (e *Engine) attach(ctx context.Context, id string, options engine.AttachOptions, streams engine.Streams) error {
	e.mu.Lock()
	c, err := e.find("attach to", id)
	if err != nil {
		e.mu.Unlock()
		return err
	}
	if c.state == engine.Paused {
		e.mu.Unlock()
		text := fmt.Sprintf("container %s is paused, unpause the container before attach", c.id)
		return &engine.Error{Op: "attach to", Name: id, Kind: engine.ErrConflict, Text: text}
	}
	input, next := c.input, len(c.log.lines)
	if options.Logs {
		next = 0
	}
	ends := follower{c.halted, e.events.broken()}
	e.mu.Unlock()
	if options.Ready != nil {
		options.Ready()
	}
	if options.Stdin && streams.In != nil {
		go feed(input, streams.In)
	}
	out := printer{engine.LogOptions{TTY: streams.TTY}, discard(streams.Out), discard(streams.Err)}
	return e.follow(ctx, c, next, time.Time{}, ends, out.print)
}

// feed copies a caller's input to the container's, until either ends.
func feed(to *io.PipeWriter, from io.Reader) {
	_, err := io.Copy(to, from)
	to.CloseWithError(err) // nil is the end of the input
}

// Exec runs a command in a running container and returns its exit code. It
// counts as the requests that create, start and inspect it.
func (e *Engine) Exec(ctx context.Context, id string, spec engine.ExecSpec, streams engine.Streams) (int, error) {
	var c *container
	err := e.change(ctx, "ExecCreate", "exec in", id, spec.Cmd, func(found *container) error {
		c = found
		problem := ""
		switch {
		case c.state == engine.Paused:
			problem = "Container " + c.id + " is paused, unpause the container before exec"
		case c.state == engine.Restarting:
			problem = "Container " + c.id + " is restarting, wait until the container is running"
		case c.process == nil:
			problem = "Container " + c.id + " is not running"
		}
		if problem != "" {
			return &engine.Error{Op: "exec in", Name: id, Kind: engine.ErrConflict, Text: problem}
		}
		e.emitContainer(c, "exec_create", strings.Join(spec.Cmd, " "), nil)
		return nil
	})
	if err != nil {
		return 0, err
	}
	call, err := e.open(ctx, request{method: "ExecStart", args: []string{id}, mutates: true})
	if err != nil {
		return 0, err
	}
	code, err := e.execute(ctx, c, spec, streams)
	if err := e.finish(call, err); err != nil || spec.Detach {
		return 0, err
	}
	err = e.call(ctx, request{method: "ExecInspect", args: []string{id}}, func() error { return nil })
	return code, err
}

// execute runs the command of an exec until it ends, its container does, or
// the caller goes away.
func (e *Engine) execute(ctx context.Context, c *container, spec engine.ExecSpec, streams engine.Streams) (int, error) {
	streams.Out, streams.Err = discard(streams.Out), discard(streams.Err)
	if spec.Detach {
		streams = engine.Streams{Out: io.Discard, Err: io.Discard}
	}
	e.mu.Lock()
	p, broken := c.process, e.events.broken()
	if p == nil { // it ended since the exec was made
		e.mu.Unlock()
		text := "Container " + c.id + " is not running"
		return 0, &engine.Error{Op: "exec in", Name: c.name, Kind: engine.ErrConflict, Text: text}
	}
	e.emitContainer(c, "exec_start", strings.Join(spec.Cmd, " "), nil)
	e.mu.Unlock()
	// Not one of those that Close waits for: it may hang in the caller's input.
	ended := make(chan int, 1)
	go func() {
		code := e.runCommand(c, p, spec, streams)
		e.mu.Lock()
		e.emitContainer(c, "exec_die", "", map[string]string{"exitCode": itoa(code)})
		e.mu.Unlock()
		ended <- code
	}()
	if spec.Detach {
		return 0, nil
	}
	select {
	case code := <-ended:
		return code, nil
	case <-p.done:
		return signalBase + signalKill, nil
	case <-broken:
		return 0, e.lastBreak()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// runCommand runs an exec's command by the script, or else as it is
// understood.
func (e *Engine) runCommand(c *container, p *process, spec engine.ExecSpec, streams engine.Streams) int {
	if p.script.Exec != nil {
		return p.script.Exec(spec.Cmd, streams)
	}
	prog := understand(spec.Cmd, append(c.env(), spec.Env...))
	if prog == nil {
		text := "OCI runtime exec failed: exec failed: unable to start container process: exec: %q: " +
			"executable file not found in $PATH: unknown\r\n"
		// Nowhere to report a reader that went away to: it is the caller's own.
		_, _ = fmt.Fprintf(streams.Out, text, spec.Cmd[0])
		return notFoundCode
	}
	code, ended := prog.run(&session{process: p, streams: streams})
	if !ended {
		return signalBase + signalKill
	}
	return code
}

// session is the machine of an exec: the container's time and files, the
// caller's streams.
type session struct {
	*process
	streams engine.Streams
}

func (s *session) write(stderr bool, text string) {
	w := s.streams.Out
	if stderr && !s.streams.TTY {
		w = s.streams.Err
	}
	// A caller that reads no more is told by its own end of the stream.
	_, _ = io.WriteString(w, text)
}

func (s *session) input() io.Reader {
	if s.streams.In == nil {
		return strings.NewReader("")
	}
	return s.streams.In
}

// capture is the machine of a health probe: it keeps the output.
type capture struct {
	p    *process
	text []byte
}

func (c *capture) sleep(d time.Duration) bool           { return c.p.sleep(d) }
func (c *capture) write(_ bool, text string)            { c.text = append(c.text, text...) }
func (c *capture) input() io.Reader                     { return strings.NewReader("") }
func (c *capture) file(name string) (engine.File, bool) { return c.p.file(name) }
func (c *capture) setFile(f engine.File)                { c.p.setFile(f) }

// input is the main process's input: what is attached to the container.
func (p *process) input() io.Reader {
	if !p.c.spec.Interactive && !p.c.spec.Service.StdinOpen {
		return strings.NewReader("")
	}
	return p.stdin
}

func itoa(n int) string { return strconv.Itoa(n) }

// atoi reads a number of a test's command; rubbish is 0.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func expandVariables(word string, value func(string) string) string { return os.Expand(word, value) }
