package cli

import (
	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

func newScale(s *session, runF run[app.UpRequest]) *cobra.Command {
	var r app.UpRequest
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "scale [OPTIONS] SERVICE=REPLICAS...",
		Short: "Change the number of containers of services",
		Long: `Run the given number of containers of each service. New ones get the lowest
free numbers; of those too many, the outdated go first, then the highest numbers.`,
		Example: `  berth scale web=3 worker=2
  berth scale --no-deps worker=0`,
		Args:              argsBetween(1, -1, "at least one SERVICE=REPLICAS"),
		ValidArgsFunction: s.completeScale,
	})
	cmd.Flags().BoolVar(&r.NoDeps, "no-deps", false, "Leave the services it depends on alone")
	addLockTimeout(cmd.Flags(), &r.LockTimeout)
	addTakeOver(cmd.Flags(), &r.TakeOver)

	runF = runF.or(shown(s, "scale", runPlainUp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		counts, err := parseScale("scale", args)
		if err != nil {
			return conflict(cmd, "%s", err)
		}
		r.Scale, r.Services = counts, sortedKeys(counts)
		r.Project, r.DryRun = s.project(), s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}
