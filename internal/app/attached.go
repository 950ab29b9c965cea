package app

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/internal/project"
)

const (
	// lastWords is how long output is still awaited that was written before a
	// failure.
	lastWords = 300 * time.Millisecond
	// verdictLimit is how long the exit behind a failed start is awaited.
	verdictLimit = 2 * time.Second
)

// AttachRequest says what an attached up shows, and when it ends.
type AttachRequest struct {
	// AbortOnExit stops everything when any container ends, AbortOnFailure when
	// one ends with another code than 0.
	AbortOnExit, AbortOnFailure bool
	// ExitCodeFrom is the service whose exit code is the command's; it implies
	// AbortOnExit.
	ExitCodeFrom string
	// Attach restricts what is shown to these services, NoAttach leaves some
	// out, AttachDependencies adds the services that the named ones depend on.
	Attach, NoAttach   []string
	AttachDependencies bool
	// Tail is how many lines from before to show: empty for none, or "all".
	Tail string
}

// UpAttached is Up in the foreground: the output of the containers goes to the
// sink until all have ended, or an interrupt stops them. It returns 130 after
// an interrupt, the exit code the request asks for, or else 0.
func (a *App) UpAttached(ctx context.Context, r UpRequest, at AttachRequest, sink LogSink, c Control) (int, error) {
	if from := at.ExitCodeFrom; from != "" {
		at.AbortOnExit = true
		if len(r.Services) > 0 && !contains(r.Services, from) {
			r.Services = append(append([]string(nil), r.Services...), from)
		}
	}
	s, p, err := a.decide(ctx, r)
	if err != nil {
		return 1, err
	}
	defer s.release()
	f, err := newForeground(a, s, p, at)
	if err != nil {
		return 1, err
	}
	if r.DryRun || s.request.NoStart { // there will be nothing to show
		_, err := a.carryOut(ctx, s, p)
		return 0, err
	}
	f.control, f.sink = c, sink
	return f.run(ctx)
}

// foreground is one attached up.
type foreground struct {
	app     *App
	state   *upState
	plan    *plan.Plan
	request AttachRequest
	control Control
	sink    LogSink
	// watched are the services whose exits count and whose containers are
	// awaited, shown those whose output goes to the sink, owned those that an
	// interrupt stops: the watched ones and what this command has started.
	watched, shown, owned map[string]bool

	settled  func() // nothing more will be started
	stopping func()
	over     atomic.Bool   // stopping has begun
	abort    chan struct{} // closed by the exit that ends everything
	ended    chan struct{} // closed when reading has ended, with readErr set
	readErr  error

	mu      sync.Mutex
	aborted bool
	first   logs.Exit // the one that ended everything
	code    int
	known   bool // code is of the service it is to be from
}

// newForeground works out which services are watched, shown and owned.
func newForeground(a *App, s *upState, p *plan.Plan, at AttachRequest) (*foreground, error) {
	f := &foreground{
		app: a, state: s, plan: p, request: at, abort: make(chan struct{}), ended: make(chan struct{}),
		watched: map[string]bool{}, shown: map[string]bool{}, owned: map[string]bool{},
	}
	names := s.loaded.Project.ServiceNames()
	for _, list := range [][]string{at.Attach, at.NoAttach, {at.ExitCodeFrom}} {
		for _, name := range list {
			if name != "" && !contains(names, name) {
				return nil, project.NoSuchService(name, names)
			}
		}
	}
	for _, svc := range s.desired.Services {
		named := len(s.request.Services) == 0 || contains(s.request.Services, svc.Name)
		f.watched[svc.Name] = named
		f.owned[svc.Name] = named
		f.shown[svc.Name] = shows(at, svc, named)
	}
	nodes, err := p.Nodes()
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if _, ok := n.Op.(plan.Start); ok {
			f.owned[n.Service] = true
		}
	}
	return f, nil
}

// shows tells whether a service's output is shown.
func shows(at AttachRequest, svc desired.Service, named bool) bool {
	if contains(at.NoAttach, svc.Name) {
		return false
	}
	if len(at.Attach) > 0 {
		return contains(at.Attach, svc.Name)
	}
	if svc.Config.Attach != nil && !*svc.Config.Attach {
		return false
	}
	return named || at.AttachDependencies
}

// run reads the output while the plan is carried out, and until the end.
func (f *foreground) run(ctx context.Context) (int, error) {
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		stopReading()
		<-f.ended
	}()
	ready := f.read(reading)
	select {
	case <-ready:
	case <-f.ended:
		return 1, f.readErr
	case <-ctx.Done():
		return exitInterrupted, context.Cause(ctx)
	}
	if f.control.Attaching != nil {
		f.control.Attaching(f.sources())
	}
	if err := f.start(ctx); err != nil {
		return 1, err
	}
	return f.attend(ctx)
}

// read begins to read; the channel is closed once whatever starts is seen.
func (f *foreground) read(ctx context.Context) <-chan struct{} {
	ready, settled, stopping := make(chan struct{}), make(chan struct{}), make(chan struct{})
	f.settled = sync.OnceFunc(func() { close(settled) })
	f.stopping = sync.OnceFunc(func() { close(stopping) })
	var services []string
	for name := range f.shown {
		if f.shown[name] || f.watched[name] {
			services = append(services, name)
		}
	}
	if len(services) == 0 {
		services = []string{""} // none: an empty list would mean all
	}
	opt := logs.AttachOptions{
		Project: f.state.desired.Project, Services: services, Tail: f.request.Tail,
		Show: func(service string) bool { return f.shown[service] },
		Await: func(service string) bool {
			return f.watched[service] || f.owned[service] && f.over.Load()
		},
		Ready: func() { close(ready) }, Settled: settled, Stopping: stopping, OnExit: f.exited,
	}
	go func() {
		defer close(f.ended)
		f.readErr = logs.Attached(ctx, f.state.engine, opt, f.sink)
	}()
	return ready
}

// sources are the containers whose output will be shown.
func (f *foreground) sources() []logs.Source {
	d := f.state.desired
	var out []logs.Source
	for _, svc := range d.Services {
		if !f.shown[svc.Name] || svc.Config.Provider != nil {
			continue
		}
		for n := 1; n <= svc.Scale; n++ {
			spec := svc.Replica(n)
			out = append(out, logs.SourceOf(engine.Container{Name: spec.Name, Labels: spec.Labels}))
		}
	}
	return out
}

// start carries out the plan. An interrupt, an exit that aborts and the end of
// reading are no errors of it: they are seen again by attend.
func (f *foreground) start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-f.abort:
		case <-f.ended:
		case <-ctx.Done():
		}
		cancel()
	}()
	_, err := f.app.carryOut(ctx, f.state, f.plan)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	if f.aborts() { // the failure may be the exit that aborts
		select {
		case <-f.abort:
			return nil
		case <-time.After(verdictLimit):
		}
	}
	f.settled()
	select {
	case <-f.ended:
	case <-time.After(lastWords):
	}
	return err
}

func (f *foreground) aborts() bool { return f.request.AbortOnExit || f.request.AbortOnFailure }

// attend waits for the end.
func (f *foreground) attend(ctx context.Context) (int, error) {
	if ctx.Err() == nil && !closed(f.abort) {
		f.settled()
		f.state.release()
	}
	select {
	case <-f.ended:
	case <-f.abort:
	case <-ctx.Done():
	case <-f.control.Detach:
		return 0, nil
	}
	switch {
	case ctx.Err() != nil:
		f.app.notice("Gracefully stopping... (press Ctrl+C again to force)")
		return exitInterrupted, f.stop(ctx)
	case closed(f.abort):
		f.app.notice("Aborting on container exit...")
		err := f.stop(ctx)
		return f.exitCode(ctx), err
	case f.readErr == nil:
		return 0, nil
	case errors.Is(f.readErr, engine.ErrUnreachable):
		return 1, f.readErr
	}
	// Nobody reads the output any more.
	return 1, errors.Join(f.readErr, f.stop(ctx))
}

// exited takes notice of the end of a container.
func (f *foreground) exited(e logs.Exit) {
	if e.Restarting || !f.watched[e.Service] {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.request.ExitCodeFrom
	if e.Service == from && !f.known {
		f.code, f.known = e.Code, true
	}
	if f.aborted || !f.aborts() || f.request.AbortOnFailure && e.Code == 0 || e.Code == 0 && e.Service != from && f.awaited(e.Service) {
		return
	}
	f.aborted, f.first = true, e
	if from == "" {
		f.code, f.known = e.Code, true
	}
	close(f.abort)
}

// awaited tells whether some service starts only once this one has completed:
// then its end is a beginning.
func (f *foreground) awaited(service string) bool {
	for _, svc := range f.state.desired.Dependents(service) {
		for _, d := range svc.DependsOn {
			if d.Service == service && d.Condition == types.ServiceConditionCompletedSuccessfully {
				return true
			}
		}
	}
	return false
}
