package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/labels"
)

// RollbackRequest asks to take services back to what they were made from before.
type RollbackRequest struct {
	Project  ProjectOptions
	Services []string // empty: those that the last revision has changed
	// To is the revision to go back to; 0: the one before the last.
	To          int
	Timeout     *time.Duration
	Wait        bool
	WaitTimeout time.Duration
	DryRun      bool
	LockTimeout time.Duration
	TakeOver    bool
}

// Rollback takes services back to an earlier revision: their containers are made
// from the configuration and the image, by its identity, of that time. The files
// stay as they are, and so the next up brings services to what these say.
func (a *App) Rollback(ctx context.Context, r RollbackRequest) (UpResult, error) {
	s, err := a.beginRollback(ctx, r)
	if err != nil {
		return UpResult{}, err
	}
	defer s.release()
	p, err := a.rollbackPlan(ctx, s, r)
	if err == nil {
		err = a.preflight(ctx, s, p)
	}
	if err != nil {
		return UpResult{}, err
	}
	done, err := a.carryOut(ctx, s, p)
	if err == nil && done.Changed {
		a.notice("the files stay as they are: the next up brings the services to what these say")
	}
	return done, err
}

// beginRollback begins with all active services, as others may go with those that
// were named; with these alone where one is of an inactive profile.
func (a *App) beginRollback(ctx context.Context, r RollbackRequest) (*upState, error) {
	request := UpRequest{
		Project: r.Project, NoDeps: true, IgnoreOrphans: true, Timeout: r.Timeout, Wait: r.Wait,
		WaitTimeout: r.WaitTimeout, DryRun: r.DryRun, LockTimeout: r.LockTimeout, TakeOver: r.TakeOver,
	}
	request.Project.AllResources = true // a revision may use what its service no longer does
	s, err := a.begin(ctx, request)
	if err != nil {
		return nil, err
	}
	for _, name := range r.Services {
		if _, active := s.loaded.Project.Services[name]; !active {
			s.release()
			request.Services = r.Services
			return a.begin(ctx, request)
		}
	}
	return s, nil
}

// rollbackPlan plans for the services that go back, and for those that go with
// them as they are.
func (a *App) rollbackPlan(ctx context.Context, s *upState, r RollbackRequest) (*plan.Plan, error) {
	targets, err := earlier(s.actual, s.loaded.Project, r)
	if err != nil {
		return nil, err
	}
	moving := maps.Clone(targets)
	for _, name := range companions(s.desired, targets) {
		if now, known := newest(s.actual, name); known {
			moving[name] = now
		}
	}
	s.rollback, s.pinned, s.work = true, map[string]string{}, imageWork{}
	s.request.Project = r.Project
	if err := a.takeAlong(ctx, s, moving); err != nil {
		return nil, err
	}
	if err := a.redesire(ctx, s); err != nil {
		return nil, err
	}
	for _, svc := range s.desired.Services {
		if target, back := targets[svc.Name]; back {
			if err := a.checkRestored(s, svc, target); err != nil {
				return nil, err
			}
		}
	}
	return a.plan(s, nil)
}

// takeAlong makes services of revisions in the model, and takes the others out.
func (a *App) takeAlong(ctx context.Context, s *upState, revisions map[string]desired.Revision) error {
	model := s.loaded.Project
	for _, name := range model.ServiceNames() {
		target, goes := revisions[name]
		if !goes {
			model.DisabledServices[name] = model.Services[name]
			delete(model.Services, name)
			continue
		}
		if err := a.hasImage(ctx, s, name, target); err != nil {
			return err
		}
		restored, err := restore(ctx, model, name, target)
		if err != nil {
			return err
		}
		restored.SetScale(replicasOf(s.actual, name))
		model.Services[name] = restored
		s.pinned[name] = target.ImageID
	}
	return nil
}

// companions are the services that must be made or started anew with others: they
// share their namespaces, or depend on them with restart: true.
func companions(d *desired.State, with map[string]desired.Revision) []string {
	goes := map[string]bool{}
	for name := range with {
		goes[name] = true
	}
	var out []string
	for again := true; again; {
		again = false
		for _, svc := range d.Services {
			follows := slices.ContainsFunc(svc.NamespaceParents, func(parent string) bool { return goes[parent] }) ||
				slices.ContainsFunc(svc.DependsOn, func(dep desired.Dependency) bool { return dep.Restart && goes[dep.Service] })
			if follows && !goes[svc.Name] {
				goes[svc.Name], again = true, true
				out = append(out, svc.Name)
			}
		}
	}
	return out
}

// newest is the revision that a service is of; false without a container of berth's.
func newest(state *actual.State, service string) (desired.Revision, bool) {
	var latest desired.Revision
	found := false
	for _, c := range state.Replicas(service) {
		if r, known := desired.RevisionOf(c); known && (!found || r.Number > latest.Number) {
			latest, found = r, true
		}
	}
	return latest, found
}

// earlier finds the revision that each service goes back to.
func earlier(state *actual.State, model *types.Project, r RollbackRequest) (map[string]desired.Revision, error) {
	current, last := pasts(state, model)
	out := map[string]desired.Revision{}
	for _, name := range sortedKeys(current) {
		if len(r.Services) > 0 && !slices.Contains(r.Services, name) {
			continue
		}
		p, to := current[name], r.To
		if to == 0 {
			to = p.number - 1
		}
		if p.number <= to || r.To == 0 && len(r.Services) == 0 && p.number != last {
			continue
		}
		before := func(revision desired.Revision) bool { return revision.Number <= to }
		if i := slices.IndexFunc(p.history, before); i >= 0 {
			out[name] = p.history[i]
		} else if len(r.Services) > 0 {
			return nil, &NoRevisionError{Service: name, To: r.To}
		}
	}
	if len(out) == 0 {
		return nil, &NoRevisionError{To: r.To}
	}
	return out, nil
}

// replicasOf is how many replicas a service has, those that an update has left
// with two containers counted once.
func replicasOf(state *actual.State, service string) int {
	numbers := map[int]bool{}
	for _, c := range state.Replicas(service) {
		numbers[labels.ReplicaNumber(c.Labels)] = true
	}
	return len(numbers)
}

// past is the revision of a service and those before it.
type past struct {
	number  int
	history []desired.Revision
}

// pasts are those of the services that have containers, and the last revision of
// all of them. The container of the latest revision speaks for its service.
func pasts(state *actual.State, model *types.Project) (of map[string]past, last int) {
	of = map[string]past{}
	for _, name := range model.ServiceNames() {
		for _, c := range state.Replicas(name) {
			n := desired.RevisionNumber(c.Labels)
			if p, seen := of[name]; !seen || n > p.number {
				of[name] = past{number: n, history: desired.HistoryOf(c)}
			}
		}
		last = max(last, of[name].number)
	}
	return of, last
}

// NoRevisionError says that there is nothing to go back to.
type NoRevisionError struct {
	Service string // empty: no service at all
	To      int
}

// Error names what was looked for.
func (e *NoRevisionError) Error() string {
	who := "no service has an"
	if e.Service != "" {
		who = "service " + e.Service + " has no"
	}
	if e.To > 0 {
		return fmt.Sprintf("%s earlier revision with number %d or below to go back to", who, e.To)
	}
	return who + " earlier revision to go back to"
}

// Hint says where to look.
func (*NoRevisionError) Hint() string {
	return "history lists the revisions that the containers remember; containers that another tool has made remember none"
}

// hasImage sees that the image of a revision is still there.
func (a *App) hasImage(ctx context.Context, s *upState, name string, target desired.Revision) error {
	_, err := s.engine.InspectImage(ctx, target.ImageID)
	if errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("service %s: the image of revision %d is no longer here: %s (%s); get it back under any name, or choose another revision with --to",
			name, target.Number, target.Reference(), target.ImageID)
	}
	return err
}

// restore makes a service of a revision. How many containers it has, what it
// depends on and how it is updated stay as the files have it.
func restore(ctx context.Context, model *types.Project, name string, target desired.Revision) (types.ServiceConfig, error) {
	now := model.Services[name]
	then, err := project.Restore(ctx, name, target.Spec.Service, target.Spec.Hooks)
	if err != nil {
		return then, err
	}
	then.DependsOn, then.Profiles = now.DependsOn, now.Profiles
	if now.Deploy != nil {
		deploy := types.DeployConfig{}
		if then.Deploy != nil {
			deploy = *then.Deploy
		}
		deploy.UpdateConfig, deploy.RollbackConfig = now.Deploy.UpdateConfig, now.Deploy.RollbackConfig
		then.Deploy = &deploy
	}
	for kind, missing := range map[string][]string{
		"network": absent(slices.Collect(maps.Keys(then.Networks)), model.Networks),
		"volume":  absent(volumeKeys(then), model.Volumes),
		"config":  absent(sources(then.Configs, func(c types.ServiceConfigObjConfig) string { return c.Source }), model.Configs),
		"secret":  absent(sources(then.Secrets, func(c types.ServiceSecretConfig) string { return c.Source }), model.Secrets),
	} {
		if len(missing) > 0 {
			return then, fmt.Errorf("service %s: revision %d uses %s %s, which the files no longer have", name, target.Number, kind, missing[0])
		}
	}
	return then, nil
}

func absent[V any](keys []string, have map[string]V) []string {
	slices.Sort(keys)
	return slices.DeleteFunc(keys, func(key string) bool { _, ok := have[key]; return ok })
}

func sources[V any](list []V, source func(V) string) []string {
	var out []string
	for _, v := range list {
		out = append(out, source(v))
	}
	return out
}

func volumeKeys(svc types.ServiceConfig) []string {
	var out []string
	for _, v := range svc.Volumes {
		if v.Type == types.VolumeTypeVolume && v.Source != "" {
			out = append(out, v.Source)
		}
	}
	return out
}

// checkRestored compares what a service will be with its revision. Of configs and
// secrets only digests are remembered: another content is told, and used, unless
// it is all that has changed since.
func (a *App) checkRestored(s *upState, svc desired.Service, target desired.Revision) error {
	changes, err := target.Spec.Diff(svc.Canonical)
	if err != nil {
		return fmt.Errorf("service %s: revision %d cannot be read: %w", svc.Name, target.Number, err)
	}
	for _, c := range changes {
		if _, remembered := target.Spec.Files[c.Path]; !remembered {
			return fmt.Errorf("service %s: revision %d cannot be restored: %s would be another", svc.Name, target.Number, c.Path)
		}
	}
	if len(changes) > 0 && allAre(s.actual.Replicas(svc.Name), svc) {
		return fmt.Errorf("service %s: nothing but the content of %s was another in revision %d, and contents are not remembered: put the former one back and run up",
			svc.Name, changes[0].Path, target.Number)
	}
	for _, c := range changes {
		a.warn(fmt.Sprintf("service %s: %s had another content in revision %d, and is used as it is now", svc.Name, c.Path, target.Number))
	}
	return nil
}

// allAre tells whether containers already are what a service is to be.
func allAre(containers []engine.Container, svc desired.Service) bool {
	for _, c := range containers {
		r, known := desired.RevisionOf(c)
		changes, err := r.Spec.Diff(svc.Canonical)
		if !known || err != nil || len(changes) > 0 || r.ImageID != svc.ImageID {
			return false
		}
	}
	return true
}
