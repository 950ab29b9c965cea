package app

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/berth-dev/berth/internal/build"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/labels"
	"github.com/compose-spec/compose-go/v2/types"
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
	return a.buildTargets(ctx, e, loaded, targets, r)
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
	targets, err := build.Targets(loaded.Project, r.Services, r.WithDependencies)
	return loaded, targets, err
}

// buildServices builds what the named services need to run here.
func (a *App) buildServices(ctx context.Context, e Engine, loaded *project.Loaded, services []string, quiet bool) error {
	targets, err := build.Targets(loaded.Project, services, false)
	if err != nil {
		return err
	}
	info, err := e.Info(ctx)
	if err != nil {
		return err
	}
	targets = build.ForRunning(targets, info.OS+"/"+info.Arch)
	return a.buildTargets(ctx, e, loaded, targets, BuildRequest{Quiet: quiet})
}

func (a *App) buildTargets(ctx context.Context, e Engine, loaded *project.Loaded, targets []build.Target, r BuildRequest) error {
	if len(targets) == 0 {
		a.notice("No services to build")
		return nil
	}
	if r.DryRun {
		for _, t := range targets {
			a.dry(event.Image, t.Tags[0], t.Service, event.Building, event.Built)
		}
		return nil
	}
	info, err := e.Info(ctx)
	if err != nil {
		return err
	}
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
	for _, service := range sortedKeys(built) {
		for _, ref := range built[service].Tags {
			if err := a.pushOne(ctx, e, ref, service, PushRequest{Quiet: r.Quiet}); err != nil {
				return err
			}
		}
	}
	return nil
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
