package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
)

// What the commands about images call.
type (
	builder interface {
		Build(context.Context, app.BuildRequest) error
		BuildDefinition(context.Context, app.BuildRequest) ([]byte, error)
	}
	puller interface {
		Pull(context.Context, app.PullRequest) error
	}
	pusher interface {
		Push(context.Context, app.PushRequest) error
	}
)

func newBuild(s *session, runF run[app.BuildRequest]) *cobra.Command {
	var (
		r        app.BuildRequest
		progress string
	)
	cmd := s.command(groupImages, &cobra.Command{
		Use:   "build [OPTIONS] [SERVICE...]",
		Short: "Build images",
		Long:  "Build the images of services that have a build section, through the engine's BuildKit.",
		Example: `  berth build
  berth build --pull --no-cache web
  berth build --build-arg VERSION=1.2 --push`,
	})
	addBuildFlags(cmd.Flags(), &r, &progress)

	runF = runF.or(shown(s, "build", runBuild))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch progress {
		case "":
		case "rawjson":
			s.flags.progress = "json"
		default:
			s.flags.progress = progress
		}
		r.Project, r.Services, r.DryRun = s.project(), args, s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runBuild(ctx context.Context, s *session, use builder, r app.BuildRequest) error {
	if !r.Print {
		return use.Build(ctx, r)
	}
	definition, err := use.BuildDefinition(ctx, r)
	if err != nil {
		return err
	}
	return s.print(strings.TrimRight(string(definition), "\n") + "\n")
}

func addBuildFlags(flags *pflag.FlagSet, r *app.BuildRequest, progress *string) {
	flags.StringArrayVar(&r.Args, "build-arg", nil, "Build argument as KEY=VALUE, or KEY to take it from the environment")
	flags.StringVar(&r.Builder, "builder", "", "Builder to use")
	flags.BoolVar(&r.Check, "check", false, "Check the build's configuration only")
	flags.VarP(bytesFlag{&r.Memory}, "memory", "m", "Memory limit of the build; BuildKit does not know one")
	flags.BoolVar(&r.NoCache, "no-cache", false, "Build every step anew")
	flags.BoolVar(&r.Print, "print", false, "Show what would be built as bake JSON, and build nothing")
	flags.StringVar(&r.Provenance, "provenance", "", "Add a provenance attestation")
	flags.BoolVar(&r.Pull, "pull", false, "Look for newer versions of base images")
	flags.BoolVar(&r.Push, "push", false, "Push the images that were built")
	flags.BoolVarP(&r.Quiet, "quiet", "q", false, "Do not show the output of builds")
	flags.StringVar(&r.SBOM, "sbom", "", "Add an SBOM attestation")
	flags.StringVar(&r.SSH, "ssh", "", "SSH agent or keys for the build: default, or ID=PATH")
	flags.BoolVar(&r.WithDependencies, "with-dependencies", false, "Build the services it depends on as well")

	const accepted = "Accepted for the sake of old scripts; has no effect"
	flags.StringVar(progress, "progress", "", "Same as the option of this name before the command")
	flags.Bool("compress", true, accepted)
	flags.Bool("force-rm", true, accepted)
	flags.Bool("no-rm", false, accepted)
	flags.Bool("parallel", true, accepted)
	hide(flags, "compress", "force-rm", "no-rm", "parallel")
	deprecate(flags, "progress", "give it before the command")
}
