package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/labels"
)

// oneOffLimit bounds creating a one-off container, and removing it.
const oneOffLimit = 2 * time.Minute

// Run runs a one-off command on a service: it starts the services it depends
// on, makes a container for the command, joins the streams to it and returns
// its exit code. When the context ends, the container is stopped. With Detach
// it writes the container's ID to streams.Out and returns.
func (a *App) Run(ctx context.Context, r RunRequest, streams engine.Streams, c Control) (int, error) {
	s, err := a.prepareRun(ctx, r)
	if err != nil {
		return 1, err
	}
	defer s.release()
	svc, ok := s.desired.Service(r.Service)
	if !ok || svc.Config.Provider != nil {
		return 1, fmt.Errorf("service %q has no container to run a command in: a provider runs it", r.Service)
	}
	provided, err := a.runDependencies(ctx, s)
	if err != nil {
		return 1, err
	}
	spec, err := a.oneOffSpec(ctx, s, svc, r)
	if err != nil {
		return 1, err
	}
	for _, d := range svc.DependsOn {
		spec.Env = append(spec.Env, provided.of(d.Service)...)
	}
	s.release()
	if r.DryRun {
		a.dry(event.Container, spec.Name, r.Service, event.Creating, event.Created)
		a.dry(event.Container, spec.Name, r.Service, event.Starting, event.Started)
		return 0, nil
	}
	o := &oneOff{app: a, request: r, spec: spec, streams: streams, control: c}
	return o.run(ctx)
}

// prepareRun loads the files, puts the request into the service, and sees to the
// images.
func (a *App) prepareRun(ctx context.Context, r RunRequest) (*upState, error) {
	e, err := a.connect()
	if err != nil {
		return nil, err
	}
	loaded, err := a.load(ctx, r.Project, []string{r.Service}, r.NoDeps)
	if err != nil {
		return nil, err
	}
	if err := a.override(loaded, r); err != nil {
		return nil, err
	}
	s := &upState{engine: e, loaded: loaded, request: UpRequest{
		Project: r.Project, Services: []string{r.Service}, NoDeps: r.NoDeps, Build: r.Build, Pull: r.Pull,
		QuietPull: r.QuietPull, QuietBuild: r.QuietBuild, RemoveOrphans: r.RemoveOrphans, IgnoreOrphans: !r.RemoveOrphans, DryRun: r.DryRun,
	}}
	if s.release, err = a.lock(ctx, loaded.Project.Name, 0, r.DryRun); err != nil {
		return nil, err
	}
	if err := a.compareStates(ctx, s); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// runDependencies brings the networks, volumes and other services to what the
// files say and waits for the conditions that the service asks for. The
// service's own containers stay as they are.
func (a *App) runDependencies(ctx context.Context, s *upState) (*providedEnv, error) {
	target := s.request.Services[0]
	d := *s.desired
	d.Services = append([]desired.Service(nil), s.desired.Services...)
	for i := range d.Services {
		if d.Services[i].Name == target {
			d.Services[i].Scale = 0
		}
	}
	others := *s.actual
	others.Containers = nil
	for _, c := range s.actual.Containers {
		if c.Labels[labels.Service] != target || labels.IsOneOff(c.Labels) {
			others.Containers = append(others.Containers, c)
		}
	}
	rest := *s
	rest.desired, rest.actual = &d, &others
	p, err := a.consentedPlan(ctx, &rest)
	if err != nil {
		return nil, err
	}
	if err := a.preflight(ctx, &rest, p); err != nil {
		return nil, err
	}
	noting := *a
	provided := &providedEnv{Provider: a.opt.Provider, env: map[string][]string{}}
	noting.opt.Provider = provided
	_, err = noting.carryOut(ctx, &rest, p)
	return provided, err
}

// providedEnv is a provider that notes the variables that services offer.
type providedEnv struct {
	Provider
	mu  sync.Mutex
	env map[string][]string // by service: KEY=value
}

// Provide asks the provider itself.
func (p *providedEnv) Provide(ctx context.Context, project, service string, config engine.Provider, action string) (map[string]string, error) {
	env, err := p.Provider.Provide(ctx, project, service, config, action)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range sortedKeys(env) {
		p.env[service] = append(p.env[service], key+"="+env[key])
	}
	return env, err
}

// of are the variables that a service offers.
func (p *providedEnv) of(service string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.env[service]
}

// oneOff is one container of `run`.
type oneOff struct {
	app     *App
	request RunRequest
	spec    engine.ContainerSpec
	streams engine.Streams
	control Control
	id      string
}

// run makes the container and stays with it until it has ended.
func (o *oneOff) run(ctx context.Context) (code int, err error) {
	if err := o.create(ctx); err != nil {
		return 1, err
	}
	left := false
	defer func() {
		if o.request.Remove && !left {
			err = errors.Join(err, o.remove(ctx))
		}
	}()
	if ctx.Err() != nil {
		return 1, context.Cause(ctx)
	}
	if o.request.Detach {
		if err := o.app.engine.StartContainer(ctx, o.id); err != nil {
			return 1, startFailure(o.request.Service, err)
		}
		left = true
		_, err := io.WriteString(o.streams.Out, o.id+"\n")
		return 0, err
	}
	code, left, err = o.foreground(ctx)
	return code, err
}

// create creates the container. It is not cut off by an interruption, which
// would leave open whether there is one.
func (o *oneOff) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), oneOffLimit)
	defer cancel()
	o.tell(event.Creating, event.Working)
	made, err := o.app.engine.CreateContainer(ctx, o.spec)
	if err != nil {
		return fmt.Errorf("service %s: %w", o.request.Service, err)
	}
	o.id = made.ID
	o.app.warn(made.Warnings...)
	if len(o.spec.Files) > 0 {
		if err := o.app.engine.CopyFiles(ctx, o.id, o.spec.Files); err != nil {
			return errors.Join(fmt.Errorf("service %s: %w", o.request.Service, err), o.remove(ctx))
		}
	}
	o.tell(event.Created, event.Done)
	return nil
}

func (o *oneOff) tell(s event.Status, phase event.Phase) {
	o.app.status(event.Container, o.spec.Name, o.request.Service, s, phase, "")
}

// remove removes the container and its anonymous volumes, interrupted or not.
func (o *oneOff) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), oneOffLimit)
	defer cancel()
	err := o.app.engine.RemoveContainer(ctx, o.id, engine.RemoveOptions{Force: true, Volumes: true})
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	return err
}

// foreground joins the streams, starts the container and waits for its end; left
// says that it goes on running.
func (o *oneOff) foreground(ctx context.Context) (code int, left bool, err error) {
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if !o.request.Interactive {
		o.streams.In = nil
	}
	o.streams.TTY = o.spec.TTY
	j, err := o.app.join(whole, joining{id: o.id, streams: o.streams})
	if err != nil {
		return 1, false, err
	}
	select {
	case <-j.ready:
	case err := <-j.ended:
		return 1, false, err
	case <-ctx.Done():
		return 1, false, context.Cause(ctx)
	}
	// The process runs, and may ask for signals, before the engine says so.
	o.control.Signals = queue(whole, o.control.Signals)
	if err := o.app.engine.StartContainer(whole, o.id); err != nil {
		return 1, false, startFailure(o.request.Service, err)
	}
	go o.app.resize(whole, o.id, o.streams.Resize)
	h := &held{app: o.app, id: o.id, joined: j, control: o.control, patience: defaultGrace}
	if grace := o.spec.Service.StopGracePeriod; grace != nil {
		h.patience = time.Duration(*grace)
	}
	return h.wait(ctx)
}

// resolveParents replaces references to other services' containers by the
// containers themselves.
func resolveParents(spec *engine.ContainerSpec, containers map[string]engine.Container) error {
	for _, mode := range []*string{&spec.NetworkMode, &spec.IPCMode, &spec.PIDMode} {
		name, ok := strings.CutPrefix(*mode, "service:")
		if !ok {
			continue
		}
		c, ok := containers[name]
		if !ok {
			return fmt.Errorf("service %s: %q shares its namespace but has no container", spec.Service.Name, name)
		}
		*mode = "container:" + c.ID
	}
	for i, from := range spec.VolumesFrom {
		if rest, ok := strings.CutPrefix(from, "container:"); ok {
			spec.VolumesFrom[i] = rest
			continue
		}
		name, mode := cutLast(from)
		c, ok := containers[name]
		if !ok {
			return fmt.Errorf("service %s: volumes_from: %q has no container", spec.Service.Name, name)
		}
		spec.VolumesFrom[i] = c.ID + mode
	}
	return nil
}
