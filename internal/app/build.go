package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/internal/build"
	"github.com/berth-dev/berth/internal/project"
	"github.com/compose-spec/compose-go/v2/types"
)

// Build builds the images of services.
func (a *App) Build(ctx context.Context, r BuildRequest) error {
	e, err := a.connect()
	if err != nil {
		return err
	}
	loaded, err := a.load(ctx, r.Project, r.Services, !r.WithDependencies)
	if err != nil {
		return err
	}
	return a.buildServices(ctx, e, loaded, r.Services, r.Quiet, r)
}

// buildServices builds the images of the named services, or of all that have a
// build section.
func (a *App) buildServices(ctx context.Context, e Engine, loaded *project.Loaded, services []string, quiet bool, r BuildRequest) error {
	targets, err := build.Targets(loaded.Project, services, r.WithDependencies)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		a.notice("No services to build")
		return nil
	}
	info, err := e.Info(ctx)
	if err != nil {
		return err
	}
	display := build.Display{Mode: a.opt.Build.Mode, Out: a.opt.Build.Out}
	if quiet {
		display.Mode = "quiet"
	}
	opt := build.Options{
		NoCache: r.NoCache, Pull: r.Pull, Args: types.NewMappingWithEquals(r.Args), Memory: r.Memory,
		Provenance: r.Provenance, SBOM: r.SBOM, Parallel: a.opt.Parallel, Stdin: a.opt.Stdin,
		LookupEnv: func(name string) (string, bool) { v, ok := loaded.Environment[name]; return v, ok },
		Display:   display, Sink: a.opt.Sink, Engine: info,
	}
	if r.SSH != "" {
		opt.SSH = strings.Split(r.SSH, " ")
	}
	if r.Check {
		return a.checkBuild(ctx, e, targets, opt)
	}
	built, err := build.Run(ctx, e, targets, opt)
	if err != nil || !r.Push {
		return err
	}
	for service, image := range built {
		for _, ref := range image.Tags {
			if err := a.pushOne(ctx, e, ref, service, PushRequest{Quiet: r.Quiet}); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkBuild runs the Dockerfile checks; a finding is an error.
func (a *App) checkBuild(ctx context.Context, e Engine, targets []build.Target, opt build.Options) error {
	findings, err := build.Check(ctx, e, targets, opt)
	if err != nil {
		return err
	}
	for _, f := range findings {
		a.warn(fmt.Sprintf("service %s: %s: %s: %s", f.Service, f.Where, f.Rule, f.Text))
	}
	if len(findings) > 0 {
		return fmt.Errorf("the build checks found %d problems", len(findings))
	}
	a.notice("Check complete, no warnings found")
	return nil
}
