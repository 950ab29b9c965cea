// Package proxy stands between a program and the engine and writes down the
// requests: how many there are, and how long the longest chain of requests is
// that wait for each other. It can hold each request up for a fixed time, which
// makes the chain visible whatever the engine's own speed: requests that do not
// wait for each other overlap then.
//
// It passes upgraded connections on (attach, exec, BuildKit), but not the half
// close of one direction: it is for counting, not for tests of streams.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is one request that went through.
type Request struct {
	Method string
	// Path is without the API version; Query is as it was sent.
	Path, Query string
	// Start is when it came, End when its answer was complete. A stream ends
	// when its answer begins: whoever opens one does not wait for its end.
	Start, End time.Time
	// Status is the HTTP status, 0 while there is none.
	Status int
	// Stream marks what stays open: events, followed logs, attach, wait.
	Stream bool
}

// String is the request as a line of a log.
func (r Request) String() string {
	return fmt.Sprintf("%s %s %d %s", r.Method, r.Path, r.Status, r.End.Sub(r.Start).Round(time.Millisecond))
}

// Class is the request with its names and ids left out, such as
// "POST /containers/{id}/start", so that requests can be counted by kind.
func (r Request) Class() string {
	parts := strings.Split(strings.Trim(r.Path, "/"), "/")
	if len(parts) < 2 || !has(collections, parts[0]) || has(verbs, parts[1]) {
		return r.Method + " " + r.Path
	}
	class := r.Method + " /" + parts[0] + "/{id}"
	// The names of images have slashes in them: only the end can be a verb.
	if last := parts[len(parts)-1]; len(parts) > 2 && has(verbs, last) {
		class += "/" + last
	}
	return class
}

// collections and verbs are the words of the Engine API's paths that Class
// needs to know.
const (
	collections = "containers networks volumes images exec"
	verbs       = "json create prune search get load start stop restart kill rename pause unpause wait attach logs " +
		"stats top archive exec resize update changes export tag push history connect disconnect"
)

// has reports whether the word is in the list.
func has(list, word string) bool { return slices.Contains(strings.Fields(list), word) }

// Proxy counts the requests to one engine.
type Proxy struct {
	delay    time.Duration
	forward  *httputil.ReverseProxy
	server   *http.Server
	listener net.Listener

	mu       sync.Mutex
	requests []*Request
}

// Start listens on the unix socket and passes on to the engine at host, in the
// form of DOCKER_HOST (unix or tcp). Each request is held up by delay first.
// The caller closes the proxy.
func Start(socket, host string, delay time.Duration) (*Proxy, error) {
	network, address, ok := strings.Cut(host, "://")
	if !ok || network != "unix" && network != "tcp" {
		return nil, fmt.Errorf("%s: the proxy reaches engines over unix:// and tcp:// only", host)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	}
	p := &Proxy{delay: delay, listener: listener}
	p.forward = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		Transport:      &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64},
		FlushInterval:  -1, // events must not wait in a buffer
		ModifyResponse: p.answered,
	}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve)}
	go func() { _ = p.server.Serve(listener) }() // ends with Close
	return p, nil
}

// Host is the proxy's address in the form of DOCKER_HOST.
func (p *Proxy) Host() string { return "unix://" + p.listener.Addr().String() }

// Close ends the proxy and every connection through it.
func (p *Proxy) Close() error { return p.server.Close() }

// Reset forgets the requests so far.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
}

// Requests returns the requests in the order in which they came.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var copies []Request
	for _, request := range p.requests {
		copies = append(copies, *request)
	}
	return copies
}

// recordKey finds the record of a request in its context.
type recordKey struct{}

// serve writes the request down and passes it on.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	record := &Request{Method: r.Method, Path: withoutVersion(r.URL.Path), Query: r.URL.RawQuery, Start: time.Now()}
	record.Stream = isStream(record.Path, r.URL.Query(), r.Header)
	p.mu.Lock()
	p.requests = append(p.requests, record)
	p.mu.Unlock()
	if p.delay > 0 {
		time.Sleep(p.delay)
	}
	defer p.finish(record)
	p.forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), recordKey{}, record)))
}

// answered notes the status, and the end of what is a stream.
func (p *Proxy) answered(response *http.Response) error {
	record, ok := response.Request.Context().Value(recordKey{}).(*Request)
	if !ok {
		return errors.New("an answer without its request")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	record.Status = response.StatusCode
	if record.Stream {
		record.End = time.Now()
	}
	return nil
}

// finish notes the end, unless it is known already.
func (p *Proxy) finish(record *Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if record.End.IsZero() {
		record.End = time.Now()
	}
}

// withoutVersion cuts the API version off a path.
func withoutVersion(requested string) string {
	if rest, ok := strings.CutPrefix(requested, "/v1."); ok {
		if _, rest, ok := strings.Cut(rest, "/"); ok {
			return "/" + rest
		}
	}
	return requested
}

// isStream tells what stays open until something happens elsewhere.
func isStream(requested string, query url.Values, header http.Header) bool {
	switch path.Base(requested) {
	case "events", "attach", "wait":
		return true
	case "logs", "stats":
		return query.Get("follow") == "1" || query.Get("stream") == "1"
	}
	return header.Get("Upgrade") != ""
}

// Chain returns the longest sequence of requests of which each came after the
// one before was answered. Requests that are not answered yet do not count.
func Chain(requests []Request) []Request {
	var finished []Request
	for _, request := range requests {
		if !request.End.IsZero() {
			finished = append(finished, request)
		}
	}
	// Taking what ends first leaves the most time for the rest.
	slices.SortFunc(finished, func(a, b Request) int { return a.End.Compare(b.End) })
	var chain []Request
	for _, request := range finished {
		if len(chain) == 0 || !request.Start.Before(chain[len(chain)-1].End) {
			chain = append(chain, request)
		}
	}
	return chain
}
