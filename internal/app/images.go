package app

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"
)

const (
	// pullLimit is how many images are pulled at the same time.
	pullLimit = 4
	// pullTries and pullPause bound the retries of a transient failure; the pause
	// doubles after each try.
	pullTries = 4
	pullPause = 500 * time.Millisecond
)

// imageRefs are the references of all services' images, sorted, each once.
func imageRefs(p *types.Project, separator string) []string {
	seen := map[string]bool{}
	var out []string
	for _, svc := range p.Services {
		ref := desired.ImageName(p, svc, separator)
		if svc.Provider == nil && !seen[ref] {
			seen[ref] = true
			out = append(out, ref)
		}
		for _, hook := range svc.PreStart {
			if hook.Image != "" && !seen[hook.Image] {
				seen[hook.Image] = true
				out = append(out, hook.Image)
			}
		}
		for _, v := range svc.Volumes {
			if v.Type == types.VolumeTypeImage && !seen[v.Source] {
				seen[v.Source] = true
				out = append(out, v.Source)
			}
		}
	}
	sort.Strings(out)
	return out
}

// finishImages pulls and builds what is to be pulled and built, and works out the
// desired state again with what came of it.
func (a *App) finishImages(ctx context.Context, s *upState) error {
	if !s.request.DryRun {
		if err := a.opt.Provider.PrepareModels(ctx, s.loaded.Project); err != nil {
			return err
		}
	}
	if len(s.work.pull) == 0 && len(s.work.build) == 0 {
		return nil
	}
	if s.request.DryRun {
		a.rehearseImages(s.work)
		return nil
	}
	if err := a.pullAll(ctx, s.engine, s.work.pull, s.request.QuietPull); err != nil {
		return err
	}
	if len(s.work.build) > 0 {
		if err := a.buildServices(ctx, s.engine, s.loaded, s.work.build, s.request.QuietBuild); err != nil {
			return err
		}
	}
	var err error
	s.actual.Images, err = s.engine.Images(ctx, imageRefs(s.loaded.Project, separator(s.request.Project))...)
	if err != nil {
		return err
	}
	return a.redesire(ctx, s)
}

// imageWork is what must be pulled and built.
type imageWork struct {
	pull  []pull
	build []string // services
}

// pull is one image to be pulled.
type pull struct {
	ref      string
	service  string
	platform string
	// optional lets a failure pass: the image is there, or can be built.
	optional bool
}

// imageWork decides per image what its service's policy asks for.
func (a *App) imageWork(s *upState, refs []string) (imageWork, error) {
	var w imageWork
	seen := map[string]bool{}
	p := s.loaded.Project
	for _, name := range sortedKeys(p.Services) {
		svc := p.Services[name]
		if svc.Provider != nil {
			continue
		}
		ref := desired.ImageName(p, svc, separator(s.request.Project))
		image, local := s.actual.Images[ref]
		todo, err := decideImage(svc, image, local, s.request)
		if err != nil {
			return w, err
		}
		if todo.build && !seen["build "+name] {
			w.build = append(w.build, name)
		}
		if todo.pull && !seen[ref] {
			seen[ref] = true
			w.pull = append(w.pull, pull{ref: ref, service: name, platform: svc.Platform, optional: local && todo.refresh})
		}
	}
	for _, ref := range refs {
		if _, local := s.actual.Images[ref]; !local && !seen[ref] && !builtOrNamed(p, ref, separator(s.request.Project)) {
			w.pull = append(w.pull, pull{ref: ref})
		}
	}
	return w, nil
}

// builtOrNamed tells whether some service's own image has this reference.
func builtOrNamed(p *types.Project, ref, separator string) bool {
	for _, svc := range p.Services {
		if desired.ImageName(p, svc, separator) == ref {
			return true
		}
	}
	return false
}

type imageDecision struct{ pull, build, refresh bool }

// decideImage applies a service's pull policy, or the command's.
func decideImage(svc types.ServiceConfig, image engine.Image, local bool, r UpRequest) (imageDecision, error) {
	if r.Pull != "" && r.Pull != "policy" {
		svc.PullPolicy = r.Pull
	}
	policy, age, err := svc.GetPullPolicy()
	if err != nil {
		return imageDecision{}, fmt.Errorf("services.%s.pull_policy: %w", svc.Name, err)
	}
	buildable := svc.Build != nil && !r.NoBuild
	switch {
	case svc.Build != nil && (r.Build || policy == types.PullPolicyBuild) && !r.NoBuild:
		return imageDecision{build: true}, nil
	case policy == types.PullPolicyAlways && svc.Build == nil:
		return imageDecision{pull: true}, nil
	case policy == types.PullPolicyRefresh && svc.Build == nil && (!local || time.Since(image.LastTagged) > age):
		return imageDecision{pull: true, refresh: true}, nil
	case local:
		return imageDecision{}, nil
	case buildable:
		return imageDecision{build: true}, nil
	case policy == types.PullPolicyNever || policy == types.PullPolicyBuild:
		return imageDecision{}, fmt.Errorf("service %s: image %s is not here and its pull policy is %q", svc.Name, imageOf(svc), policy)
	case svc.Image == "":
		return imageDecision{}, fmt.Errorf("service %s: its image has not been built, and --no-build forbids it", svc.Name)
	}
	return imageDecision{pull: true}, nil
}

func imageOf(svc types.ServiceConfig) string {
	if svc.Image == "" {
		return "of its build"
	}
	return svc.Image
}

// pullAll pulls images side by side and tries again what failed for a moment.
func (a *App) pullAll(ctx context.Context, e Engine, list []pull, quiet bool) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(pullLimit)
	for _, p := range list {
		g.Go(func() error { return a.pullOne(ctx, e, p, quiet) })
	}
	return g.Wait()
}

func (a *App) pullOne(ctx context.Context, e Engine, p pull, quiet bool) error {
	a.status(event.Image, p.ref, p.service, event.Pulling, event.Working, "")
	opt := engine.PullOptions{Platform: p.platform}
	if !quiet {
		opt.Progress = a.layers(p.ref)
	}
	err := retry(ctx, func() error { return e.PullImage(ctx, p.ref, opt) }, func(err error) {
		a.warn(fmt.Sprintf("pull %s failed, trying again: %v", p.ref, err))
	})
	switch {
	case err == nil:
		a.status(event.Image, p.ref, p.service, event.Pulled, event.Done, "")
		return nil
	case p.optional && ctx.Err() == nil:
		a.status(event.Image, p.ref, p.service, event.Skipped, event.Warn, "kept as it is: "+err.Error())
		return nil
	}
	a.status(event.Image, p.ref, p.service, event.Error, event.Failed, err.Error())
	if p.service != "" {
		err = fmt.Errorf("service %s: %w", p.service, err)
	}
	return err
}

// retry tries again what failed for a moment, with a growing pause.
func retry(ctx context.Context, try func() error, again func(error)) error {
	pause := pullPause
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == pullTries || !errors.Is(err, engine.ErrTransient) {
			return err
		}
		again(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// layers turns the engine's messages about layers into events.
func (a *App) layers(ref string) func(engine.PullProgress) {
	return func(p engine.PullProgress) {
		if p.Layer == "" {
			return
		}
		a.opt.Sink.Emit(event.Event{
			Version: event.Version, Time: time.Now(), Kind: event.KindStatus, Resource: event.Image, Name: p.Layer,
			Parent: event.Image + " " + ref, Status: event.Pulling, Phase: event.Working, Text: p.Status,
			Current: p.Current, Total: p.Total,
		})
	}
}

func (a *App) rehearseImages(w imageWork) {
	for _, p := range w.pull {
		a.dry(event.Image, p.ref, p.service, event.Pulling, event.Pulled)
	}
	for _, name := range w.build {
		a.dry(event.Image, name, name, event.Building, event.Built)
	}
}

func (a *App) dry(resource, name, service string, begin, end event.Status) {
	for _, st := range []event.Status{begin, end} {
		phase := event.Working
		if st == end {
			phase = event.Done
		}
		a.opt.Sink.Emit(event.Event{
			Version: event.Version, Time: time.Now(), Kind: event.KindStatus, Resource: resource, Name: name,
			Service: service, Status: st, Phase: phase, DryRun: true,
		})
	}
}

func (a *App) status(resource, name, service string, s event.Status, phase event.Phase, text string) {
	a.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: time.Now(), Kind: event.KindStatus, Resource: resource, Name: name,
		Service: service, Status: s, Phase: phase, Text: text,
	})
}

func (a *App) notice(text string) {
	a.opt.Sink.Emit(event.Event{Version: event.Version, Time: time.Now(), Kind: event.KindNotice, Text: text})
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
	list, err := a.pullList(ctx, e, loaded, r)
	if err != nil {
		return err
	}
	if r.DryRun {
		a.rehearseImages(imageWork{pull: list})
		return nil
	}
	for i := range list {
		list[i].optional = list[i].optional || r.IgnorePullFailures
	}
	return a.pullAll(ctx, e, list, r.Quiet)
}

// pullList are the images of `pull`: policy "missing" leaves out those that are
// here, services that can be built fail softly or are left out.
func (a *App) pullList(ctx context.Context, e Engine, loaded *project.Loaded, r PullRequest) ([]pull, error) {
	var local map[string]engine.Image
	if r.Policy == types.PullPolicyMissing {
		var err error
		local, err = e.Images(ctx, imageRefs(loaded.Project, separator(r.Project))...)
		if err != nil {
			return nil, err
		}
	}
	var list []pull
	seen := map[string]bool{}
	for _, name := range sortedKeys(loaded.Project.Services) {
		svc := loaded.Project.Services[name]
		_, here := local[svc.Image]
		switch {
		case svc.Image == "" && svc.Provider == nil:
			a.status(event.Service, name, name, event.Skipped, event.Done, "No image to be pulled")
		case svc.Provider != nil || seen[svc.Image] || here:
		case svc.PullPolicy == types.PullPolicyNever || svc.PullPolicy == types.PullPolicyBuild:
			a.status(event.Service, name, name, event.Skipped, event.Done, "its pull_policy is "+svc.PullPolicy)
		case svc.Build != nil && r.IgnoreBuildable:
			a.status(event.Service, name, name, event.Skipped, event.Done, "Image can be built")
		default:
			seen[svc.Image] = true
			list = append(list, pull{ref: svc.Image, service: name, platform: svc.Platform, optional: svc.Build != nil})
		}
	}
	return list, nil
}

// Push pushes the images of services that are built here.
func (a *App) Push(ctx context.Context, r PushRequest) error {
	e, err := a.connect()
	if err != nil {
		return err
	}
	loaded, err := a.load(ctx, r.Project, r.Services, !r.IncludeDeps)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(pullLimit)
	for _, name := range sortedKeys(loaded.Project.Services) {
		svc := loaded.Project.Services[name]
		if svc.Build == nil || svc.Image == "" {
			a.status(event.Service, name, name, event.Skipped, event.Done, "it is not built here or has no image name")
			continue
		}
		for _, ref := range append([]string{svc.Image}, svc.Build.Tags...) {
			if r.DryRun {
				a.dry(event.Image, ref, name, event.Pushing, event.Pushed)
				continue
			}
			g.Go(func() error { return a.pushOne(ctx, e, ref, name, r) })
		}
	}
	return g.Wait()
}

func (a *App) pushOne(ctx context.Context, e Engine, ref, service string, r PushRequest) error {
	a.status(event.Image, ref, service, event.Pushing, event.Working, "")
	opt := engine.PullOptions{}
	if !r.Quiet {
		opt.Progress = a.layers(ref)
	}
	err := retry(ctx, func() error { return e.PushImage(ctx, ref, opt) }, func(err error) {
		a.warn(fmt.Sprintf("push %s failed, trying again: %v", ref, err))
	})
	switch {
	case err == nil:
		a.status(event.Image, ref, service, event.Pushed, event.Done, "")
		return nil
	case r.IgnorePushFailures && ctx.Err() == nil:
		a.status(event.Image, ref, service, event.Skipped, event.Warn, err.Error())
		return nil
	}
	a.status(event.Image, ref, service, event.Error, event.Failed, err.Error())
	return fmt.Errorf("service %s: %w", service, err)
}
