package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

func newCreate(s *session, runF run[app.UpRequest]) *cobra.Command {
	var (
		r     app.UpRequest
		scale []string
	)
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "create [OPTIONS] [SERVICE...]",
		Short: "Create containers without starting them",
		Long: `Create the containers, networks and volumes of services, and start nothing.
The same as up --no-start.`,
		Example: `  berth create
  berth create --build web`,
	})
	addCreateFlags(cmd.Flags(), &r, &scale)
	addLockTimeout(cmd.Flags(), &r.LockTimeout)
	addTakeOver(cmd.Flags(), &r.TakeOver)
	addStrict(cmd.Flags(), &r.Strict)
	addPruneImages(cmd.Flags(), &r.PruneImages)

	runF = runF.or(shown(s, "create", runPlainUp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Services, r.NoStart = args, true
		if err := s.completeUp(cmd, &r, scale); err != nil {
			return err
		}
		return runF(cmd.Context(), r)
	}
	return cmd
}

// runPlainUp is up for the commands that show nothing but its progress.
func runPlainUp(ctx context.Context, _ *session, use upper, r app.UpRequest) error {
	_, err := use.Up(ctx, r)
	return err
}
