package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// What rollback and history call.
type (
	rollbacker interface {
		Rollback(context.Context, app.RollbackRequest) (app.UpResult, error)
	}
	historian interface {
		History(context.Context, app.HistoryRequest) ([]app.HistoryRow, error)
	}
)

func newRollback(s *session, runF run[app.RollbackRequest]) *cobra.Command {
	var r app.RollbackRequest
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "rollback [OPTIONS] [SERVICE...]",
		Short: "Take services back to what they were made from before",
		Long: `Take services back to an earlier revision: their containers are made anew from
the configuration and the very image of that time. Without arguments the services
go back that the last up has changed. The revisions are those of berth history.

The Compose files stay as they are, and so the next up brings the services to what
these say. Configs and secrets have the content they have now. How many containers
are replaced at a time, and what happens if one is not good, is said by
deploy.rollback_config.`,
		Example: `  berth rollback                     undo the last up
  berth rollback web                 one service, to its revision before
  berth rollback --to 3              everything, to what it was in revision 3
  berth --dry-run rollback           show what would be done`,
		ValidArgsFunction: s.completeServices,
	})
	flags := cmd.Flags()
	flags.IntVar(&r.To, "to", 0, "Go back to this revision, or the last one before it; 0: the one before the current one")
	flags.BoolVar(&r.Wait, "wait", false, "Wait until services run or are healthy")
	flags.Var(waitSecondsFlag{&r.WaitTimeout}, "wait-timeout", "Most seconds to wait, 0 for no limit")
	addTimeout(flags, &r.Timeout)
	addLockTimeout(flags, &r.LockTimeout)
	addTakeOver(flags, &r.TakeOver)

	runF = runF.or(shown(s, "rollback", runRollback))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if r.To < 0 {
			return conflict(cmd, "--to must not be negative, got %d", r.To)
		}
		r.Project, r.Services, r.DryRun = s.project(), args, s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runRollback(ctx context.Context, _ *session, use rollbacker, r app.RollbackRequest) error {
	_, err := use.Rollback(ctx, r)
	return err
}

// historyOptions are the flags of history.
type historyOptions struct {
	app.HistoryRequest
	Format string
}

func newHistory(s *session, runF run[historyOptions]) *cobra.Command {
	var o historyOptions
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "history [OPTIONS] [SERVICE...]",
		Short: "List the revisions of services, for rollback",
		Long: `List what the services of the project were made from, newest first: each up that
changes something makes a revision. The containers themselves remember them, the
last ten of each service; down forgets them, and so does another tool that makes
the containers anew.`,
		Example: `  berth history
  berth history web
  berth history --format json`,
		ValidArgsFunction: s.completeServices,
	})
	cmd.Flags().StringVar(&o.Format, "format", "table", "Format of the output: table, table TEMPLATE, json or a Go template")

	runF = runF.or(shown(s, "history", runHistory))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Project, o.Services = s.project(), args
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runHistory(ctx context.Context, s *session, use historian, o historyOptions) error {
	list, err := use.History(ctx, o.HistoryRequest)
	if err != nil {
		return err
	}
	t, err := s.term()
	if err != nil {
		return err
	}
	rows := make([]ui.RevisionRow, len(list))
	for i, r := range list {
		rows[i] = ui.RevisionRow(r)
	}
	return ui.Revisions(t, rows, o.Format)
}
