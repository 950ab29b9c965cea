package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/event"
)

const (
	// pullLimit is how many images are pulled at the same time, unless --parallel
	// says otherwise.
	pullLimit = 4
	// pullTries and pullPause bound the retries of a transient failure; the pause
	// doubles after each try. Where the image can be built as well, one more try
	// must do.
	pullTries     = 4
	fallbackTries = 2
	pullPause     = 500 * time.Millisecond
)

// pull is one image to be pulled.
type pull struct {
	ref      string
	service  string
	platform string
	// keep lets a failure pass: the image that is here will do, or the command
	// says so.
	keep bool
	// fallback are the services that can build the image where it cannot be pulled.
	fallback []string
	// stamp notes on the image that it was pulled now, for policies that go by its
	// age: the engine does so only when an image is tagged.
	stamp bool
}

// merge adds what one of the image's services asks for.
func (p *pull) merge(d imageDecision, builders []string) {
	p.keep = p.keep || d.keep
	p.stamp = p.stamp || d.refresh
	if !d.keep {
		p.fallback = builders
	}
}

// batch carries out pulls or pushes side by side. After a failure no further one
// begins, and those under way come to their end: the bytes they have moved are
// not for nothing.
type batch struct {
	group errgroup.Group
	mu    sync.Mutex
	errs  []error
}

func (a *App) newBatch() *batch {
	b := &batch{}
	b.group.SetLimit(pullLimit)
	if a.opt.Parallel > 0 {
		b.group.SetLimit(a.opt.Parallel)
	}
	return b
}

func (b *batch) add(ctx context.Context, do func() error) {
	b.group.Go(func() error {
		b.mu.Lock()
		stop := len(b.errs) > 0
		b.mu.Unlock()
		if stop {
			return nil
		}
		err := ctx.Err()
		if err == nil {
			err = do()
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if err != nil && (len(b.errs) == 0 || ctx.Err() == nil) { // an end is told once
			b.errs = append(b.errs, err)
		}
		return nil
	})
}

// wait gives the errors, each of which is told nowhere else.
func (b *batch) wait() error {
	_ = b.group.Wait() // each reports through errs
	return errors.Join(b.errs...)
}

// pullAll pulls images side by side and tries again what failed for a moment.
// failed are the references that could not be pulled though that is no error.
func (a *App) pullAll(ctx context.Context, e Engine, list []pull, quiet bool) (failed map[string]bool, err error) {
	failed = map[string]bool{}
	var mu sync.Mutex
	b := a.newBatch()
	for _, p := range list {
		b.add(ctx, func() error {
			pulled, err := a.pullOne(ctx, e, p, quiet)
			mu.Lock()
			defer mu.Unlock()
			failed[p.ref] = !pulled
			return err
		})
	}
	return failed, b.wait()
}

// pullOne pulls an image. Failures that may pass give pulled false and no error.
func (a *App) pullOne(ctx context.Context, e Engine, p pull, quiet bool) (pulled bool, err error) {
	a.status(event.Image, p.ref, p.service, event.Pulling, event.Working, "")
	opt := engine.PullOptions{Platform: p.platform}
	if !quiet {
		opt.Progress = a.layers(p.ref)
	}
	tries := pullTries
	if len(p.fallback) > 0 {
		tries = fallbackTries
	}
	err = a.retry(ctx, tries, "pull "+p.ref, func() error { return e.PullImage(ctx, p.ref, opt) })
	if err == nil && p.stamp && !strings.Contains(p.ref, "@") {
		err = e.TagImage(ctx, p.ref, p.ref)
	}
	switch {
	case err == nil:
		a.status(event.Image, p.ref, p.service, event.Pulled, event.Done, "")
		return true, nil
	case ctx.Err() != nil:
		a.status(event.Image, p.ref, p.service, event.Skipped, event.Warn, "interrupted")
		return false, ctx.Err()
	case len(p.fallback) > 0:
		a.status(event.Image, p.ref, p.service, event.Skipped, event.Done, "built here, as it cannot be pulled: "+reasonOf(err))
		return false, nil
	case p.keep:
		a.status(event.Image, p.ref, p.service, event.Skipped, event.Warn, "not pulled: "+reasonOf(err))
		return false, nil
	}
	a.status(event.Image, p.ref, p.service, event.Error, event.Failed, reasonOf(err))
	return false, ofService(p.service, err)
}

// reasonOf is what the engine said, without what was asked of it.
func reasonOf(err error) string {
	var refusal *engine.Error
	if errors.As(err, &refusal) {
		return refusal.Text
	}
	return err.Error()
}

func ofService(service string, err error) error {
	if service == "" {
		return err
	}
	return fmt.Errorf("service %s: %w", service, err)
}

// retry tries again what failed for a moment, with a growing pause.
func (a *App) retry(ctx context.Context, tries int, what string, try func() error) error {
	pause := pullPause
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == tries || ctx.Err() != nil || !errors.Is(err, engine.ErrTransient) {
			return err
		}
		a.warn(fmt.Sprintf("%s failed, trying again in %s: %s", what, pause, reasonOf(err)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// layers turns the engine's messages about layers into events. Their statuses
// are the engine's own words, such as "Downloading".
func (a *App) layers(ref string) func(engine.PullProgress) {
	return func(p engine.PullProgress) {
		if p.Layer == "" || strings.HasPrefix(p.Status, "Pulling from") {
			return // about the image as a whole
		}
		a.opt.Sink.Emit(event.Event{
			Version: event.Version, Time: time.Now(), Kind: event.KindStatus, Name: p.Layer,
			Parent: event.Image + " " + ref, Status: event.Status(p.Status), Phase: layerPhase(p.Status),
			Current: p.Current, Total: p.Total,
		})
	}
}

// layerPhase knows the last words about a layer.
func layerPhase(status string) event.Phase {
	switch status {
	case "Pull complete", "Already exists", "Pushed", "Layer already exists":
		return event.Done
	}
	if strings.HasPrefix(status, "Mounted from") {
		return event.Done
	}
	return event.Working
}

// quietly is the App without the statuses of what goes well.
func (a *App) quietly(quiet bool) *App {
	if !quiet {
		return a
	}
	silent, sink := *a, a.opt.Sink
	silent.opt.Sink = event.SinkFunc(func(e event.Event) {
		if e.Kind != event.KindStatus || e.Phase == event.Failed || e.Phase == event.Warn {
			sink.Emit(e)
		}
	})
	return &silent
}

// Pull pulls the images of services.
func (a *App) Pull(ctx context.Context, r PullRequest) error {
	e, err := a.connect()
	if err != nil {
		return err
	}
	loaded, err := a.load(ctx, r.Project, r.Services, !r.IncludeDeps)
	if err != nil {
		return err
	}
	a = a.quietly(r.Quiet)
	list, err := a.pullList(ctx, e, loaded, r)
	if err != nil {
		return err
	}
	if r.DryRun {
		a.rehearseImages(imageWork{pull: list})
		return nil
	}
	if _, err := e.Info(ctx); err != nil {
		return err // once, instead of once for each image
	}
	failed, err := a.pullAll(ctx, e, list, r.Quiet)
	if err != nil {
		return err
	}
	a.tellToBuild(loaded.Project, failed)
	return nil
}

// tellToBuild names the services that were not pulled but can be built.
func (a *App) tellToBuild(p *types.Project, failed map[string]bool) {
	var names []string
	for _, name := range sortedKeys(p.Services) {
		if svc := p.Services[name]; svc.Build != nil && failed[svc.Image] {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		a.warn("images that were not pulled can be built: berth build " + strings.Join(names, " "))
	}
}

// pullList are the images of `pull`: policy "missing" leaves out those that are
// here; those that can be built fail softly or are left out. What services use
// beside their own image, for hooks and image volumes, comes with them.
func (a *App) pullList(ctx context.Context, e Engine, loaded *project.Loaded, r PullRequest) ([]pull, error) {
	local, err := localForPull(ctx, e, loaded.Project, r)
	if err != nil {
		return nil, err
	}
	p, sep := loaded.Project, separator(r.Project)
	builders := buildersOf(p, sep, UpRequest{})
	var list []pull
	seen := map[[2]string]bool{}
	for _, name := range sortedKeys(p.Services) {
		svc := p.Services[name]
		key := [2]string{svc.Image, pullPlatform(p, svc)}
		if svc.Provider != nil || seen[key] {
			continue
		}
		if why := whyNotPulled(svc, local, len(builders[svc.Image]) > 0, r); why != "" {
			a.status(event.Service, name, name, event.Skipped, event.Done, why)
			continue
		}
		seen[key] = true
		policy, _, err := svc.GetPullPolicy()
		if err != nil {
			return nil, fmt.Errorf("services.%s.pull_policy: %w", name, err)
		}
		list = append(list, pull{
			ref: svc.Image, service: name, platform: key[1], stamp: policy == types.PullPolicyRefresh,
			keep: r.IgnorePullFailures || len(builders[svc.Image]) > 0,
		})
	}
	for _, ref := range imageRefs(p, sep) {
		if _, here := local[ref]; !here && !isServiceImage(p, ref, sep) {
			list = append(list, pull{ref: ref, platform: pullPlatform(p, types.ServiceConfig{}), keep: r.IgnorePullFailures})
		}
	}
	return list, nil
}

// pullPolicy is the policy of one service for `pull`.
func pullPolicy(svc types.ServiceConfig, r PullRequest) string {
	if r.Policy != "" {
		return r.Policy
	}
	return svc.PullPolicy
}

// whyNotPulled is the reason for leaving out a service's image; empty if there is
// none.
func whyNotPulled(svc types.ServiceConfig, local map[string]engine.Image, buildable bool, r PullRequest) string {
	policy := pullPolicy(svc, r)
	_, here := local[svc.Image]
	switch {
	case svc.Image == "":
		return "No image to be pulled"
	case policy == types.PullPolicyNever || policy == types.PullPolicyBuild:
		return "its pull_policy is " + policy
	case isMissing(policy) && here:
		return "Image is already present locally"
	case buildable && r.IgnoreBuildable:
		return "Image can be built"
	}
	return ""
}

func isMissing(policy string) bool {
	return policy == types.PullPolicyMissing || policy == types.PullPolicyIfNotPresent
}

// localForPull are the images that are here, if any service's policy asks.
func localForPull(ctx context.Context, e Engine, p *types.Project, r PullRequest) (map[string]engine.Image, error) {
	for _, svc := range p.Services {
		if isMissing(pullPolicy(svc, r)) {
			return e.Images(ctx, imageRefs(p, separator(r.Project))...)
		}
	}
	return map[string]engine.Image{}, nil
}
