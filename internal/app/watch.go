package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/watch"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/labels"
)

// WatchRequest asks to keep running services in step with their files.
type WatchRequest struct {
	Project  ProjectOptions
	Services []string
	// NoUp leaves out building and starting the services first; containers that
	// come up later are found.
	NoUp bool
	// Prune removes the images that rebuilds leave without a name.
	Prune bool
	// Quiet hides the output of builds.
	Quiet       bool
	Scale       map[string]int // as up's
	LockTimeout time.Duration
	TakeOver    bool
	// DryRun tells what each change would lead to and does nothing.
	DryRun bool
}

const (
	// reconnectPause is how long after losing the engine's events they are asked
	// for again.
	reconnectPause = time.Second
	// startsTogether is how close to each other containers start that count as
	// started together.
	startsTogether = 200 * time.Millisecond
)

// Watch brings services up, unless told not to, and then carries out their
// `develop.watch` rules until the context ends or Control.Detach is closed, which
// is no error. Containers are left running.
func (a *App) Watch(ctx context.Context, r WatchRequest, c Control) error {
	sink := a.opt.Sink
	if r.DryRun {
		sink = rehearsing(sink)
	}
	p, w, err := a.watcher(ctx, r, sink)
	if err != nil {
		return err
	}
	e, err := a.connect()
	if err != nil {
		return err
	}
	files, ok := e.(fileEngine)
	if !ok {
		return fmt.Errorf("copy files into containers: %w", engine.ErrUnsupported)
	}
	if !r.NoUp {
		up := r.up(r.Services)
		up.NoDeps = false
		if _, err := a.Up(ctx, up); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.Detach:
			cancel()
		case <-ctx.Done():
		}
	}()
	t := &watched{app: a, request: r, engine: e, files: files, project: p.Name, owners: map[string]watch.Owner{}}
	var following sync.WaitGroup
	if r.DryRun && !r.NoUp {
		w.InitialSync(p.ServiceNames()...) // no start will tell of them
	} else {
		following.Go(func() { t.followStarts(ctx, w.InitialSync) })
	}
	err = w.Run(ctx, t.target())
	cancel()
	following.Wait()
	return err
}

// CheckWatch tells, without doing anything, why Watch would refuse: mistakes in
// the rules, or none at all.
func (a *App) CheckWatch(ctx context.Context, r WatchRequest) error {
	_, _, err := a.watcher(ctx, r, event.Discard)
	return err
}

// watcher loads the files, whose warnings are up's to tell, and checks the rules.
func (a *App) watcher(ctx context.Context, r WatchRequest, sink event.Sink) (*types.Project, *watch.Watcher, error) {
	opt := a.options(r.Project)
	opt.Services = r.Services
	loaded, err := project.Load(ctx, opt)
	if err != nil {
		return nil, nil, err
	}
	w, err := watch.New(loaded.Project, r.Services, watch.Options{Sink: sink})
	return loaded.Project, w, err
}

// up is what brings services up, built anew.
func (r WatchRequest) up(services []string) UpRequest {
	return UpRequest{
		Project: r.Project, Services: services, NoDeps: true, Build: true, QuietBuild: r.Quiet, IgnoreOrphans: true,
		Scale: r.Scale, LockTimeout: r.LockTimeout, TakeOver: r.TakeOver, DryRun: r.DryRun,
	}
}

// watched does for a watched project what its rules ask for.
type watched struct {
	app     *App
	request WatchRequest
	engine  Engine
	files   fileEngine
	project string
	// changing is held while containers are replaced or restarted: this command
	// would otherwise wait for its own lock, and say so.
	changing sync.Mutex

	mu     sync.Mutex
	owners map[string]watch.Owner // by container ID
}

// containers are those of a service that `run` has not made and that are not
// about to go.
func (t *watched) containers(ctx context.Context, service string) ([]engine.Container, error) {
	list, err := t.engine.Containers(ctx, engine.ContainerFilter{Project: t.project, Labels: map[string]string{labels.Service: service}})
	if err != nil {
		return nil, err
	}
	var out []engine.Container
	for _, c := range list {
		if isReplica(c.Labels) && c.State != engine.Removing && c.State != engine.Dead {
			out = append(out, c)
		}
	}
	return out, nil
}

func isReplica(l map[string]string) bool { return !labels.IsOneOff(l) && !labels.IsHook(l) }

// Rebuild builds services and replaces their containers.
func (t *watched) Rebuild(ctx context.Context, services []string) error {
	t.changing.Lock()
	defer t.changing.Unlock()
	old, err := t.images(ctx, services)
	if err != nil {
		return err
	}
	up := t.request.up(services)
	up.Scale = map[string]int{}
	for _, name := range services {
		if n, ok := t.request.Scale[name]; ok {
			up.Scale[name] = n // the others are not part of this
		}
	}
	if _, err := t.app.Up(ctx, up); err != nil {
		return err
	}
	if t.request.Prune && !t.request.DryRun {
		t.prune(ctx, old)
	}
	return nil
}

// images are the IDs of the images that services run from, sorted.
func (t *watched) images(ctx context.Context, services []string) ([]string, error) {
	seen := map[string]bool{}
	var out []string
	for _, name := range services {
		list, err := t.containers(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			if c.ImageID != "" && !seen[c.ImageID] {
				seen[c.ImageID] = true
				out = append(out, c.ImageID)
			}
		}
	}
	sort.Strings(out)
	return out, nil
}

// prune removes images that have lost their last name. That one is still in use,
// or gone, is fine.
func (t *watched) prune(ctx context.Context, ids []string) {
	for _, id := range ids {
		image, err := t.engine.InspectImage(ctx, id)
		if err == nil && len(image.Tags) == 0 {
			err = t.engine.RemoveImage(ctx, id, false)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrNotFound) &&
			!errors.Is(err, engine.ErrConflict) && !errors.Is(err, engine.ErrInUse) {
			t.app.warn("remove the image of before the rebuild: " + err.Error())
		}
	}
}

// Restart restarts a service, and those that ask to be restarted with it.
func (t *watched) Restart(ctx context.Context, service string) error {
	t.changing.Lock()
	defer t.changing.Unlock()
	return t.app.Restart(ctx, ServicesRequest{
		Project: t.request.Project, Services: []string{service}, LockTimeout: t.request.LockTimeout, DryRun: t.request.DryRun,
	})
}

// Exec runs a command in all running containers of a service; what it writes is
// told line by line.
func (t *watched) Exec(ctx context.Context, service string, hook types.ServiceHook) error {
	list, err := t.containers(ctx, service)
	if err != nil {
		return err
	}
	var env []string
	for k, v := range hook.Environment {
		if v != nil {
			env = append(env, k+"="+*v)
		}
	}
	sort.Strings(env)
	var failures []string
	for _, c := range list {
		if c.State != engine.Running {
			continue
		}
		var out lockedBuffer
		code, err := t.engine.Exec(ctx, c.ID, engine.ExecSpec{
			Cmd: hook.Command, User: hook.User, WorkingDir: hook.WorkingDir, Env: env, Privileged: hook.Privileged,
		}, engine.Streams{Out: &out, Err: &out})
		t.output(c, out.String())
		if err == nil && code != 0 {
			err = fmt.Errorf("exit code %d", code)
		}
		if err != nil {
			failures = append(failures, fmt.Sprintf("%s in %s: %s", strings.Join(hook.Command, " "), c.Name, err))
		}
	}
	if len(failures) > 0 {
		return errors.New(strings.Join(failures, "; "))
	}
	return nil
}

// output tells what a command in a container has written.
func (t *watched) output(c engine.Container, text string) {
	for line := range strings.Lines(text) {
		t.app.opt.Sink.Emit(event.Event{
			Version: event.Version, Time: time.Now(), Kind: event.KindOutput, Project: t.project,
			Resource: event.Container, Name: c.Name, Service: c.Labels[labels.Service], Text: strings.TrimRight(line, "\r\n"),
		})
	}
}

// lockedBuffer takes both output streams of a command.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is all that was written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// followStarts calls fresh for the services of containers that run and have not
// been seen before: they lack what has been synced so far. It goes on when the
// engine's events break off.
func (t *watched) followStarts(ctx context.Context, fresh func(...string)) {
	seen := map[string]bool{}
	for ctx.Err() == nil {
		// An engine that is away is noticed by whatever is asked of it next.
		_ = t.follow(ctx, seen, fresh)
		select {
		case <-ctx.Done():
		case <-time.After(reconnectPause):
		}
	}
}

// follow reports the services of containers that run and of those that start,
// until the events end. Replicas that start together are reported together.
func (t *watched) follow(ctx context.Context, seen map[string]bool, fresh func(...string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := t.engine.Events(ctx, engine.EventFilter{Project: t.project, Kinds: []string{"container"}})
	if err != nil {
		return err
	}
	list, err := t.engine.Containers(ctx, engine.ContainerFilter{Project: t.project})
	if err != nil {
		return err
	}
	var services []string
	var still <-chan time.Time
	running := func(id string, l map[string]string) {
		if !seen[id] && isReplica(l) {
			seen[id] = true
			services = append(services, l[labels.Service])
			still = time.After(startsTogether)
		}
	}
	for _, c := range list {
		if c.IsRunning() {
			running(c.ID, c.Labels)
		}
	}
	for {
		select {
		case e, ok := <-stream.C:
			if !ok {
				fresh(services...)
				return stream.Err()
			}
			if e.Action == "start" {
				running(e.ID, e.Attributes)
			}
		case <-still:
			fresh(services...)
			services = nil
		}
	}
}
