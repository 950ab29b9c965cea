// Package execute carries out plans: it walks the graph of operations through
// its own narrow view of an engine, waits where the plan says so, and tells what
// happens as events. It decides nothing: what is to be done, and why, is the
// plan's.
package execute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/graph"
)

// mutationLimit bounds one changing request, so that an engine that hangs does
// not hold the command for ever. Stops add their own grace period.
const mutationLimit = 2 * time.Minute

// Containers is what running containers asks of an engine.
type Containers interface {
	CreateContainer(ctx context.Context, spec engine.ContainerSpec) (engine.CreatedContainer, error)
	CopyFiles(ctx context.Context, id string, files []engine.File) error
	StartContainer(ctx context.Context, id string) error
	RenameContainer(ctx context.Context, id, name string) error
	RemoveContainer(ctx context.Context, id string, opt engine.RemoveOptions) error
}

// Signals is what stopping and freezing containers asks of an engine.
type Signals interface {
	StopContainer(ctx context.Context, id string, opt engine.StopOptions) error
	RestartContainer(ctx context.Context, id string, opt engine.StopOptions) error
	KillContainer(ctx context.Context, id, signal string) error
	PauseContainer(ctx context.Context, id string) error
	UnpauseContainer(ctx context.Context, id string) error
}

// Resources is what networks, volumes and images ask of an engine.
type Resources interface {
	CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (string, error)
	RemoveNetwork(ctx context.Context, id string) error
	CreateVolume(ctx context.Context, spec engine.VolumeSpec) (string, error)
	RemoveVolume(ctx context.Context, name string, force bool) error
	RemoveImage(ctx context.Context, ref string, force bool) error
}

// Endpoints is what joining containers to networks asks of an engine.
type Endpoints interface {
	ConnectNetwork(ctx context.Context, networkID, containerID string, e engine.Endpoint) error
	DisconnectNetwork(ctx context.Context, networkID, containerID string, force bool) error
	Exec(ctx context.Context, id string, spec engine.ExecSpec, streams engine.Streams) (int, error)
}

// Watcher is what waiting asks of an engine.
type Watcher interface {
	Events(ctx context.Context, filter engine.EventFilter) (engine.EventStream, error)
	Containers(ctx context.Context, filter engine.ContainerFilter) ([]engine.Container, error)
	InspectContainer(ctx context.Context, id string) (engine.ContainerDetail, error)
	Logs(ctx context.Context, id string, opt engine.LogOptions, stdout, stderr io.Writer) error
	Endpoint() string
}

// Engine is everything a plan may need.
type Engine interface {
	Containers
	Signals
	Resources
	Endpoints
	Watcher
}

// Provider brings services up and takes them down that have no containers. Up
// returns the variables it offers to dependent services.
type Provider interface {
	Provide(ctx context.Context, project, service string, config engine.Provider, action string) (map[string]string, error)
}

// Options steer Run.
type Options struct {
	// Parallel is how many requests run at the same time; 0 or less: no limit.
	Parallel int
	Sink     event.Sink
	// KeepGoing goes on with independent operations after a failure.
	KeepGoing bool
	// WaitTimeout bounds all waiting from the beginning of the run; 0: no bound.
	WaitTimeout time.Duration
	Provider    Provider
	// BeforeReady is called before the final wait for readiness: nothing is
	// changed from then on.
	BeforeReady func()
	// DryRun tells what would happen and does nothing.
	DryRun bool
}

// Result is what a run did.
type Result struct {
	// Containers maps node IDs of creations to the containers' IDs.
	Containers map[string]string
	// Changed tells whether any operation was carried out.
	Changed  bool
	Outcomes map[string]graph.Outcome
	// Rollback are the services whose update is to be taken back: the containers
	// that it has kept are still there.
	Rollback []string
	// Renewed are the services of which a container has been replaced.
	Renewed map[string]bool
}

// Run carries out a plan. The error names root causes only; it is the
// context's when the run was interrupted.
func Run(ctx context.Context, p *plan.Plan, e Engine, opt Options) (*Result, error) {
	if opt.Sink == nil {
		opt.Sink = event.Discard
	}
	r := &run{
		p: p, e: e, opt: opt, ids: map[string]string{}, env: map[string]map[string]string{},
		begun: map[string]bool{}, told: map[string]bool{}, now: time.Now,
		counted: map[string]error{}, good: map[string]bool{}, bad: map[string]map[string]error{}, rollback: map[string]bool{}, continued: map[string]*UpdateError{},
	}
	r.unchanged()
	if p.Empty() {
		return &Result{Containers: r.ids}, nil
	}
	if opt.DryRun {
		return &Result{Containers: r.ids}, r.rehearse()
	}
	timed := ctx
	if opt.WaitTimeout > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeoutCause(ctx, opt.WaitTimeout, errWaitTimeout)
		defer cancel()
	}
	waitCtx, stopWaiting := context.WithCancelCause(timed)
	defer stopWaiting(nil)
	r.waitCtx, r.checkCtx, r.stopWaiting = waitCtx, timed, stopWaiting
	watchCtx, stopWatch := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatch()
	r.watch = newWatch(e, p.Project)
	if needsEvents(p) {
		go r.watch.run(watchCtx)
	} else {
		r.watch.disable()
	}
	outcomes := p.Graph().Walk(ctx, graph.WalkOptions{
		Limit: opt.Parallel, Free: r.isWait, KeepGoing: opt.KeepGoing, Finish: r.mustFinish,
	}, r.node)
	cleanupErr := r.cleanup(ctx, outcomes)
	result := &Result{
		Containers: r.ids, Changed: true, Outcomes: outcomes, Rollback: slices.Sorted(maps.Keys(r.rollback)), Renewed: r.renewed(outcomes),
	}
	return result, r.verdict(ctx, outcomes, cleanupErr)
}

// run is the state of one Run.
type run struct {
	p   *plan.Plan
	e   Engine
	opt Options
	now func() time.Time

	waitCtx context.Context //nolint:containedctx // ends with Run, as all the rest here does
	// checkCtx is that of the checks of updates: a failure elsewhere does not end it.
	checkCtx    context.Context //nolint:containedctx // ends with Run too
	stopWaiting context.CancelCauseFunc
	watch       *watch

	mu    sync.Mutex
	ids   map[string]string            // creation node -> container ID
	env   map[string]map[string]string // provider service -> its variables
	begun map[string]bool              // units past the point of no return
	told  map[string]bool              // warnings, each told once
	// counted are failures that count against an update, by the container's final
	// name; bad the containers that were not good, by service and final name;
	// rollback the services whose update is to be taken back; continued the updates
	// that went on although too much had failed.
	counted   map[string]error
	good      map[string]bool // by final name: found good by a check
	bad       map[string]map[string]error
	rollback  map[string]bool
	continued map[string]*UpdateError

	// alone is held by whatever must run while no container starts, stops or goes.
	alone sync.RWMutex
}

func needsEvents(p *plan.Plan) bool {
	found := false
	nodes, err := p.Nodes()
	if err != nil {
		return false
	}
	for _, n := range nodes {
		if _, ok := n.Op.(plan.Wait); ok {
			found = true
		}
	}
	return found
}

func (r *run) isWait(id string) bool {
	switch r.p.Graph().Value(id).Op.(type) {
	case plan.Wait, plan.Delay:
		return true
	}
	return false
}

// mustFinish tells whether a node belongs to a replacement that has passed the
// point of no return and so is carried through.
func (r *run) mustFinish(id string) bool {
	n := r.p.Graph().Value(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	return n.Committing && r.begun[n.Unit]
}

// node carries out one node and tells of it.
func (r *run) node(ctx context.Context, _ string, n *plan.Node) error {
	if n.Committing {
		r.mu.Lock()
		r.begun[n.Unit] = true
		r.mu.Unlock()
	}
	steps := stepsOf(n.Op)
	r.emit(n, steps, steps.begin, event.Working, "")
	err := r.do(ctx, n)
	switch {
	case err == nil:
		r.emit(n, steps, steps.end, steps.phase(), "")
	case errors.Is(err, errKept):
		r.emit(n, steps, event.Skipped, event.Warn, "it is in use")
		return nil
	case errors.Is(err, errWaitGivenUp), interrupted(ctx, err):
	default:
		err = r.explain(n, err)
		r.emit(n, steps, event.Error, event.Failed, reason(err))
		if n.Counted {
			r.count(n, err)
			return nil
		}
		err = inService(n, err)
		if !r.opt.KeepGoing {
			r.stopWaiting(errWaitGivenUp)
		}
	}
	return err
}

// explain says of an engine's refusal what the engine does not know: the
// container's name, and that it is the engine that has not answered.
func (r *run) explain(n *plan.Node, err error) error {
	if errors.Is(err, context.DeadlineExceeded) { // no request of ours has another limit
		err = unanswered(mutationLimit)
	}
	if errors.Is(err, errUnanswered) {
		err = &engine.Error{Op: n.Op.String(), Kind: engine.ErrUnreachable, Text: err.Error()}
	}
	if ref, ok := containerOf(n.Op); ok {
		err = named(err, ref.Name, r.resolve(ref))
	}
	return err
}

// inService puts the service in front of a refusal.
func inService(n *plan.Node, err error) error {
	var (
		wait   *WaitError
		update *UpdateError
	)
	if n.Service == "" || errors.As(err, &wait) || errors.As(err, &update) {
		return err
	}
	return fmt.Errorf("service %s: %w", n.Service, err)
}

// named puts a container's name into a refusal in the place of its ID.
func named(err error, name, id string) error {
	refused, ok := err.(*engine.Error) //nolint:errorlint // what wraps it would be lost
	if !ok || id == "" {
		return err
	}
	renamed := *refused
	for _, shown := range []string{id, engine.ShortIDs(id)} {
		renamed.Name = strings.ReplaceAll(renamed.Name, shown, name)
	}
	return &renamed
}

// reason is what a status line adds to the resource and the word Error: the
// engine's words without what was asked of whom. The run's error has it all.
func reason(err error) string {
	if refused, ok := err.(*engine.Error); ok { //nolint:errorlint // what wraps it says more
		return refused.Text
	}
	return err.Error()
}

// verdict is the run's error: the interruption, or the root causes.
func (r *run) verdict(ctx context.Context, outcomes map[string]graph.Outcome, more error) error {
	var errs []error
	nodes, err := r.p.Nodes()
	if err != nil {
		return err
	}
	for _, n := range nodes {
		o := outcomes[n.ID]
		if o.State == graph.Failed && !errors.Is(o.Err, errWaitGivenUp) && !interrupted(ctx, o.Err) {
			errs = append(errs, o.Err)
		}
	}
	for _, service := range slices.Sorted(maps.Keys(r.continued)) {
		errs = append(errs, r.continued[service])
	}
	if more != nil {
		errs = append(errs, more)
	}
	if ctx.Err() != nil {
		errs = append([]error{context.Cause(ctx)}, errs...)
	}
	return errors.Join(errs...)
}

func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err()))
}

// resolve gives the ID of a container.
func (r *run) resolve(ref plan.Ref) string {
	if ref.From == "" {
		return ref.ID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[ref.From]
}

// unchanged tells of the containers that run as they should.
func (r *run) unchanged() {
	for _, ref := range r.p.Unchanged {
		if r.p.Resting[ref.ID] {
			continue
		}
		r.opt.Sink.Emit(event.Event{
			Version: event.Version, Time: r.now(), Kind: event.KindStatus, Project: r.p.Project,
			Resource: event.Container, Name: ref.Name, Service: ref.Service, Status: event.Running, Phase: event.Done,
			DryRun: r.opt.DryRun,
		})
	}
}

// rehearse tells what the plan would do, in order, without doing it.
func (r *run) rehearse() error {
	nodes, err := r.p.Nodes()
	if err != nil {
		return err
	}
	for _, n := range nodes {
		steps := stepsOf(n.Op)
		r.emit(n, steps, steps.begin, event.Working, "")
		r.emit(n, steps, steps.end, steps.phase(), "")
	}
	return nil
}
