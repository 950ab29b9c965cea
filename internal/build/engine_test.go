package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// hijacker dials the engine of the tests and counts what it sends.
type hijacker struct {
	host string
	sent atomic.Int64 // bytes, over all connections
	dial atomic.Int64 // connections to /session
}

// newHijacker is a dialer for the engine of the tests.
func newHijacker(t testing.TB) *hijacker {
	t.Helper()
	return &hijacker{host: testengine.Require(t).Host}
}

// Dial asks the engine for an upgraded connection.
func (h *hijacker) Dial(ctx context.Context, path, proto string, meta map[string][]string) (net.Conn, error) {
	scheme, address, _ := strings.Cut(h.host, "://")
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, scheme, address)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {proto}}
	for key, values := range meta {
		header[http.CanonicalHeaderKey(key)] = values
	}
	request := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Host: "engine", Header: header,
		ProtoMajor: 1, ProtoMinor: 1,
	}
	reader, err := upgrade(conn, request)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if path == "/session" {
		h.dial.Add(1)
	}
	return &counted{Conn: conn, reader: reader, sent: &h.sent}, nil
}

// upgrade sends a request whose answer makes the connection the client's, which
// goes on with what the reader has.
func upgrade(conn net.Conn, request *http.Request) (*bufio.Reader, error) {
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // a switch of protocols has none
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("%s: %s", request.URL.Path, response.Status)
	}
	return reader, nil
}

// counted is a connection that counts what is written to it.
type counted struct {
	net.Conn
	reader *bufio.Reader
	sent   *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) { return c.reader.Read(p) }

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// remove deletes an image, if the engine has it. It works when the test's own
// context has ended.
func remove(t testing.TB, ref string) {
	t.Helper()
	scheme, address, _ := strings.Cut(testengine.Require(t).Host, "://")
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, scheme, address)
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequest(http.MethodDelete, "http://engine/images/"+ref+"?force=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		t.Errorf("remove image %s: %s", ref, response.Status)
	}
}
