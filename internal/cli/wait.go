package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// waiter waits for the end of containers.
type waiter interface {
	Wait(context.Context, app.WaitRequest, func(app.WaitResult) error) (exitCode int, err error)
}

func newWait(s *session, runF run[app.WaitRequest]) *cobra.Command {
	var r app.WaitRequest
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "wait [OPTIONS] SERVICE...",
		Short: "Wait until containers have stopped",
		Long: `Wait until the containers of services have stopped. berth ends with the exit code
of the first one that failed, or 0.`,
		Example: `  berth wait migrate
  berth wait --down-project tests`,
		Args: argsBetween(1, -1, "at least one service"),
	})
	cmd.Flags().BoolVar(&r.DownProject, "down-project", false, "Take the project down when the first container has stopped")

	runF = runF.or(shown(s, "wait", runWait))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Project, r.Services, r.DryRun = s.project(), args, s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runWait(ctx context.Context, s *session, use waiter, r app.WaitRequest) error {
	code, err := use.Wait(ctx, r, func(w app.WaitResult) error {
		return s.print(fmt.Sprintf("container %q exited with status code %d\n", w.Container, w.ExitCode))
	})
	return status(code, err)
}
