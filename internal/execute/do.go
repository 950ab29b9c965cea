package execute

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/berth-dev/berth/internal/confighash"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/labels"
)

// do carries out one operation. Changing requests are not cut off by an
// interruption: cutting one off would leave open whether it took effect.
func (r *run) do(ctx context.Context, n *plan.Node) error {
	defer r.beside(n.Op)()
	short, cancel := brief(ctx)
	defer cancel()
	switch op := n.Op.(type) {
	case plan.CreateNetwork:
		_, err := r.e.CreateNetwork(short, op.Spec)
		return err
	case plan.RemoveNetwork:
		return r.removeNetwork(short, op)
	case plan.CreateVolume:
		_, err := r.e.CreateVolume(short, op.Spec)
		return err
	case plan.RemoveVolume:
		return gone(r.e.RemoveVolume(short, op.Name, false))
	case plan.RemoveImage:
		return r.removeImage(short, op)
	case plan.Connect:
		return r.connect(short, op)
	case plan.Disconnect:
		return r.disconnect(short, op)
	case plan.CreateContainer:
		return r.create(short, n.ID, op)
	case plan.CopyFiles:
		return r.e.CopyFiles(short, r.resolve(op.Container), op.Files)
	case plan.Start:
		return r.start(short, op)
	case plan.Rename:
		return r.rename(short, op)
	case plan.Kill:
		return r.e.KillContainer(short, r.resolve(op.Container), op.Signal)
	case plan.Pause:
		return r.e.PauseContainer(short, r.resolve(op.Container))
	case plan.Unpause:
		return r.e.UnpauseContainer(short, r.resolve(op.Container))
	}
	return r.long(ctx, n)
}

// beside waits until an operation may run beside the others, and returns what ends
// that: see plan.Rename.
func (r *run) beside(op plan.Operation) (done func()) {
	switch o := op.(type) {
	case plan.Rename:
		if o.Running {
			r.alone.Lock()
			return r.alone.Unlock
		}
	case plan.CreateContainer, plan.Start, plan.Stop, plan.Restart, plan.Remove, plan.Kill, plan.Connect, plan.Disconnect:
		r.alone.RLock()
		return r.alone.RUnlock
	}
	return func() {}
}

// brief is the context of one changing request: of a limited time, and deaf to
// interruptions.
func brief(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), mutationLimit)
}

// long carries out the operations that may take their time. What is not a
// request to the engine ends with the context, unless it belongs to a
// replacement under way.
func (r *run) long(ctx context.Context, n *plan.Node) error {
	switch op := n.Op.(type) {
	case plan.Stop:
		return r.stop(ctx, n.Committing, op)
	case plan.Restart:
		return r.restart(ctx, op)
	case plan.Remove:
		return r.remove(ctx, op)
	}
	if n.Committing {
		ctx = context.WithoutCancel(ctx)
	}
	switch op := n.Op.(type) {
	case plan.Hook:
		return r.hook(ctx, op)
	case plan.Wait:
		if op.Update != nil {
			return r.checkUpdate(op)
		}
		return r.wait(op)
	case plan.Delay:
		return r.delay(op)
	case plan.Provide:
		return r.provide(ctx, op)
	}
	return fmt.Errorf("operation %T is unknown to the executor", n.Op)
}

// create creates a container, with the namespaces and volumes of others put in.
func (r *run) create(ctx context.Context, id string, op plan.CreateContainer) error {
	spec := op.Spec
	spec.Labels = make(map[string]string, len(op.Spec.Labels)+1)
	for k, v := range op.Spec.Labels {
		spec.Labels[k] = v
	}
	if err := r.join(&spec, op); err != nil {
		return err
	}
	spec.Env = append(append([]string(nil), spec.Env...), r.provided(op.EnvFrom)...)
	made, err := r.createUnder(ctx, spec)
	if err != nil {
		return underFinalName(err, op)
	}
	r.mu.Lock()
	r.ids[id] = made.ID
	r.mu.Unlock()
	for _, w := range made.Warnings {
		r.warn(spec.Service.Name, "service "+spec.Service.Name+": "+w)
	}
	return nil
}

// join puts the containers whose namespaces and volumes the new one uses into its
// spec, and into its hash.
func (r *run) join(spec *engine.ContainerSpec, op plan.CreateContainer) error {
	var parents []string
	id := func(ref plan.Ref) string {
		found := r.resolve(ref)
		parents = append(parents, ref.Service+"="+found)
		return found
	}
	var joined confighash.Joined
	for _, m := range []struct {
		ref       *plan.Ref
		mode, key *string
	}{
		{op.Network, &spec.NetworkMode, &joined.Network}, {op.IPC, &spec.IPCMode, &joined.IPC}, {op.PID, &spec.PIDMode, &joined.PID},
	} {
		if m.ref != nil {
			*m.key = id(*m.ref)
			*m.mode = "container:" + *m.key
		}
	}
	for _, from := range op.VolumesFrom {
		source := id(from.Container)
		joined.Volumes = append(joined.Volumes, source)
		if from.Mode != "" {
			source += ":" + from.Mode
		}
		spec.VolumesFrom = append(spec.VolumesFrom, source)
	}
	for _, ref := range op.Named {
		id(ref)
	}
	if len(parents) > 0 {
		spec.Labels[labels.Parents] = strings.Join(parents, ",")
	}
	if spec.Labels[labels.ConfigHash] == "" || len(parents)+len(spec.Service.VolumesFrom) == 0 && !spec.Service.UseAPISocket {
		return nil
	}
	hash, err := confighash.Container(spec.Service, joined)
	spec.Labels[labels.ConfigHash] = hash
	return err
}

// underFinalName names a container that could not be made as the user knows it.
func underFinalName(err error, op plan.CreateContainer) error {
	var refused *engine.Error
	if op.Spec.Name == op.Final || !errors.As(err, &refused) {
		return err
	}
	named := *refused
	named.Name = op.Final
	return &named
}

// start starts a container. The event stream is open by then: what happens to
// the container from here on is seen.
func (r *run) start(ctx context.Context, op plan.Start) error {
	if err := r.watch.opened(ctx); err != nil {
		return err
	}
	id := r.resolve(op.Container)
	r.watch.expectStart(id, false)
	return r.e.StartContainer(ctx, id)
}

// hook runs a post_start or pre_stop command. A pre_stop that fails is told of
// but does not keep the container from being stopped.
func (r *run) hook(ctx context.Context, op plan.Hook) error {
	out := &lineWriter{emit: func(line string) {
		r.opt.Sink.Emit(event.Event{
			Version: event.Version, Time: r.now(), Kind: event.KindOutput, Project: r.p.Project,
			Resource: event.Container, Name: op.Container.Name, Service: op.Container.Service, Text: line,
		})
	}}
	var env []string
	for k, v := range op.Hook.Environment {
		if v != nil {
			env = append(env, k+"="+*v)
		}
	}
	sort.Strings(env)
	code, err := r.e.Exec(ctx, r.resolve(op.Container), engine.ExecSpec{
		Cmd: op.Hook.Command, User: op.Hook.User, WorkingDir: op.Hook.WorkingDir, Env: env, Privileged: op.Hook.Privileged,
	}, engine.Streams{Out: out, Err: out})
	out.flush()
	err = named(err, op.Container.Name, r.resolve(op.Container))
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d", code)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s hook %d (%s) of %s: %w", op.Phase, op.Index+1, strings.Join(op.Hook.Command, " "), op.Container.Name, err)
	if op.Phase == "pre_stop" {
		r.warn(op.Container.Service, err.Error())
		return nil
	}
	return err
}

func (r *run) provide(ctx context.Context, op plan.Provide) error {
	if r.opt.Provider == nil {
		return fmt.Errorf("provider %q: no providers can be run here", op.Config.Type)
	}
	env, err := r.opt.Provider.Provide(ctx, r.p.Project, op.Service, op.Config, op.Action)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.env[op.Service] = env
	return nil
}

// provided are the variables that provider services offer, sorted.
func (r *run) provided(services []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, s := range services {
		for k, v := range r.env[s] {
			out = append(out, k+"="+v)
		}
	}
	sort.Strings(out)
	return out
}

// lineWriter hands on what is written to it line by line.
type lineWriter struct {
	mu   sync.Mutex
	rest []byte
	emit func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.emit(strings.TrimSuffix(string(line), "\r"))
		w.rest = rest
	}
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.emit(string(w.rest))
		w.rest = nil
	}
}
