package docker

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

const (
	// silence is how long nothing may come from an engine, on any connection,
	// before it is asked whether it is still there.
	silence = 4 * time.Second
	// patience is how long it has for the answer to that. A busy engine on a busy
	// machine may need seconds; a stopped one, or one behind a dead network, would
	// be waited for without end.
	patience = 9 * time.Second
	// muteTime is how long no new connection is tried after it has not answered.
	muteTime = 5 * time.Second
)

// errMute is why connections are given up on that are open and carry nothing.
var errMute = errors.New("it does not answer")

// pulse notices that an engine has stopped answering without closing its
// connections. It costs one small request per silence, and none where the engine
// is heard.
type pulse struct {
	ask               func(context.Context) error
	silence, patience time.Duration

	heard atomic.Int64 // when something was last read, in nanoseconds since 1970
	mute  atomic.Int64 // when the engine did not answer; 0 if it did

	mu      sync.Mutex
	conns   map[*heardConn]struct{}
	beating bool
}

func newPulse(ask func(context.Context) error) *pulse {
	return &pulse{ask: ask, silence: silence, patience: patience, conns: map[*heardConn]struct{}{}}
}

// watch makes connections that are given up on with errMute when the engine
// falls silent.
func (p *pulse) watch(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if at := p.mute.Load(); at != 0 && time.Since(time.Unix(0, at)) < muteTime {
			return nil, errMute
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return p.add(conn), nil //nolint:contextcheck // the pulse is that of all connections
	}
}

func (p *pulse) add(conn net.Conn) net.Conn {
	c := &heardConn{Conn: conn, pulse: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	if !p.beating {
		p.beating = true
		p.heard.Store(time.Now().UnixNano()) // later ones open for the question itself
		go p.beat()
	}
	if half, ok := conn.(halfCloser); ok {
		return &heardHalfConn{c, half}
	}
	return c
}

func (p *pulse) hear() {
	p.heard.Store(time.Now().UnixNano())
	p.mute.Store(0)
}

// beat asks whenever nothing has been heard for a while, as long as there are
// connections.
func (p *pulse) beat() {
	for p.goesOn() {
		quiet := time.Since(time.Unix(0, p.heard.Load()))
		if quiet < p.silence {
			time.Sleep(p.silence - quiet)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), p.patience)
		before := p.heard.Load()
		err := p.ask(ctx)
		late := ctx.Err() != nil
		cancel()
		switch {
		case err == nil:
			p.hear()
		case late && p.heard.Load() == before:
			p.giveUp()
		default: // it has refused, which the requests themselves find out
			time.Sleep(p.silence)
		}
	}
}

// goesOn tells whether there is a connection left to watch over.
func (p *pulse) goesOn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beating = len(p.conns) > 0
	return p.beating
}

// giveUp ends all connections.
func (p *pulse) giveUp() {
	p.mute.Store(time.Now().UnixNano())
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.mute.Store(true)
		_ = c.Conn.Close() // it is of no use any more
	}
	clear(p.conns)
}

// heardConn is a connection whose reads show that the engine is there.
type heardConn struct {
	net.Conn
	pulse *pulse
	mute  atomic.Bool
}

// Read reads; errMute: the engine has fallen silent.
func (c *heardConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.pulse.hear()
	}
	if err != nil && c.mute.Load() {
		err = errMute
	}
	return n, err
}

// Write writes; errMute: the engine has fallen silent.
func (c *heardConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil && c.mute.Load() {
		err = errMute
	}
	return n, err
}

// Close closes the connection and ends the watch over it.
func (c *heardConn) Close() error {
	c.pulse.mu.Lock()
	delete(c.pulse.conns, c)
	c.pulse.mu.Unlock()
	return c.Conn.Close()
}

// halfCloser is a connection of which one direction can be closed.
type halfCloser interface{ CloseWrite() error }

// heardHalfConn is a heardConn whose writing side can be closed alone, which the
// end of an attached standard input needs.
type heardHalfConn struct {
	*heardConn
	half halfCloser
}

// CloseWrite says that nothing more will be written.
func (c *heardHalfConn) CloseWrite() error { return c.half.CloseWrite() }

// silent is the error for an engine that does not answer.
func (e *Engine) silent(op, name string) error {
	return &engine.Error{
		Op: op, Name: name, Kind: errors.Join(engine.ErrUnreachable, engine.ErrSilent),
		Text: "the Docker engine at " + e.endpoint + " does not answer; is it stopped, or its machine out of reach?",
	}
}
