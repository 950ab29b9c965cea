package app

import (
	"context"
	"sort"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// Start starts existing containers in dependency order; a named service brings
// those it depends on.
func (a *App) Start(ctx context.Context, r ServicesRequest) error {
	return a.onExisting(ctx, r, func(f *existing, list []engine.Container) (*plan.Plan, error) {
		if len(r.Services) > 0 {
			list = nil
			for _, name := range f.model.WithDependencies(r.Services) {
				list = append(list, f.state.Replicas(name)...)
			}
		}
		return plan.StartAll(f.model, list, plan.StartOptions{Services: r.Services, Wait: r.Wait, WaitTimeout: r.WaitTimeout})
	})
}

// Stop stops containers, dependents first.
func (a *App) Stop(ctx context.Context, r ServicesRequest) error {
	return a.onExisting(ctx, r, func(f *existing, list []engine.Container) (*plan.Plan, error) {
		return plan.StopAll(f.model, list, r.Timeout)
	})
}

// Restart restarts containers in dependency order, with the dependents that
// ask for it by depends_on.restart.
func (a *App) Restart(ctx context.Context, r ServicesRequest) error {
	return a.onExisting(ctx, r, func(f *existing, list []engine.Container) (*plan.Plan, error) {
		if !r.NoDeps {
			list = f.withRestartDependents(list)
		}
		return plan.RestartAll(f.model, list, r.Timeout)
	})
}

// withRestartDependents adds the containers of services that are to be
// restarted with one of the given ones.
func (f *existing) withRestartDependents(list []engine.Container) []engine.Container {
	in := map[string]bool{}
	for _, c := range list {
		in[c.Labels[labels.Service]] = true
	}
	for grown := true; grown; {
		grown = false
		for name, deps := range f.model.DependsOn {
			for _, d := range deps {
				if d.Restart && in[d.Service] && !in[name] {
					in[name], grown = true, true
					list = append(list, f.state.Replicas(name)...)
				}
			}
		}
	}
	return list
}

// Kill sends a signal to running containers, those of `run` included.
func (a *App) Kill(ctx context.Context, r ServicesRequest) error {
	return a.onExisting(ctx, r, func(f *existing, _ []engine.Container) (*plan.Plan, error) {
		list, err := f.withOneOffs(r.Services)
		if err != nil {
			return nil, err
		}
		signal := r.Signal
		if signal == "" {
			signal = "SIGKILL"
		}
		if r.RemoveOrphans && f.model.Known != nil {
			list = append(list, f.state.Orphans(f.model.Known)...)
		}
		p := plan.KillAll(f.model, list, signal)
		if p.Empty() {
			a.notice("No container to kill")
		}
		return p, nil
	})
}

// Pause freezes running containers.
func (a *App) Pause(ctx context.Context, r ServicesRequest) error {
	return a.onExisting(ctx, r, func(f *existing, list []engine.Container) (*plan.Plan, error) {
		return plan.PauseAll(f.model, list), nil
	})
}

// Unpause lets paused containers go on.
func (a *App) Unpause(ctx context.Context, r ServicesRequest) error {
	return a.onExisting(ctx, r, func(f *existing, list []engine.Container) (*plan.Plan, error) {
		return plan.UnpauseAll(f.model, list), nil
	})
}

// onExisting plans and carries out a verb on existing containers.
func (a *App) onExisting(ctx context.Context, r ServicesRequest, make func(*existing, []engine.Container) (*plan.Plan, error)) error {
	found, release, err := a.findLocked(ctx, r.Project, actual.Query{}, r.LockTimeout, r.DryRun)
	if err != nil {
		return err
	}
	defer release()
	list, err := found.replicas(r.Services)
	if err != nil {
		return err
	}
	p, err := make(found, list)
	if err != nil {
		return err
	}
	return a.run(ctx, p, execute.Options{WaitTimeout: r.WaitTimeout, DryRun: r.DryRun})
}

// run carries out a plan with the app's own options.
func (a *App) run(ctx context.Context, p *plan.Plan, opt execute.Options) error {
	a.warn(p.Warnings...)
	opt.Parallel, opt.Sink, opt.Provider = a.opt.Parallel, a.opt.Sink, a.opt.Provider
	_, err := execute.Run(ctx, p, a.engine, opt)
	return err
}

// Remove removes stopped containers.
func (a *App) Remove(ctx context.Context, r ServicesRequest) error {
	found, release, err := a.findLocked(ctx, r.Project, actual.Query{}, r.LockTimeout, r.DryRun)
	if err != nil {
		return err
	}
	defer release()
	list, err := found.withOneOffs(r.Services)
	if err != nil {
		return err
	}
	if err := a.refuseForeignExisting(found, r.TakeOver); err != nil {
		return err
	}
	p, err := plan.RemoveStopped(found.model, list, r.Stop, r.Volumes)
	if err != nil {
		return err
	}
	if p.Empty() {
		a.notice("No stopped containers")
		return nil
	}
	if !r.Force && !r.DryRun {
		yes, err := a.opt.Confirm(ctx, "Going to remove "+names(list, r.Stop)+". Are you sure?")
		if err != nil || !yes {
			return err
		}
	}
	return a.run(ctx, p, execute.Options{KeepGoing: true, DryRun: r.DryRun})
}

// withOneOffs are the containers of the named services, or of all that are on,
// those of `run` included.
func (f *existing) withOneOffs(services []string) ([]engine.Container, error) {
	if err := f.check(services); err != nil {
		return nil, err
	}
	var out []engine.Container
	for _, c := range f.state.Containers {
		name := c.Labels[labels.Service]
		if len(services) == 0 && (f.model.Known == nil || f.model.Active[name]) || contains(services, name) {
			out = append(out, c)
		}
	}
	return out, nil
}

func names(list []engine.Container, running bool) string {
	s := ""
	for _, c := range list {
		if c.IsRunning() && !running {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += c.Name
	}
	return s
}

// Down takes a project, or some of its services, away. It goes on past
// failures and reports all of them.
func (a *App) Down(ctx context.Context, r DownRequest) error {
	found, release, err := a.findLocked(ctx, r.Project, actual.Query{Networks: true, Volumes: r.Volumes}, r.LockTimeout, r.DryRun)
	if err != nil {
		return err
	}
	defer release()
	if err := a.refuseForeignExisting(found, r.TakeOver); err != nil {
		return err
	}
	if err := found.check(r.Services); err != nil {
		return err
	}
	opt := plan.DownOptions{
		Services: r.Services, Volumes: r.Volumes, RemoveOrphans: r.RemoveOrphans, Timeout: r.Timeout,
		Images: found.imagesToRemove(r), NetworkNames: found.networkNames(r),
	}
	p, err := plan.Down(found.model, found.state, opt)
	if err != nil {
		return err
	}
	if p.Empty() {
		a.warn("no resource found to remove for project \"" + found.state.Project + "\"")
		return nil
	}
	return a.run(ctx, p, execute.Options{KeepGoing: true, DryRun: r.DryRun})
}

// networkNames are the networks that the files declare; none where all of the
// project are meant.
func (f *existing) networkNames(r DownRequest) []string {
	if f.loaded == nil || r.RemoveOrphans {
		return nil
	}
	var names []string
	for _, n := range f.loaded.Project.Networks {
		if !n.External {
			names = append(names, n.Name)
		}
	}
	return names
}

// imagesToRemove are the references for --rmi: "all", or "local" for images
// without a name of their own.
func (f *existing) imagesToRemove(r DownRequest) []string {
	if r.Images == "" {
		return nil
	}
	seen := map[string]bool{}
	var out []string
	add := func(ref string) {
		if ref != "" && !seen[ref] {
			seen[ref] = true
			out = append(out, ref)
		}
	}
	if f.loaded == nil {
		for _, c := range f.state.Containers {
			if r.Images == "all" || c.Image == f.state.Project+"-"+c.Labels[labels.Service] {
				add(c.Image)
			}
		}
		sort.Strings(out)
		return out
	}
	for _, svc := range f.loaded.Project.Services {
		if len(r.Services) > 0 && !contains(r.Services, svc.Name) {
			continue
		}
		if r.Images == "all" || svc.Image == "" {
			add(desired.ImageName(f.loaded.Project, svc, separator(r.Project)))
		}
	}
	sort.Strings(out)
	return out
}
