package docker

import (
	"context"
	"net"
)

// Dial opens a connection of its own to an endpoint that takes over the HTTP
// connection: "/grpc" and "/session", on which BuildKit speaks.
func (e *Engine) Dial(ctx context.Context, path, proto string, meta map[string][]string) (net.Conn, error) {
	const op = "connect to the builder"
	if err := e.ready(ctx, op, ""); err != nil {
		return nil, err
	}
	conn, err := e.cli.DialHijack(ctx, path, proto, meta)
	return conn, e.fail(ctx, op, "", err)
}
