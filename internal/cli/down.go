package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
)

// downer takes a project away.
type downer interface {
	Down(context.Context, app.DownRequest) error
}

func newDown(s *session, runF run[app.DownRequest]) *cobra.Command {
	var r app.DownRequest
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "down [OPTIONS] [SERVICE...]",
		Short: "Stop and remove containers and networks",
		Long: `Stop the containers of the project and remove them with its networks. Named
volumes and images stay unless asked for. With -p no Compose file is needed.`,
		Example: `  berth down
  berth down -v                 remove the project's data as well
  berth down --rmi local        ... or the images it built
  berth -p shop down            by name, without its files`,
	})
	flags := cmd.Flags()
	flags.BoolVarP(&r.Volumes, "volumes", "v", false, "Remove the named volumes of the project and anonymous ones")
	flags.StringVar(&r.Images, "rmi", "", `Remove images of services: "local" for those without a tag of their own, or "all"`)
	flags.BoolVar(&r.RemoveOrphans, "remove-orphans", false, "Remove containers of services that the files do not have")
	addTimeout(flags, &r.Timeout)
	addLockTimeout(flags, &r.LockTimeout)
	addTakeOver(flags, &r.TakeOver)
	flags.BoolVar(&r.Volumes, "volume", false, "Same as --volumes")
	deprecate(flags, "volume", "use --volumes")

	runF = runF.or(direct(s, "down", downer.Down))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd, "--rmi", r.Images, "local", "all"); err != nil {
			return err
		}
		if err := s.orphans(cmd, &r.RemoveOrphans, nil); err != nil {
			return err
		}
		r.Project, r.Services, r.DryRun = s.project(), args, s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}

// alias lets flags be given by an older name too.
func alias(flags *pflag.FlagSet, names map[string]string) {
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if now, ok := names[name]; ok {
			name = now
		}
		return pflag.NormalizedName(name)
	})
}
