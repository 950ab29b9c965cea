package cli

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/moby/term"

	"github.com/berth-dev/berth/internal/engine"
)

// console is the terminal as a process in a container sees it. It is taken over
// when the first byte goes through: until then it shows berth's progress.
type console struct {
	session *session
	tty     bool // the process has a terminal; settled before the first byte
	stdin   bool

	take    sync.Once
	mu      sync.Mutex
	undo    []func() error
	takeErr error
}

func (s *session) console(tty, stdin bool) *console {
	c := &console{session: s, tty: tty, stdin: stdin}
	s.mu.Lock()
	s.giveBack = c.restore
	s.mu.Unlock()
	return c
}

// streams are the ends to attach.
func (c *console) streams(ctx context.Context) engine.Streams {
	env := c.session.env
	streams := engine.Streams{
		Out: consoleWriter{c, env.Stdout},
		Err: consoleWriter{c, env.Stderr},
		TTY: c.tty,
	}
	if c.stdin && env.Stdin != nil {
		streams.In = consoleReader{c, env.Stdin}
	}
	if fd, ok := descriptor(env.Stdout); ok && term.IsTerminal(fd) {
		streams.Resize = windowSizes(ctx, fd)
	}
	return streams
}

// takeOver ends the progress and gives the keyboard to the process.
func (c *console) takeOver() error {
	c.take.Do(func() {
		c.takeErr = c.session.endProgress()
		if !c.tty {
			return
		}
		c.raw(c.session.env.Stdin, term.SetRawTerminal)
		c.raw(c.session.env.Stdout, term.SetRawTerminalOutput)
	})
	return c.takeErr
}

// raw puts a stream into raw mode, if it is a terminal.
func (c *console) raw(stream any, set func(uintptr) (*term.State, error)) {
	fd, ok := descriptor(stream)
	if !ok || !term.IsTerminal(fd) {
		return
	}
	state, err := set(fd)
	if err != nil {
		c.takeErr = fmt.Errorf("set up the terminal: %w", err)
		return
	}
	if state == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.undo = append(c.undo, func() error { return term.RestoreTerminal(fd, state) })
}

// restore gives the terminal back. Further calls do nothing.
func (c *console) restore() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first error
	for _, undo := range c.undo {
		if err := undo(); err != nil && first == nil {
			first = fmt.Errorf("give the terminal back: %w", err)
		}
	}
	c.undo = nil
	return first
}

type consoleReader struct {
	c *console
	r io.Reader
}

func (r consoleReader) Read(p []byte) (int, error) {
	if err := r.c.takeOver(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

type consoleWriter struct {
	c *console
	w io.Writer
}

func (w consoleWriter) Write(p []byte) (int, error) {
	if err := w.c.takeOver(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

func descriptor(stream any) (uintptr, bool) {
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	return f.Fd(), true
}

// windowSizes gives the terminal's size at once and whenever it changes, until
// the context ends.
func windowSizes(ctx context.Context, fd uintptr) <-chan engine.Size {
	sizes := make(chan engine.Size, 1)
	changes, stop := windowChanges()
	go func() {
		defer stop()
		var last engine.Size
		for {
			ws, err := term.GetWinsize(fd)
			if err != nil { // no terminal any more
				return
			}
			if now := (engine.Size{Rows: ws.Height, Columns: ws.Width}); now != last {
				last = now
				select {
				case sizes <- now:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changes:
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes
}
