package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// sshPatience is how long a failed write waits for ssh's own words.
const sshPatience = 2 * time.Second

// explained makes connections whose writes fail with the reason that ssh gave:
// a program that ends at once shows first as a pipe that takes nothing, its
// message comes with the end of its output.
func explained(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &sshConn{Conn: conn, ended: make(chan struct{})}, nil
	}
}

// sshConn is a connection over the standard streams of an ssh program.
type sshConn struct {
	net.Conn
	once  sync.Once
	ended chan struct{} // closed when reading failed, because of reason
	// reason is valid once ended is closed.
	reason error
}

// Read remembers why the output ended.
func (c *sshConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.once.Do(func() {
			c.reason = err
			close(c.ended)
		})
	}
	return n, err
}

// Write gives the reason for the end of the program rather than that of the
// pipe.
func (c *sshConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err == nil {
		return n, nil
	}
	select {
	case <-c.ended:
		if !errors.Is(c.reason, io.EOF) {
			err = c.reason
		}
	case <-time.After(sshPatience):
	}
	return n, err
}

// CloseWrite ends the input of an attached process and leaves its output open.
func (c *sshConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
