package app

import (
	"context"
	"io"

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
}

// BuildDisplay says how and where the progress of builds is shown.
type BuildDisplay struct {
	Mode string // auto, tty, plain, rawjson or quiet
	Out  io.Writer
}

// Engine is all that berth's verbs ask of a container engine.
type Engine interface {
	Endpoint() string
	Close() error
}

// App runs verbs.
type App struct {
	opt    Options
	engine Engine
}

// New returns an App. It does no I/O.
func New(opt Options) *App {
	if opt.Sink == nil {
		opt.Sink = event.Discard
	}
	return &App{opt: opt}
}
