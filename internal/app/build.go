package app

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/build"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/labels"
)

// Build builds the images of services.
func (a *App) Build(ctx context.Context, r BuildRequest) error {
	e, err := a.connect()
	if err != nil {
		return err
	}
	loaded, targets, err := a.targets(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case len(targets) == 0:
		a.notice("No services to build")
		return nil
	case r.DryRun:
		for _, t := range targets {
			a.dry(event.Image, t.Tags[0], t.Service, event.Building, event.Built)
		}
		return nil
	}
	info, err := e.Info(ctx)
	if err != nil {
		return err
	}
	return a.buildTargets(ctx, e, loaded, info, targets, r)
}

// BuildDefinition writes what Build would build as a bake definition (--print).
func (a *App) BuildDefinition(ctx context.Context, r BuildRequest) ([]byte, error) {
	loaded, targets, err := a.targets(ctx, r)
	if err != nil {
		return nil, err
	}
	opt, err := a.buildOptions(loaded, engine.Info{}, r)
	if err != nil {
		return nil, err
	}
	return build.Bake(targets, opt, build.BakeOptions{Push: r.Push, Check: r.Check})
}

func (a *App) targets(ctx context.Context, r BuildRequest) (*project.Loaded, []build.Target, error) {
	loaded, err := a.load(ctx, r.Project, r.Services, !r.WithDependencies)
	if err != nil {
		return nil, nil, err
	}
	services := r.Services
	if len(services) == 0 {
		services = sortedKeys(loaded.Project.Services)
	}
	if len(services) == 0 {
		return loaded, nil, nil
	}
	targets, err := build.Targets(withSources(loaded.Project), services, r.WithDependencies)
	return loaded, targets, err
}

// withSources is the project with the services that its images are built from
// ("service:" contexts) though they are not selected or not of an active profile.
func withSources(p *types.Project) *types.Project {
	whole := *p
	whole.Services = maps.Clone(p.Services)
	todo := sortedKeys(p.Services)
	for len(todo) > 0 {
		svc := whole.Services[todo[0]]
		todo = todo[1:]
		if svc.Build == nil {
			continue
		}
		for _, value := range svc.Build.AdditionalContexts {
			name, ok := strings.CutPrefix(value, "service:")
			source, off := p.DisabledServices[name]
			if _, here := whole.Services[name]; ok && off && !here {
				whole.Services[name] = source
				todo = append(todo, name)
			}
		}
	}
	return &whole
}

// buildServices builds what the named services need to run here.
func (a *App) buildServices(ctx context.Context, e Engine, loaded *project.Loaded, services []string, quiet bool) error {
	targets, err := build.Targets(withSources(loaded.Project), services, false)
	if err != nil {
		return err
	}
	info, err := e.Info(ctx)
	if err != nil {
		return err
	}
	targets = build.ForRunning(targets, info.OS+"/"+info.Arch)
	return a.buildTargets(ctx, e, loaded, info, targets, BuildRequest{Quiet: quiet})
}

// buildTargets builds on the engine that info describes.
func (a *App) buildTargets(ctx context.Context, e Engine, loaded *project.Loaded, info engine.Info, targets []build.Target, r BuildRequest) error {
	a.warn(rivals(targets)...)
	opt, err := a.buildOptions(loaded, info, r)
	if err != nil {
		return err
	}
	opt.Exec = e
	if classic, ok := e.(build.ClassicBuilder); ok {
		opt.Classic = classic
	}
	if loader, ok := e.(build.Loader); ok {
		opt.Loader = loader
	}
	if proxied, ok := e.(interface{ Proxies() map[string]string }); ok {
		opt.ProxyArgs = proxied.Proxies()
	}
	if r.Check {
		return a.checkBuild(ctx, e, targets, opt)
	}
	built, err := build.Run(ctx, e, targets, opt)
	if err != nil || !r.Push || opt.Push {
		return err
	}
	return a.quietly(r.Quiet).pushAll(ctx, e, a.builtNames(loaded.Project, built), PushRequest{Quiet: r.Quiet})
}

// builtNames are the names of built images to push, each once. A service without
// an image key has a name that only this engine knows.
func (a *App) builtNames(p *types.Project, built map[string]build.Result) []pushed {
	var list []pushed
	for _, service := range sortedKeys(built) {
		for i, ref := range built[service].Tags {
			if i == 0 && p.Services[service].Image == "" {
				a.status(event.Service, service, service, event.Skipped, event.Warn, "not pushed: it has no image name")
				continue
			}
			if !slices.ContainsFunc(list, func(p pushed) bool { return p.ref == ref }) {
				list = append(list, pushed{ref: ref, service: service})
			}
		}
	}
	return list
}

// rivals warns of services that build different images under one name: which of
// them stays with it is chance.
func rivals(targets []build.Target) []string {
	var warnings []string
	first := map[string]build.Target{}
	for _, t := range targets {
		other, ok := first[t.Tags[0]]
		switch {
		case !ok:
			first[t.Tags[0]] = t
		case !reflect.DeepEqual(other.Build, t.Build):
			warnings = append(warnings, fmt.Sprintf("services %s and %s build different images of the same name %s: give one of them another image", other.Service, t.Service, t.Tags[0]))
		}
	}
	return warnings
}

// buildOptions are what the command line and the environment say.
func (a *App) buildOptions(loaded *project.Loaded, info engine.Info, r BuildRequest) (build.Options, error) {
	display := build.Display{Mode: a.opt.Build.Mode, Out: a.opt.Build.Out}
	if r.Quiet {
		display.Mode = "quiet"
	}
	env := loaded.Environment
	opt := build.Options{
		NoCache: r.NoCache, Pull: r.Pull, Args: types.NewMappingWithEquals(r.Args), Memory: r.Memory,
		Provenance: r.Provenance, SBOM: r.SBOM, Parallel: a.opt.Parallel, Stdin: a.opt.Stdin,
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Display:   display, Sink: a.opt.Sink, Engine: info, ForceClassic: env["DOCKER_BUILDKIT"] == "0",
		Labels: map[string]string{labels.Version: a.opt.Version},
	}
	if r.SSH != "" {
		opt.SSH = strings.Split(r.SSH, " ")
	}
	if r.Builder == "" {
		return opt, nil
	}
	config := env["DOCKER_CONFIG"]
	if config == "" {
		config = filepath.Join(env["HOME"], ".docker")
	}
	builder, err := build.FindBuilder(config, env["BUILDX_CONFIG"], r.Builder)
	if err != nil {
		return opt, err
	}
	opt.Builder, opt.Push = builder, builder != nil && r.Push
	return opt, nil
}

// checkBuild runs the Dockerfile checks; a finding is an error.
func (a *App) checkBuild(ctx context.Context, e Engine, targets []build.Target, opt build.Options) error {
	findings, err := build.Check(ctx, e, targets, opt)
	if err != nil {
		return err
	}
	for _, f := range findings {
		parts := []string{"service " + f.Service}
		for _, part := range []string{f.Where, f.Rule, f.Text} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		a.warn(strings.Join(parts, ": "))
	}
	if len(findings) > 0 {
		return fmt.Errorf("the build checks found %d problems", len(findings))
	}
	a.notice("Check complete, no warnings found")
	return nil
}
