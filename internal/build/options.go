package build

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/cli/config/configfile"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// Dialer opens hijacked connections to an engine.
type Dialer interface {
	// Dial asks the engine for path ("/grpc" or "/session") with an upgrade to
	// proto ("h2c") and meta as headers, and returns the raw connection.
	Dial(ctx context.Context, path, proto string, meta map[string][]string) (net.Conn, error)
}

// ClassicBuilder is the engine's builder from before BuildKit (POST /build).
type ClassicBuilder interface {
	// ClassicBuild builds one image and returns its ID. files is a tar of the
	// context, nil when build.Context is a URL that the engine fetches itself.
	// build has its arguments resolved, Dockerfile as a path inside the context,
	// Tags and Labels complete, and at most one entry in Platforms. memory is a
	// limit in bytes, 0 for none. What the builder says goes to out.
	ClassicBuild(ctx context.Context, files io.Reader, build types.BuildConfig, memory int64, out io.Writer) (imageID string, err error)
}

// Display says where and how progress is shown.
type Display struct {
	// Mode is auto, tty, plain, rawjson, quiet or json. json sends the output of
	// the steps to the event sink instead of Out; quiet shows only what a failed
	// step printed.
	Mode string
	// Out is written to by one goroutine at a time. tty needs a terminal's *os.File.
	Out io.Writer
}

// Options are what a command line adds to the build sections.
type Options struct {
	// NoCache and Pull win over the build sections' own false.
	NoCache bool
	Pull    bool
	// Args are --build-arg; they win over the build sections' args. A nil value
	// is looked up with LookupEnv.
	Args types.MappingWithEquals
	// LookupEnv gives the value of build args without one; nil knows none.
	LookupEnv func(name string) (value string, ok bool)
	// ProxyArgs are the proxy variables of the docker configuration. A target's
	// own args win over them.
	ProxyArgs map[string]string
	// Memory limits the build containers in bytes. Only the classic builder obeys it.
	Memory int64
	// SSH are --ssh values: "default" or ID=PATH[,PATH]. They win over the build
	// sections' own.
	SSH []string
	// Provenance and SBOM win over the build sections' own unless empty.
	Provenance string
	SBOM       string
	// Labels are put on every image.
	Labels map[string]string
	// Parallel limits how many images are built at a time; 0 or less: no limit.
	Parallel int
	// Stdin is the context of a target whose context is "-".
	Stdin io.Reader

	Display Display
	// Sink takes the status of images and warnings; nil drops them.
	Sink event.Sink

	// Engine is the engine that Dialer reaches; its API version tells what its
	// BuildKit can do. Zero means new.
	Engine engine.Info
	// HostGatewayIP replaces host-gateway in extra_hosts where the engine's
	// BuildKit does not name it.
	HostGatewayIP string
	// Credentials is the docker configuration file; nil loads the user's own
	// when a registry first asks for credentials.
	Credentials *configfile.ConfigFile

	// Builder is the buildx instance to use; nil is the engine's own BuildKit.
	// One that is not the engine needs Loader, and Exec when it is a container.
	Builder *Builder
	Loader  Loader
	Exec    Execer
	// Push sends the images to their registries instead of the engine. Only a
	// Builder that is not the engine does that; the engine's own images are
	// pushed by the engine (Result.Tags).
	Push bool

	// Classic builds where the engine has no BuildKit, or always with
	// ForceClassic (DOCKER_BUILDKIT=0).
	Classic      ClassicBuilder
	ForceClassic bool
}

// Result is a built image.
type Result struct {
	// ImageID is the ID by which the engine knows the image.
	ImageID string
	// Digest is the digest of the image's manifest, empty where the engine's
	// image store has none.
	Digest string
	// Tags are the image's names, for pushing.
	Tags []string
}

// emit sends e to the sink if there is one.
func (o Options) emit(e event.Event) {
	if o.Sink != nil {
		e.Version, e.Time = event.Version, time.Now()
		o.Sink.Emit(e)
	}
}
