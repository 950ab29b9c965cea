package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/build"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/lock"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/provider"
	"github.com/berth-dev/berth/pkg/event"
)

// Options are what an App works with.
type Options struct {
	// Engine is called once, by the first verb that needs an engine.
	Engine func() (Engine, error)
	// Sink takes the progress events.
	Sink event.Sink
	// Confirm asks the person at the terminal; an error means that nobody can
	// answer.
	Confirm func(ctx context.Context, question string) (bool, error)
	Environ []string
	WorkDir string
	Stdin   io.Reader
	// Parallel bounds how many engine requests run at once; 0 or less: no limit.
	Parallel int
	Version  string
	Build    BuildDisplay
	// Command is how this command describes itself to one that waits for its
	// lock; by default the program's own arguments.
	Command string
	// LockDir is where lock files are kept; by default a folder that all users
	// of the machine share.
	LockDir string
	// Provider runs the providers of services that have no container, and the
	// models; by default the programs that the Docker CLI would run.
	Provider Provider
}

// BuildDisplay says how and where the progress of builds is shown.
type BuildDisplay struct {
	Mode string // auto, tty, plain, rawjson or quiet
	Out  io.Writer
}

// Engine is all that berth's verbs ask of a container engine.
type Engine interface {
	execute.Engine
	actual.Reader
	build.Dialer
	imageEngine
	processEngine
	archiveEngine
	Info(ctx context.Context) (engine.Info, error)
	Gaps(ctx context.Context, spec engine.ContainerSpec) ([]engine.Gap, error)
	Compare(ctx context.Context, spec engine.ContainerSpec, id string) ([]engine.Change, error)
	Close() error
}

// Provider stands behind services without containers and behind models.
type Provider interface {
	execute.Provider
	ModelEnv(ctx context.Context, p *types.Project) (map[string][]string, error)
	PrepareModels(ctx context.Context, p *types.Project) error
}

// imageEngine is what image verbs ask of an engine beside the stages' needs.
type imageEngine interface {
	InspectImage(ctx context.Context, ref string) (engine.Image, error)
	PullImage(ctx context.Context, ref string, opt engine.PullOptions) error
	PushImage(ctx context.Context, ref string, opt engine.PullOptions) error
	TagImage(ctx context.Context, source, target string) error
	ResolveDigest(ctx context.Context, ref string) (string, error)
}

// processEngine is what verbs on running processes ask of an engine.
type processEngine interface {
	Top(ctx context.Context, id string, psArgs []string) (engine.ProcessList, error)
	Attach(ctx context.Context, id string, opt engine.AttachOptions, streams engine.Streams) error
	WaitContainer(ctx context.Context, id string) (int, error)
	ResizeContainer(ctx context.Context, id string, size engine.Size) error
	Stats(ctx context.Context, id string, stream bool, each func(engine.Stats) error) error
}

// App runs verbs.
type App struct {
	opt     Options
	engine  Engine
	remotes project.Remote
	told    *sync.Map // warnings, each told once
}

// New returns an App. It does no I/O.
func New(opt Options) *App {
	if opt.Sink == nil {
		opt.Sink = event.Discard
	}
	if opt.Command == "" {
		opt.Command = commandLine(os.Args)
	}
	if opt.Provider == nil {
		opt.Provider = provider.New(provider.Options{Environ: opt.Environ, WorkDir: opt.WorkDir, Sink: opt.Sink})
	}
	if opt.LockDir == "" {
		opt.LockDir = lock.DefaultDir()
	}
	return &App{opt: opt, told: &sync.Map{}}
}

// commandLine is how a command describes itself to others: what stands behind
// an equals sign may be secret and is left out.
func commandLine(args []string) string {
	words := []string{filepath.Base(args[0])}
	for _, arg := range args[1:] {
		if name, _, ok := strings.Cut(arg, "="); ok {
			arg = name + "=..."
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// lock keeps other commands from changing the project until release is called.
// A command that has to wait says for whom. A rehearsal changes nothing and waits
// for nobody.
func (a *App) lock(ctx context.Context, project string, timeout time.Duration, rehearsal bool) (release func(), err error) {
	if rehearsal {
		return func() {}, nil
	}
	e, err := a.connect()
	if err != nil {
		return nil, err
	}
	var killed lock.Holder
	unlock, err := lock.Acquire(ctx, lock.Options{
		Dir: a.opt.LockDir, Endpoint: e.Endpoint(), Project: project, Command: a.opt.Command, Timeout: timeout,
		Waiting: func(h lock.Holder) {
			a.notice(fmt.Sprintf("project %s is being changed by %s: waiting", project, h))
		},
		Abandoned: func(h lock.Holder) { killed = h },
	})
	if err != nil {
		return nil, err
	}
	if killed.PID != 0 {
		if err := execute.Settle(ctx, e, project, killed.Since); err != nil {
			return nil, errors.Join(err, unlock())
		}
	}
	return sync.OnceFunc(func() {
		if err := unlock(); err != nil {
			a.warn("release the lock of project " + project + ": " + err.Error())
		}
	}), nil
}

// connect gives the engine, which the first call makes.
func (a *App) connect() (Engine, error) {
	if a.engine == nil {
		e, err := a.opt.Engine()
		if err != nil {
			return nil, err
		}
		a.engine = e
		if configured, ok := e.(interface{ Warnings() []string }); ok { // an engine in memory has no configuration
			a.warn(configured.Warnings()...)
		}
	}
	return a.engine, nil
}

// EngineInfo asks the engine for its version.
func (a *App) EngineInfo(ctx context.Context) (engine.Info, error) {
	e, err := a.connect()
	if err != nil {
		return engine.Info{}, err
	}
	return e.Info(ctx)
}

func (a *App) warn(texts ...string) {
	for _, text := range texts {
		if _, again := a.told.LoadOrStore(text, true); again {
			continue
		}
		a.opt.Sink.Emit(event.Event{Version: event.Version, Time: time.Now(), Kind: event.KindWarning, Text: text})
	}
}

// UsageError is a mistake in how a verb was called.
type UsageError struct{ Text string }

// Error gives the text.
func (e *UsageError) Error() string { return e.Text }
