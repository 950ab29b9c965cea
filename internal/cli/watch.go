package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// watcher carries out the rules of develop.watch.
type watcher interface {
	Watch(context.Context, app.WatchRequest, app.Control) error
}

func newWatch(s *session, runF run[app.WatchRequest]) *cobra.Command {
	var r app.WatchRequest
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "watch [OPTIONS] [SERVICE...]",
		Short: "Bring changed files into the containers as they change",
		Long: `Bring services up and carry out the rules of their develop.watch sections as files
change, until Ctrl-C. The containers are left running.`,
		Example: `  berth watch
  berth watch --no-up web`,
	})
	flags := cmd.Flags()
	flags.BoolVar(&r.NoUp, "no-up", false, "Do not build and start services first")
	flags.BoolVar(&r.Prune, "prune", true, "Remove the images that rebuilds replace")
	flags.BoolVar(&r.Quiet, "quiet", false, "Do not show the output of builds")
	addLockTimeout(flags, &r.LockTimeout)
	addTakeOver(flags, &r.TakeOver)

	runF = runF.or(shown(s, "watch", runWatch))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Project, r.Services, s.foreground = s.project(), args, true
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runWatch(ctx context.Context, s *session, use watcher, r app.WatchRequest) error {
	return use.Watch(ctx, r, app.Control{Faster: s.interrupts.Faster()})
}
