package enginetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// The labels by which the list and event requests select a project, and by
// which scripts find their service. The engine itself gives them no meaning.
const (
	projectLabel = "com.docker.compose.project"
	serviceLabel = "com.docker.compose.service"
	numberLabel  = "com.docker.compose.container-number"
)

// Engine is a container engine in memory. It is safe for concurrent use. All
// of its methods that take a context count as requests to an engine; the
// others are the test's own and are recorded nowhere.
type Engine struct {
	gaps     map[string][]engine.Gap // by service; see SetGaps
	seed     string
	api      string
	endpoint string
	tick     time.Duration
	pullTime time.Duration

	closed chan struct{} // closed by Close
	closer sync.Once
	// work is goroutines to end before Close returns. No new ones begin after
	// closed, which working sees to.
	work    sync.WaitGroup
	working sync.Mutex

	mu         sync.Mutex
	serial     int // of IDs, addresses, volumes: what makes them unique
	nextPort   int // next port for a container that asks for any
	containers map[string]*container
	networks   map[string]*network
	volumes    map[string]*volume
	images     map[string]*image // by ID
	remote     map[string]engine.Image
	scripts    map[string]Script
	taken      map[portKey]string // host ports bound by a container (its ID) or by the host ("")
	writes     []Write
	events     hub
	lastMoment time.Time // given by now
	dial       func(path string) (net.Conn, error)

	trace
	faults
}

// Option sets up an engine.
type Option func(*Engine)

// APIVersion makes the engine speak that API version, such as "1.41". Without
// it, it speaks 1.51. Below 1.44 a container is created on one network, and
// each further one costs a request.
func APIVersion(version string) Option { return func(e *Engine) { e.api = version } }

// Seed makes the engine's IDs different from those of other seeds.
func Seed(seed string) Option { return func(e *Engine) { e.seed = seed } }

// Address is what [Engine.Endpoint] answers.
func Address(endpoint string) Option { return func(e *Engine) { e.endpoint = endpoint } }

// Tick makes every request take that long, before it is applied. In a synctest
// bubble this gives requests sent at the same time the same span, so that
// [Engine.LongestChain] is exact. Without it, requests take no time.
func Tick(d time.Duration) Option { return func(e *Engine) { e.tick = d } }

// PullTime is how long each pull takes.
func PullTime(d time.Duration) Option { return func(e *Engine) { e.pullTime = d } }

// WithImage puts a local image with this reference on the engine; see
// [Engine.AddImage].
func WithImage(refs ...string) Option {
	return func(e *Engine) {
		for _, ref := range refs {
			e.AddImage(engine.Image{Tags: []string{ref}})
		}
	}
}

// WithScript is [Engine.SetScript] as an option.
func WithScript(key string, script Script) Option {
	return func(e *Engine) { e.scripts[key] = script }
}

// New returns an engine that has the networks bridge, host and none, and
// nothing else. Close it when done.
func New(options ...Option) *Engine {
	e := &Engine{
		api: "1.51", endpoint: "unix:///var/run/enginetest.sock", nextPort: 49153,
		containers: map[string]*container{}, networks: map[string]*network{}, volumes: map[string]*volume{},
		images: map[string]*image{}, remote: map[string]engine.Image{}, scripts: map[string]Script{},
		taken: map[portKey]string{}, closed: make(chan struct{}),
	}
	for _, option := range options {
		option(e)
	}
	for _, name := range []string{"bridge", "host", "none"} {
		driver := name
		if name == "none" {
			driver = "null"
		}
		e.addNetwork(engine.Network{Name: name, Driver: driver, Scope: "local"})
	}
	return e
}

// Close ends every container, stream and goroutine of the engine. Requests
// sent afterwards are refused as by an engine that is gone.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.unreachable = true
	e.events.close(nil)
	for _, c := range e.containers {
		c.closeInput()
	}
	e.mu.Unlock()
	e.closer.Do(func() {
		e.working.Lock()
		defer e.working.Unlock()
		close(e.closed)
	})
	e.work.Wait()
	return nil
}

// Endpoint is the engine's address, for messages and lock keys.
func (e *Engine) Endpoint() string { return e.endpoint }

// Info describes the engine.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	var info engine.Info
	err := e.call(ctx, request{method: "Info"}, func() error {
		info = engine.Info{
			Endpoint: e.endpoint, Version: "28.5.2", APIVersion: e.api, MinAPI: "1.24",
			OS: "linux", Arch: "amd64", KernelVer: "6.1.0", GoVersion: "go1.24",
			JoinsLoseMAC: !e.apiBelow(44),
		}
		return nil
	})
	return info, err
}

// SetDial says what [Engine.Dial] answers; without it, Dial is refused as by
// an engine that has no BuildKit.
func (e *Engine) SetDial(dial func(path string) (net.Conn, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dial = dial
}

// Dial opens a raw connection to the engine, for BuildKit.
func (e *Engine) Dial(ctx context.Context, path, _ string, _ map[string][]string) (net.Conn, error) {
	var conn net.Conn
	err := e.call(ctx, request{method: "Dial", args: []string{path}}, func() (err error) {
		if e.dial == nil {
			return &engine.Error{Op: "dial", Name: path, Kind: engine.ErrUnsupported, Text: "page not found"}
		}
		conn, err = e.dial(path)
		return err
	})
	return conn, err
}

// newID is the engine's next 64-digit ID. The caller holds mu.
func (e *Engine) newID(kind string) string {
	e.serial++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", e.seed, kind, e.serial))
	return hex.EncodeToString(sum[:])
}

// spawn runs f in a goroutine that Close waits for; after Close, not at all.
func (e *Engine) spawn(f func()) {
	e.working.Lock()
	defer e.working.Unlock()
	select {
	case <-e.closed:
	default:
		e.work.Go(f)
	}
}

// apiBelow tells whether the engine's API is older than 1.minor.
func (e *Engine) apiBelow(minor int) bool {
	var major, have int
	if _, err := fmt.Sscanf(e.api, "%d.%d", &major, &have); err != nil {
		return false
	}
	return major == 1 && have < minor
}
