package cli

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
	"github.com/berth-dev/berth/pkg/event"
)

// session is one run of berth: the global flags and what is made of them, each
// part when a command first asks for it.
type session struct {
	env        Env
	inv        invocation
	flags      globalFlags
	interrupts *interrupts
	running    *cobra.Command // once its flags are read

	// settings are the COMPOSE_* variables of the shell and of .env.
	settings map[string]string
	terminal *ui.Terminal
	// answerFlag answers the running command's question beforehand: --yes.
	answerFlag string
	// answer, where a flag has given it, is taken in place of the terminal's.
	answer func(question string) (bool, error)
	// foreground says that the command stays after its changes and shows more.
	foreground bool

	mu       sync.Mutex
	progress *ui.Progress
	engine   app.Engine
	giveBack func() error // gives a terminal in raw mode back
}

func newSession(env Env, inv invocation) *session {
	if env.newApp == nil {
		env.newApp = func(o app.Options) backend { return app.New(o) }
	}
	s := &session{env: env, inv: inv}
	s.flags.docker.Connection = inv.docker
	s.flags.docker.debug = inv.debug
	return s
}

// project is what the global flags say about the project.
func (s *session) project() app.ProjectOptions {
	f := &s.flags
	return app.ProjectOptions{
		Files: f.files, EnvFiles: f.envFiles, Profiles: f.profiles, Name: f.name, Dir: f.dir,
		AllResources: f.allResources, Insecure: f.insecure,
		Compatibility: f.compatibility || truthy(s.settings["COMPOSE_COMPATIBILITY"]),
	}
}

// term is the terminal with --ansi and the settings applied.
func (s *session) term() (ui.Terminal, error) {
	if s.terminal != nil {
		return *s.terminal, nil
	}
	t := ui.Detect(s.setting, s.env.Stdin, s.env.Stdout, s.env.Stderr)
	mode := ui.ANSI(s.flags.ansi)
	if !s.flags.ansiGiven {
		mode = ui.ANSI(s.setting("COMPOSE_ANSI"))
	}
	if s.flags.noANSI {
		mode = ui.ANSINever
	}
	t, err := t.WithANSI(mode)
	if err != nil {
		return t, err
	}
	s.terminal = &t
	return t, nil
}

// setting reads a variable of the settings, else of the environment.
func (s *session) setting(key string) string {
	if v, ok := s.settings[key]; ok {
		return v
	}
	return s.lookup(key)
}

// settingsReader gives the COMPOSE_* variables of the shell and of .env.
type settingsReader interface {
	Settings(app.ProjectOptions) (map[string]string, error)
}

// loadSettings reads the settings and completes the global flags by them; flags
// that were given stay.
func (s *session) loadSettings() error {
	options, err := s.appOptions()
	if err != nil {
		return err
	}
	s.settings, err = s.env.newApp(options).Settings(s.project())
	if err != nil {
		return err
	}
	return s.flags.complete(s.settings)
}

// appOptions are the parts of the options that need neither settings nor a
// terminal.
func (s *session) appOptions() (app.Options, error) {
	dir, err := s.env.WorkDir()
	if err != nil {
		return app.Options{}, fmt.Errorf("find the working directory: %w", err)
	}
	return app.Options{
		Environ: s.env.Environ, WorkDir: dir, Stdin: s.env.Stdin,
		Version: s.env.Version, Parallel: s.flags.parallel, Engine: s.openEngine,
	}, nil
}

// openEngine connects for the first verb that needs an engine and remembers
// the connection, to close it at the end.
func (s *session) openEngine() (app.Engine, error) {
	e, err := s.env.Engine(s.flags.docker.Connection)
	if err == nil {
		s.debugEngine(e)
		s.mu.Lock()
		s.engine = e
		s.mu.Unlock()
	}
	return e, err
}

// open makes the use-cases a command calls, with a display of their progress
// under the title.
func open[A any](s *session, title string) (A, error) {
	var none A
	options, err := s.appOptions()
	if err != nil {
		return none, err
	}
	t, err := s.term()
	if err != nil {
		return none, err
	}
	progress, err := ui.NewProgress(ui.Mode(s.flags.progress), t, ui.ProgressOptions{Title: title, Foreground: s.foreground})
	if err != nil {
		return none, err
	}
	s.mu.Lock()
	s.progress = progress
	s.mu.Unlock()
	options.Sink = s.sink(progress)
	options.Confirm = s.confirm
	options.Build = buildDisplay(progress.Mode(), t)
	use, ok := any(s.env.newApp(options)).(A)
	if !ok { // backend lacks the interface that the command asks for
		return none, fmt.Errorf("berth %s is not wired up: this is a bug in berth", title)
	}
	return use, nil
}

// sink is where events go. What is said after an interruption is about the stop,
// which has a view of its own.
func (s *session) sink(progress *ui.Progress) event.Sink {
	if !s.foreground {
		return progress
	}
	return event.SinkFunc(func(e event.Event) {
		if e.Kind == event.KindNotice && s.interrupts.interrupted() {
			progress.EndView()
		}
		progress.Emit(e)
	})
}

// buildDisplay shows builds the way the rest of the progress is shown. Plain
// build output goes to standard output, as docker compose has it.
func buildDisplay(mode ui.Mode, t ui.Terminal) app.BuildDisplay {
	switch mode {
	case ui.ModeJSON, ui.ModeTTY: // the steps are events, which the progress shows
		return app.BuildDisplay{Mode: "json", Out: t.Err}
	case ui.ModeQuiet:
		return app.BuildDisplay{Mode: "quiet", Out: t.Err} // only what a failed step printed
	}
	return app.BuildDisplay{Mode: "plain", Out: t.Out}
}

// endProgress ends the display before output of another kind follows.
func (s *session) endProgress() error {
	s.mu.Lock()
	p := s.progress
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Close()
}

// close ends the display and the connection and gives the terminal back.
func (s *session) close() error {
	err := s.endProgress()
	s.mu.Lock()
	e, giveBack := s.engine, s.giveBack
	s.engine, s.giveBack = nil, nil
	s.mu.Unlock()
	if giveBack != nil {
		if restoreErr := giveBack(); err == nil {
			err = restoreErr
		}
	}
	if e == nil {
		return err
	}
	if closeErr := e.Close(); err == nil {
		err = closeErr
	}
	return err
}

// run is what a command does with its request. Constructors of commands take
// one, so that tests see the request; nil stands for the real thing.
type run[R any] func(context.Context, R) error

// direct is the run of a command that only calls a use-case.
func direct[A, R any](s *session, title string, call func(A, context.Context, R) error) run[R] {
	return func(ctx context.Context, r R) error {
		use, err := open[A](s, title)
		if err != nil {
			return err
		}
		return call(use, ctx, r)
	}
}

// shown is the run of a command that shows what a use-case returns.
func shown[A, R any](s *session, title string, show func(context.Context, *session, A, R) error) run[R] {
	return func(ctx context.Context, r R) error {
		use, err := open[A](s, title)
		if err != nil {
			return err
		}
		return show(ctx, s, use, r)
	}
}

// or returns the first run that is given.
func (r run[R]) or(other run[R]) run[R] {
	if r != nil {
		return r
	}
	return other
}

// print writes text to standard output.
func (s *session) print(text string) error {
	t, err := s.term()
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.Out, text)
	return err
}

// warn tells something that stops nothing.
func (s *session) warn(text string) {
	if t, err := s.term(); err == nil { // a bad --ansi has ended the command before
		ui.Warning(t, text)
	}
}

// silentApp makes use-cases that show nothing and ask nothing.
func (s *session) silentApp() (backend, error) {
	options, err := s.appOptions()
	options.Sink = event.Discard
	return s.env.newApp(options), err
}
