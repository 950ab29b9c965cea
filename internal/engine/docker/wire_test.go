package docker

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// wire is a scripted engine on a socket that records what it is asked.
type wire struct {
	api string

	mu       sync.Mutex
	requests []wireRequest
	answers  map[string]http.HandlerFunc
}

// wireRequest is one request as it came in.
type wireRequest struct {
	Method, Path, Query string
	Header              http.Header
	Body                []byte
}

// newWire starts a scripted engine and an adapter to it. The engine answers
// pings itself, everything else with "{}" unless told otherwise by
// "METHOD /path", without the version.
func newWire(t *testing.T, api string, answers map[string]http.HandlerFunc) (*wire, *Engine) {
	t.Helper()
	return newWireWith(t, api, answers, Options{ConfigDir: t.TempDir()})
}

func newWireWith(t *testing.T, api string, answers map[string]http.HandlerFunc, opts Options) (*wire, *Engine) {
	t.Helper()
	w := &wire{api: api, answers: answers}
	socket := filepath.Join(t.TempDir(), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(w)
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	opts.Host = "unix://" + socket
	if opts.Environ == nil {
		opts.Environ = func(string) string { return "" }
	}
	e, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return w, e
}

func (w *wire) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	w.mu.Lock()
	w.requests = append(w.requests, wireRequest{request.Method, request.URL.Path, request.URL.RawQuery, request.Header, body})
	w.mu.Unlock()
	if request.URL.Path == "/_ping" {
		answer.Header().Set("Api-Version", w.api)
		return
	}
	path := request.URL.Path
	if strings.HasPrefix(path, "/v1.") {
		path = path[strings.Index(path[1:], "/")+1:]
	}
	if handler, ok := w.answers[request.Method+" "+path]; ok {
		handler(answer, request)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(answer, "{}")
}

// lines are the requests as "METHOD /path", pings left out.
func (w *wire) lines() []string {
	var lines []string
	for _, request := range w.recorded() {
		if request.Path != "/_ping" {
			lines = append(lines, request.Method+" "+request.Path)
		}
	}
	return lines
}

func (w *wire) recorded() []wireRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// expect wants exactly these requests, pings left out.
func (w *wire) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := w.lines(); !slices.Equal(got, want) {
		t.Errorf("requests\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// reply answers with a status and a body of JSON.
func reply(status int, body string) http.HandlerFunc {
	return func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "application/json")
		answer.WriteHeader(status)
		_, _ = io.WriteString(answer, body)
	}
}

// refuse answers with the engine's form of an error.
func refusal(status int, message string) http.HandlerFunc {
	content, _ := json.Marshal(map[string]string{"message": message})
	return reply(status, string(content))
}

// query decodes the filters of a request.
func filtersOf(t *testing.T, request *http.Request) map[string]map[string]bool {
	t.Helper()
	var filters map[string]map[string]bool
	text := request.URL.Query().Get("filters")
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &filters); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", text, err))
	}
	return filters
}
