package arch_test

// row says what a package's code, its tests excepted, may import.
type row struct {
	// ours are packages of this module, from its root.
	ours []string
	// others are third-party import paths; what is below one is allowed too.
	others []string
	// never are packages of the standard library that would break what the
	// package promises, such as purity.
	never []string
}

// Import paths that several rows name.
const (
	composeTypes = "github.com/compose-spec/compose-go/v2/types"
	composeGo    = "github.com/compose-spec/compose-go/v2"
	dockerCLI    = "github.com/docker/cli/cli"
	errgroup     = "golang.org/x/sync/errgroup"
	term         = "github.com/moby/term"
	units        = "github.com/docker/go-units"
	platforms    = "github.com/containerd/platforms"
	reference    = "github.com/distribution/reference"
	imageSpec    = "github.com/opencontainers/image-spec/specs-go"
	digest       = "github.com/opencontainers/go-digest"
	logrus       = "github.com/sirupsen/logrus"
)

// io is what a package that works everything out from its arguments leaves alone.
func io() []string { return []string{"os", "net", "log", "context", "os/exec", "net/http"} }

// table is section "Packages" of docs/architecture.md. Data flows one way:
//
//	files -> project -> desired ---.
//	                                plan -> execute -> engine
//	engine -> actual --------------'
func table() map[string]row {
	return merge(program(), stages(), engines(), forOthers(), forTests())
}

// program is what a person's command line goes through.
func program() map[string]row {
	return map[string]row{
		"cmd/berth": {ours: []string{"internal/cli", "internal/app", "internal/engine/docker"}},
		"internal/cli": {
			// logs: the sinks that up and logs write lines through.
			ours:   []string{"internal/app", "internal/ui", "internal/logs", "internal/engine", "pkg/event", "pkg/labels"},
			others: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", term, "golang.org/x/sys"},
		},
		"internal/ui": {
			ours: []string{"internal/engine", "pkg/event"},
			others: []string{
				dockerCLI + "/command/formatter/tabwriter", "github.com/docker/cli/templates", reference, units, term,
				"github.com/mattn/go-runewidth",
			},
			never: []string{"net/http", "os/exec"},
		},
		"internal/app": {
			ours: []string{
				"internal/actual", "internal/build", "internal/desired", "internal/engine", "internal/execute",
				"internal/lock", "internal/logs", "internal/plan", "internal/preflight", "internal/project",
				"internal/provider", "internal/remote", "internal/viz", "internal/watch", "pkg/event", "pkg/labels",
			},
			others: []string{
				composeTypes, composeGo + "/dotenv", composeGo + "/format", errgroup, term,
				"github.com/mattn/go-shellwords", "github.com/moby/go-archive", platforms,
			},
			never: []string{"log", "net/http"},
		},
	}
}

// stages are what a verb is made of, in the order in which data passes them.
func stages() map[string]row {
	return map[string]row{
		"internal/project": {
			ours: []string{"internal/confighash"},
			others: []string{
				composeGo, "github.com/joho/godotenv", "go.yaml.in/yaml/v4", reference, digest, logrus,
			},
			never: []string{"net", "net/http"},
		},
		"internal/confighash": {others: []string{composeTypes}, never: io()},
		"internal/desired": {
			ours: []string{"internal/confighash", "internal/engine", "pkg/labels"}, others: []string{composeTypes}, never: io(),
		},
		"internal/actual": {
			ours: []string{"internal/engine", "pkg/labels"}, others: []string{errgroup}, never: []string{"os", "net", "log"},
		},
		"internal/plan": {
			ours:   []string{"internal/desired", "internal/actual", "internal/engine", "pkg/graph", "pkg/labels"},
			others: []string{composeTypes}, never: io(),
		},
		"internal/preflight": {ours: []string{"internal/plan", "internal/engine", "pkg/labels"}, others: []string{composeTypes}},
		"internal/execute": {
			ours:  []string{"internal/confighash", "internal/plan", "internal/engine", "pkg/event", "pkg/graph", "pkg/labels"},
			never: []string{"os", "net", "log", "os/exec"},
		},
		"internal/provider": {
			ours: []string{"internal/engine", "pkg/event"}, others: []string{composeTypes}, never: []string{"net", "net/http"},
		},
		"internal/remote": {
			others: []string{
				composeGo + "/loader", composeGo + "/template", "go.yaml.in/yaml/v4", "oras.land/oras-go/v2",
				"github.com/moby/buildkit/frontend/dockerfile/dfgitutil", dockerCLI + "/config", reference, imageSpec, digest,
			},
		},
		"internal/viz": {others: []string{composeTypes, "github.com/mattn/go-runewidth"}, never: io()},
		"internal/watch": {
			ours:   []string{"pkg/event"},
			others: []string{composeTypes, "github.com/fsnotify/fsnotify", "github.com/moby/patternmatcher"},
			never:  []string{"net", "net/http"},
		},
		"internal/lock": {others: []string{"github.com/gofrs/flock"}, never: []string{"net", "net/http"}},
		"internal/logs": {
			ours: []string{"internal/engine", "pkg/labels"}, others: []string{errgroup},
			never: []string{"net", "net/http", "log"},
		},
		"internal/build": {
			ours: []string{"internal/engine", "pkg/event"},
			others: []string{
				composeTypes, errgroup, reference, imageSpec, digest, logrus, dockerCLI + "/config",
				"github.com/moby/buildkit", "github.com/tonistiigi/fsutil", "github.com/containerd/containerd/v2",
				"github.com/moby/docker-image-spec", "github.com/moby/patternmatcher",
			},
		},
	}
}

// engines are the values shared about engines, the adapter, and the engine in memory.
func engines() map[string]row {
	return map[string]row{
		"internal/engine": {others: []string{composeTypes}, never: io()},
		"internal/engine/docker": {
			ours: []string{"internal/engine", "pkg/labels"},
			others: []string{
				"github.com/docker/docker", "github.com/docker/go-connections", "github.com/containerd/errdefs",
				platforms, dockerCLI + "/config", dockerCLI + "/connhelper",
				dockerCLI + "/context", composeTypes, reference, imageSpec,
			},
		},
		"internal/engine/enginetest": {
			ours: []string{"internal/engine"}, others: []string{composeTypes, reference, units},
			never: []string{"net/http", "os/exec"},
		},
	}
}

// forOthers are the packages that other programs may use, and the example.
func forOthers() map[string]row {
	return map[string]row{
		"pkg/graph":           {others: []string{errgroup}, never: []string{"os", "net", "log"}},
		"pkg/event":           {never: io()},
		"pkg/labels":          {never: io()},
		"examples/quickstart": {},
	}
}

// forTests are packages without code of their own, and what tests run on.
func forTests() map[string]row {
	return map[string]row{
		"internal/arch":              {},
		"internal/convergence":       {},
		"internal/e2e":               {},
		"internal/imagetest":         {},
		"internal/dropin":            {},
		"internal/testengine":        {others: []string{"github.com/rogpeppe/go-internal/lockedfile"}},
		"internal/testengine/app":    {},
		"internal/testengine/bench":  {ours: []string{"internal/testengine", "internal/testengine/proxy"}},
		"internal/testengine/find":   {ours: []string{"internal/testengine"}},
		"internal/testengine/proxy":  {},
		"internal/testengine/report": {},
	}
}

func merge(parts ...map[string]row) map[string]row {
	out := map[string]row{}
	for _, part := range parts {
		for pkg, r := range part {
			out[pkg] = r
		}
	}
	return out
}
