package cli

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
)

// What the commands that act on whole services call.
type (
	starter interface {
		Start(context.Context, app.ServicesRequest) error
	}
	stopper interface {
		Stop(context.Context, app.ServicesRequest) error
	}
	restarter interface {
		Restart(context.Context, app.ServicesRequest) error
	}
	killer interface {
		Kill(context.Context, app.ServicesRequest) error
	}
	pauser interface {
		Pause(context.Context, app.ServicesRequest) error
	}
	unpauser interface {
		Unpause(context.Context, app.ServicesRequest) error
	}
	remover interface {
		Remove(context.Context, app.ServicesRequest) error
	}
)

// servicesCommand completes a command that acts on whole services.
func servicesCommand(s *session, cmd *cobra.Command, r *app.ServicesRequest, runF run[app.ServicesRequest]) *cobra.Command {
	cmd = s.command(groupChange, cmd)
	addLockTimeout(cmd.Flags(), &r.LockTimeout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Lookup("remove-orphans") != nil {
			if err := s.orphans(cmd, &r.RemoveOrphans, nil); err != nil {
				return err
			}
		}
		r.Project, r.Services, r.DryRun = s.project(), args, s.flags.dryRun
		return runF(cmd.Context(), *r)
	}
	return cmd
}

// addLockTimeout adds berth's own limit to waiting for another writer.
func addLockTimeout(flags *pflag.FlagSet, to *time.Duration) {
	flags.DurationVar(to, "lock-timeout", 0, "How long to wait while another berth changes the project, such as 30s; 0 for as long as it takes")
}

func newStart(s *session, runF run[app.ServicesRequest]) *cobra.Command {
	var r app.ServicesRequest
	cmd := servicesCommand(s, &cobra.Command{
		Use:   "start [OPTIONS] [SERVICE...]",
		Short: "Start services that exist",
		Long:  "Start the containers that services already have, in the order of their dependencies.",
		Example: `  berth start
  berth start --wait web`,
	}, &r, runF.or(direct(s, "start", starter.Start)))
	cmd.Flags().BoolVar(&r.Wait, "wait", false, "Wait until services run or are healthy")
	cmd.Flags().Var(waitSecondsFlag{&r.WaitTimeout}, "wait-timeout", "Most seconds to wait, 0 for no limit")
	return cmd
}

func newStop(s *session, runF run[app.ServicesRequest]) *cobra.Command {
	var r app.ServicesRequest
	cmd := servicesCommand(s, &cobra.Command{
		Use:   "stop [OPTIONS] [SERVICE...]",
		Short: "Stop services",
		Long:  "Stop containers without removing them, those that depend on others first.",
		Example: `  berth stop
  berth stop -t 30 web`,
	}, &r, runF.or(direct(s, "stop", stopper.Stop)))
	addTimeout(cmd.Flags(), &r.Timeout)
	return cmd
}

func newRestart(s *session, runF run[app.ServicesRequest]) *cobra.Command {
	var r app.ServicesRequest
	cmd := servicesCommand(s, &cobra.Command{
		Use:   "restart [OPTIONS] [SERVICE...]",
		Short: "Restart services",
		Long: `Restart the containers that services have, and those of services that want to
restart with them (depends_on with restart: true). Changes to the Compose files
have no effect; use up for these.`,
		Example: `  berth restart
  berth restart --no-deps web`,
	}, &r, runF.or(direct(s, "restart", restarter.Restart)))
	cmd.Flags().BoolVar(&r.NoDeps, "no-deps", false, "Do not restart services that depend on it")
	addTimeout(cmd.Flags(), &r.Timeout)
	return cmd
}

func newKill(s *session, runF run[app.ServicesRequest]) *cobra.Command {
	var r app.ServicesRequest
	cmd := servicesCommand(s, &cobra.Command{
		Use:   "kill [OPTIONS] [SERVICE...]",
		Short: "Send a signal to the containers of services",
		Long:  "Send a signal to running containers, SIGKILL unless another is given.",
		Example: `  berth kill
  berth kill -s SIGHUP web`,
	}, &r, runF.or(direct(s, "kill", killer.Kill)))
	cmd.Flags().StringVarP(&r.Signal, "signal", "s", "SIGKILL", "Signal to send")
	cmd.Flags().BoolVar(&r.RemoveOrphans, "remove-orphans", false, "Include containers of services that the files do not have")
	return cmd
}

func newPause(s *session, runF run[app.ServicesRequest]) *cobra.Command {
	var r app.ServicesRequest
	return servicesCommand(s, &cobra.Command{
		Use:     "pause [SERVICE...]",
		Short:   "Pause services",
		Long:    "Freeze the processes of running containers until unpause.",
		Example: `  berth pause web`,
	}, &r, runF.or(direct(s, "pause", pauser.Pause)))
}

func newUnpause(s *session, runF run[app.ServicesRequest]) *cobra.Command {
	var r app.ServicesRequest
	return servicesCommand(s, &cobra.Command{
		Use:     "unpause [SERVICE...]",
		Short:   "Let paused services go on",
		Long:    "Let the processes of paused containers go on.",
		Example: `  berth unpause web`,
	}, &r, runF.or(direct(s, "unpause", unpauser.Unpause)))
}

func newRm(s *session, runF run[app.ServicesRequest]) *cobra.Command {
	var r app.ServicesRequest
	cmd := servicesCommand(s, &cobra.Command{
		Use:   "rm [OPTIONS] [SERVICE...]",
		Short: "Remove stopped containers of services",
		Long: `Remove the stopped containers of services. Anonymous volumes stay unless -v is
given. Asks first unless -f is given.`,
		Example: `  berth rm -f
  berth rm -fsv worker       stop it, then remove it with its anonymous volumes`,
	}, &r, runF.or(shown(s, "rm", runRm)))
	flags := cmd.Flags()
	flags.BoolVarP(&r.Force, "force", "f", false, "Do not ask")
	flags.BoolVarP(&r.Stop, "stop", "s", false, "Stop the containers first")
	flags.BoolVarP(&r.Volumes, "volumes", "v", false, "Remove their anonymous volumes as well")
	flags.BoolP("all", "a", false, "Accepted for the sake of old scripts; has no effect")
	hide(flags, "all")
	addTakeOver(flags, &r.TakeOver)
	alias(flags, map[string]string{"volume": "volumes"})
	return cmd
}

func runRm(ctx context.Context, s *session, use remover, r app.ServicesRequest) error {
	if r.Force {
		s.answer = s.goAhead
		r.Force = false // so that there is a question, which says what is removed
	}
	return use.Remove(ctx, r)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
