package testengine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// ModeVariable is the environment variable that says what happens when no
// engine answers: "required" fails the test (`make test` sets it), "off"
// skips without looking, anything else skips with the reason.
const ModeVariable = "BERTH_TEST_ENGINE"

// connectTimeout bounds the first question to each candidate engine.
const connectTimeout = 5 * time.Second

// Engine is a Docker Engine that answers.
type Engine struct {
	// Host is the address in the form of DOCKER_HOST, such as
	// unix:///var/run/docker.sock.
	Host string
	// APIVersion is the newest API version that the engine speaks, such as
	// "1.41".
	APIVersion string
	// Version is the engine's own version, such as "20.10.24".
	Version string
	// OS and Arch name the platform of its containers in Go's words, such as
	// "linux" and "amd64".
	OS, Arch string
	// CgroupVersion is "1" or "2".
	CgroupVersion string
	// ID is the engine's own identity; it stays over restarts.
	ID string

	client *http.Client
	base   string
}

// connected looks for the engine once per test process.
var connected = sync.OnceValues(func() (Engine, error) { return Find(context.Background()) })

// Require returns the engine that this machine offers. Where there is none
// the test is skipped by name and reason, or failed if an engine is required
// (see [ModeVariable]).
func Require(t testing.TB) Engine {
	t.Helper()
	mode := os.Getenv(ModeVariable)
	if mode == "off" {
		t.Skipf("needs a Docker Engine, and %s=off", ModeVariable)
	}
	engine, err := connected()
	if err == nil {
		return engine
	}
	if mode == "required" {
		t.Fatalf("needs a Docker Engine, and %s=required: %v", ModeVariable, err)
	}
	t.Skipf("needs a Docker Engine (run `make engine`, or set DOCKER_HOST): %v", err)
	return Engine{}
}

// AtLeast reports whether the engine speaks the API version, such as "1.44".
func (e Engine) AtLeast(version string) bool {
	return versionNumber(e.APIVersion) >= versionNumber(version)
}

// RequireAPI is [Require], and skips the test by name if the engine's API is
// older than the version, which is a fact about the engine and no failure.
func RequireAPI(t testing.TB, version string) Engine {
	t.Helper()
	engine := Require(t)
	if !engine.AtLeast(version) {
		t.Skipf("needs Engine API %s, this engine has %s", version, engine.APIVersion)
	}
	return engine
}

// versionNumber makes "1.41" comparable; rubbish becomes 0.
func versionNumber(version string) int {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return 0
	}
	return major*1000 + minor
}

// connect asks the engine at host who it is.
func connect(ctx context.Context, host string) (Engine, error) {
	engine := Engine{Host: host}
	switch scheme, address, _ := strings.Cut(host, "://"); scheme {
	case "unix":
		engine.client, engine.base = unixClient(address), "http://engine"
	case "tcp", "http":
		engine.client, engine.base = &http.Client{}, "http://"+address
	default:
		return Engine{}, errors.New("tests reach engines over unix:// and tcp:// only")
	}
	return engine, engine.describe(ctx)
}

// unixClient returns a client whose every connection goes to the socket.
func unixClient(socket string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// describe fills in what the engine says about itself.
func (e *Engine) describe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var version struct{ Version, APIVersion, OS, Arch string }
	if err := e.do(ctx, http.MethodGet, "/version", nil, &version); err != nil {
		return err
	}
	var info struct{ ID, CgroupVersion string }
	if err := e.do(ctx, http.MethodGet, "/info", nil, &info); err != nil {
		return err
	}
	e.APIVersion, e.Version = version.APIVersion, version.Version
	e.OS, e.Arch = version.OS, version.Arch
	e.ID, e.CgroupVersion = info.ID, info.CgroupVersion
	return nil
}

// do sends one request and decodes the answer's JSON into out, if out is not
// nil and the answer has a body. A status of 400 or more is an [APIError].
func (e *Engine) do(ctx context.Context, method, path string, body io.Reader, out any) error {
	content, err := e.raw(ctx, method, path, body)
	if err != nil || out == nil || len(content) == 0 {
		return err
	}
	return json.Unmarshal(content, out)
}

// raw is do without decoding.
func (e *Engine) raw(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, e.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := e.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read to its end below; nothing can be lost
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, &APIError{Method: method, Path: path, Status: response.StatusCode, Message: message(content)}
	}
	return content, nil
}

// APIError is a refusal of the engine.
type APIError struct {
	Method, Path string
	// Status is the HTTP status, 400 or more.
	Status int
	// Message is what the engine said.
	Message string
}

// Error says what was asked and what the engine answered.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", e.Method, e.Path, e.Status, e.Message)
}

// message takes the text out of the engine's error document.
func message(content []byte) string {
	var document struct{ Message string }
	if err := json.Unmarshal(content, &document); err == nil && document.Message != "" {
		return document.Message
	}
	return strings.TrimSpace(string(content))
}

// notFound reports whether the engine answered that it has no such thing.
func notFound(err error) bool {
	var refusal *APIError
	return errors.As(err, &refusal) && refusal.Status == http.StatusNotFound
}
