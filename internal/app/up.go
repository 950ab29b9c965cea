package app

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/internal/preflight"
	"github.com/berth-dev/berth/internal/project"
)

// UpResult is what Up brought about.
type UpResult struct {
	Project    string
	Changed    bool
	Containers []string // the names of the services' containers, sorted
}

// Up brings services to what the files say: images first, then one plan for
// everything else.
func (a *App) Up(ctx context.Context, r UpRequest) (UpResult, error) {
	s, p, err := a.decide(ctx, r)
	if err != nil {
		return UpResult{}, err
	}
	defer s.release()
	return a.carryOut(ctx, s, p)
}

// decide comes to the plan that is to be carried out, the saved one where the
// request names one, with its images here and nothing in its way. The caller
// releases the lock.
func (a *App) decide(ctx context.Context, r UpRequest) (*upState, *plan.Plan, error) {
	if r.PlanFile != "" {
		return a.decideSaved(ctx, r)
	}
	s, err := a.prepare(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	p, err := a.consentedPlan(ctx, s)
	if err == nil {
		err = a.preflight(ctx, s, p)
	}
	if err != nil {
		s.release()
		return nil, nil, err
	}
	return s, p, nil
}

// preflight refuses a plan that something stands in the way of, before anything
// is changed.
func (a *App) preflight(ctx context.Context, s *upState, p *plan.Plan) error {
	found, err := a.obstacles(ctx, s, p)
	if err == nil && len(found) > 0 {
		err = &problems{found}
	}
	return err
}

// obstacles are a plan's own problems and those that a look at the whole engine
// and the host shows.
func (a *App) obstacles(ctx context.Context, s *upState, p *plan.Plan) ([]plan.Problem, error) {
	found := append(slices.Clone(s.work.missing), p.Problems...)
	gaps, err := a.gaps(ctx, s, p)
	if err != nil {
		return nil, err
	}
	found = append(found, gaps...)
	if !preflight.Needed(p) {
		return found, nil
	}
	var host preflight.Host
	if preflight.OnThisMachine(s.engine.Endpoint()) {
		host = preflight.LocalHost{}
	}
	in, err := preflight.Look(ctx, p, s.engine, host)
	return append(found, in...), err
}

// upState is what the stages of Up hand on.
type upState struct {
	request UpRequest
	engine  Engine
	loaded  *project.Loaded
	actual  *actual.State
	desired *desired.State
	adopted map[string][]engine.Change
	started map[string]time.Time // see plan.SharesNamespaces
	// joinsLoseMAC is the engine's, where a service has a mac_address.
	joinsLoseMAC bool
	// pinned are the images of services that are taken back: see desired.Options.
	pinned map[string]string
	// rollback: services are taken back, under their rollback_config
	rollback bool
	work     imageWork // what was, or is still, to be pulled and built
	// release gives the project's lock back; it may be called more than once.
	release func()
}

// prepare takes a snapshot, sees to the images and works out the desired state.
// The caller releases the lock.
func (a *App) prepare(ctx context.Context, r UpRequest) (*upState, error) {
	s, err := a.begin(ctx, r)
	if err != nil {
		return nil, err
	}
	err = a.checkEarly(ctx, s)
	if err == nil {
		err = a.finishImages(ctx, s)
	}
	if err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// checkEarly refuses, before a long pull or build, what could not be carried out
// after it.
func (a *App) checkEarly(ctx context.Context, s *upState) error {
	if len(s.work.pull)+len(s.work.build) == 0 {
		return nil
	}
	p, err := a.plan(s, nil)
	if err != nil {
		return err
	}
	return a.preflight(ctx, s, p)
}

// begin loads the files, takes the lock and a snapshot, and works out the
// desired state with the images as they are.
func (a *App) begin(ctx context.Context, r UpRequest) (*upState, error) {
	e, err := a.connect()
	if err != nil {
		return nil, err
	}
	loaded, err := a.load(ctx, r.Project, r.Services, r.NoDeps)
	if err != nil {
		return nil, err
	}
	if err := loaded.CheckNames(); err != nil {
		return nil, err
	}
	if err := scale(loaded.Project, r.Scale); err != nil {
		return nil, err
	}
	if err := a.models(ctx, loaded.Project); err != nil {
		return nil, err
	}
	s := &upState{request: r, engine: e, loaded: loaded}
	if s.release, err = a.lock(ctx, loaded.Project.Name, r.LockTimeout, r.DryRun); err != nil {
		return nil, err
	}
	if err := a.readStates(ctx, s); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// compareStates reads the states and sees to the images.
func (a *App) compareStates(ctx context.Context, s *upState) error {
	if err := a.readStates(ctx, s); err != nil {
		return err
	}
	if len(s.work.missing) > 0 {
		return &problems{s.work.missing}
	}
	return a.finishImages(ctx, s)
}

// plan works out the plan with what has been consented to.
func (a *App) plan(s *upState, consented map[string]bool) (*plan.Plan, error) {
	r := s.request
	opt := plan.UpOptions{
		Targets: r.Services, NoStart: r.NoStart, RenewVolumes: r.RenewAnonVolumes,
		RemoveOrphans: r.RemoveOrphans, IgnoreOrphans: r.IgnoreOrphans, Timeout: r.Timeout,
		Wait: r.Wait, WaitTimeout: r.WaitTimeout, Adopted: s.adopted, Started: s.started, JoinsLoseMAC: s.joinsLoseMAC, Rollback: s.rollback, Consented: consented,
	}
	switch {
	case r.ForceRecreate:
		opt.Recreate = plan.RecreateForce
	case r.NoRecreate:
		opt.Recreate, opt.RecreateDeps = plan.RecreateNever, plan.RecreateNever
	}
	if r.AlwaysRecreateDeps {
		opt.RecreateDeps = plan.RecreateForce
	}
	return plan.Up(s.desired, s.actual, opt)
}

// consentedPlan asks what the plan wants to know, and plans again with the answers.
func (a *App) consentedPlan(ctx context.Context, s *upState) (*plan.Plan, error) {
	p, err := a.plan(s, nil)
	if err != nil || len(p.Consents) == 0 || s.request.DryRun {
		return p, err
	}
	consented := map[string]bool{}
	for _, c := range p.Consents {
		yes := s.request.AcceptVolumeRemoval
		if !yes && a.opt.Confirm != nil {
			yes, err = a.opt.Confirm(ctx, c.Question)
			if err != nil {
				yes = false // nobody can answer: the volume stays
			}
		}
		if !yes {
			a.warn(fmt.Sprintf("volume %q does not match the files and is used as it is", c.Volume))
			continue
		}
		consented[c.Volume] = true
	}
	if len(consented) == 0 {
		return p, nil
	}
	return a.plan(s, consented)
}

func (a *App) carryOut(ctx context.Context, s *upState, p *plan.Plan) (UpResult, error) {
	a.warn(p.Warnings...)
	done, err := execute.Run(ctx, p, s.engine, execute.Options{
		Parallel: a.opt.Parallel, Sink: a.opt.Sink, WaitTimeout: s.request.WaitTimeout, DryRun: s.request.DryRun,
		Provider: a.opt.Provider, BeforeReady: s.release,
	})
	switch {
	case err == nil:
		a.pruneImages(ctx, s)
	case done != nil && len(done.Rollback) > 0 && ctx.Err() == nil:
		err = a.takeBack(ctx, s, done, err)
	}
	result := UpResult{Project: s.desired.Project}
	if done != nil {
		result.Changed = done.Changed
	}
	for _, svc := range s.desired.Services {
		for n := 1; n <= svc.Scale && svc.Config.Provider == nil; n++ {
			result.Containers = append(result.Containers, svc.ContainerName(s.desired.Project, n))
		}
	}
	sort.Strings(result.Containers)
	return result, err
}
