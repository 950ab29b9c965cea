package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/berth-dev/berth/internal/engine"
)

// Drivers of buildx instances that can be used.
const (
	driverDocker    = "docker"           // the engine's own BuildKit
	driverContainer = "docker-container" // a BuildKit in a container of the engine
	driverRemote    = "remote"           // a BuildKit at an address
)

// Builder is a buildx instance.
type Builder struct {
	Name   string
	Driver string
	Nodes  []BuilderNode
}

// BuilderNode is one BuildKit of an instance.
type BuilderNode struct {
	Name       string
	Endpoint   string
	DriverOpts map[string]string
}

// Loader takes an image archive into the engine's image store.
type Loader interface {
	LoadImage(ctx context.Context, archive io.Reader) error
}

// Execer runs a command in a container (see engine.ExecSpec).
type Execer interface {
	Exec(ctx context.Context, id string, spec engine.ExecSpec, streams engine.Streams) (exitCode int, err error)
}

// FindBuilder reads the buildx instance of that name from the docker
// configuration folder (or from $BUILDX_CONFIG, given as buildxDir, unless that
// is empty). The name "default" is the engine's own builder: nil. An unknown
// name is an error that lists the known ones.
func FindBuilder(configDir, buildxDir, name string) (*Builder, error) {
	if name == "" || name == "default" {
		return nil, nil
	}
	if buildxDir == "" {
		buildxDir = filepath.Join(configDir, "buildx")
	}
	instances := filepath.Join(buildxDir, "instances")
	if name != filepath.Base(name) || name == ".." {
		return nil, fmt.Errorf("--builder %s: not a name of a builder", name)
	}
	content, err := readLimited(filepath.Join(instances, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--builder %s: no such builder (known: %s)", name, strings.Join(knownBuilders(instances), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("--builder %s: %s", name, plain(err))
	}
	var builder Builder
	if err := json.Unmarshal(content, &builder); err != nil {
		return nil, fmt.Errorf("--builder %s: %s: %w", name, filepath.Join(instances, name), err)
	}
	switch builder.Driver {
	case driverDocker, driverContainer, driverRemote:
	default:
		return nil, fmt.Errorf("--builder %s: driver %q is not supported: use %s, %s or %s", name, builder.Driver, driverDocker, driverContainer, driverRemote)
	}
	if len(builder.Nodes) == 0 {
		return nil, fmt.Errorf("--builder %s: has no nodes", name)
	}
	return &builder, nil
}

// knownBuilders are the instances in a folder, with the one that always is.
func knownBuilders(instances string) []string {
	known := []string{"default"}
	entries, err := os.ReadDir(instances)
	if err != nil {
		return known // no folder, no instances
	}
	for _, entry := range entries {
		known = append(known, entry.Name())
	}
	return known
}

// isRemote tells whether images come out of the builder as archives, because it
// is not the engine.
func (b *Builder) isRemote() bool {
	return b != nil && b.Driver != driverDocker
}

// connect makes the client of the instance's first node.
func (b *Builder) connect(ctx context.Context, o Options) (*client.Client, error) {
	if o.Loader == nil && !o.Push {
		return nil, fmt.Errorf("--builder %s: nothing takes its images into the engine: use --push", b.Name)
	}
	node := b.Nodes[0]
	var made *client.Client
	var err error
	switch b.Driver {
	case driverRemote:
		var opts []client.ClientOpt
		if node.DriverOpts["cacert"] != "" || node.DriverOpts["cert"] != "" {
			opts = append(opts, client.WithServerConfig(node.DriverOpts["servername"], node.DriverOpts["cacert"]))
		}
		if node.DriverOpts["cert"] != "" {
			opts = append(opts, client.WithCredentials(node.DriverOpts["cert"], node.DriverOpts["key"]))
		}
		made, err = client.New(ctx, node.Endpoint, opts...)
	default:
		if o.Exec == nil {
			return nil, fmt.Errorf("--builder %s: running a command in its container is not possible here", b.Name)
		}
		made, err = client.New(ctx, "", client.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			return dialContainer(ctx, o.Exec, "buildx_buildkit_"+node.Name), nil
		}))
	}
	if err != nil {
		return nil, fmt.Errorf("--builder %s: %w", b.Name, err)
	}
	timed, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if _, err := made.ListWorkers(timed); err != nil {
		_ = made.Close() // it was never of use
		return nil, fmt.Errorf("--builder %s: %s does not answer: %s", b.Name, either(node.Endpoint, node.Name), oneLine(err))
	}
	return made, nil
}

// connectTimeout bounds the first question to a builder.
const connectTimeout = 20 * time.Second

// dialContainer is a connection to the BuildKit in a container.
func dialContainer(ctx context.Context, exec Execer, container string) net.Conn {
	near, far := net.Pipe()
	go func() {
		defer func() { _ = far.Close() }() // is nil for a pipe
		spec := engine.ExecSpec{Cmd: []string{"buildctl", "dial-stdio"}}
		// A failure ends the connection, and whoever uses it says so.
		_, _ = exec.Exec(ctx, container, spec, engine.Streams{In: far, Out: far, Err: io.Discard})
	}()
	return near
}
