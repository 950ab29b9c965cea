package cli

import (
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

func newPull(s *session, runF run[app.PullRequest]) *cobra.Command {
	var r app.PullRequest
	cmd := s.command(groupImages, &cobra.Command{
		Use:   "pull [OPTIONS] [SERVICE...]",
		Short: "Pull images",
		Long:  "Pull the images of services, each once, several at the same time.",
		Example: `  berth pull
  berth pull --policy missing --include-deps web`,
	})
	flags := cmd.Flags()
	flags.BoolVar(&r.IgnoreBuildable, "ignore-buildable", false, "Leave out images that can be built")
	flags.BoolVar(&r.IgnorePullFailures, "ignore-pull-failures", false, "Pull what can be pulled and go on past failures")
	flags.BoolVar(&r.IncludeDeps, "include-deps", false, "Pull for the services it depends on as well")
	flags.StringVar(&r.Policy, "policy", "", `Which images to pull ("missing" or "always")`)
	flags.BoolVarP(&r.Quiet, "quiet", "q", false, "Do not show progress")
	for _, old := range []string{"parallel", "no-parallel"} {
		flags.Bool(old, true, "Accepted for the sake of old scripts; has no effect")
		deprecate(flags, old, "it has no effect")
	}

	runF = runF.or(direct(s, "pull", puller.Pull))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd, "--policy", r.Policy, "missing", "always"); err != nil {
			return err
		}
		r.Project, r.Services, r.DryRun = s.project(), args, s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}

func newPush(s *session, runF run[app.PushRequest]) *cobra.Command {
	var r app.PushRequest
	cmd := s.command(groupImages, &cobra.Command{
		Use:   "push [OPTIONS] [SERVICE...]",
		Short: "Push images",
		Long:  "Push the images of services that have a build section.",
		Example: `  berth push
  berth push --include-deps web`,
	})
	flags := cmd.Flags()
	flags.BoolVar(&r.IgnorePushFailures, "ignore-push-failures", false, "Push what can be pushed and go on past failures")
	flags.BoolVar(&r.IncludeDeps, "include-deps", false, "Push for the services it depends on as well")
	flags.BoolVarP(&r.Quiet, "quiet", "q", false, "Do not show progress")

	runF = runF.or(direct(s, "push", pusher.Push))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Project, r.Services, r.DryRun = s.project(), args, s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}
