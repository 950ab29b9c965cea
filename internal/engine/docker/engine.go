package docker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/docker/client"

	"github.com/berth-dev/berth/internal/engine"
)

// MinimumAPI is the oldest Engine API version berth speaks: Docker 20.10.
const MinimumAPI = "1.41"

// Engine talks to one Docker Engine. It is safe for concurrent use; all
// requests share one connection pool.
type Engine struct {
	cli      *client.Client
	endpoint string
	context  string
	pinned   bool // DOCKER_API_VERSION was given
	config   *configfile.ConfigFile
	readFile func(string) ([]byte, error)
	beat     *pulse
	warnings []string

	// dialFailure is why the last connection could not be opened; nil if it was.
	dialFailure atomic.Pointer[error]
	facts       struct {
		sync.Mutex
		known *engineFacts
	}
}

// Endpoint is the engine's address in the form of DOCKER_HOST.
func (e *Engine) Endpoint() string { return e.endpoint }

// Context is the name of the Docker context in use, "default" for none.
func (e *Engine) Context() string { return e.context }

// Warnings are what is wrong with the configuration and stops nothing.
func (e *Engine) Warnings() []string { return e.warnings }

// Close closes idle connections; streams that are open stay open.
func (e *Engine) Close() error { return e.cli.Close() }

// APIVersion is the version in use, negotiated with one request unless an
// earlier request has done that already.
func (e *Engine) APIVersion(ctx context.Context) (string, error) {
	if err := e.ready(ctx, "negotiate the API version", ""); err != nil {
		return "", err
	}
	return e.cli.ClientVersion(), nil
}

// ready negotiates the API version on first use. Each request calls it first:
// the client library would go on with a wrong version after a failed ping.
func (e *Engine) ready(ctx context.Context, op, name string) error {
	err := e.cli.NewVersionError(ctx, "1.0", "connection")
	if err != nil {
		return e.fail(ctx, op, name, err)
	}
	if !e.pinned && olderThan(e.cli.ClientVersion(), MinimumAPI) {
		return &engine.Error{Op: op, Name: name, Kind: engine.ErrUnsupported, Text: fmt.Sprintf(
			"the Docker engine at %s speaks API %s; API %s (Docker 20.10) or newer is needed", e.endpoint, e.cli.ClientVersion(), MinimumAPI)}
	}
	return nil
}

// Info asks for the engine's version, in one request.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	const op = "ask for the version"
	if err := e.ready(ctx, op, ""); err != nil {
		return engine.Info{}, err
	}
	v, err := e.cli.ServerVersion(ctx)
	if err != nil {
		return engine.Info{}, e.fail(ctx, op, "", err)
	}
	return engine.Info{
		Endpoint: e.endpoint, Version: v.Version, APIVersion: e.cli.ClientVersion(), MinAPI: v.MinAPIVersion,
		JoinsLoseMAC: !olderThan(e.cli.ClientVersion(), "1.44"),
		OS:           v.Os, Arch: v.Arch, KernelVer: v.KernelVersion,
		GitCommit: v.GitCommit, GoVersion: v.GoVersion, BuildTime: v.BuildTime,
	}, nil
}
