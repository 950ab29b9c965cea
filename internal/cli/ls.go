package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// projectLister lists an engine's projects.
type projectLister interface {
	List(context.Context, app.ListRequest) ([]app.ProjectSummary, error)
}

// lsOptions are the flags of ls.
type lsOptions struct {
	app.ListRequest
	ui.ListOptions
}

func newLs(s *session, runF run[lsOptions]) *cobra.Command {
	var o lsOptions
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "ls [OPTIONS]",
		Short: "List projects",
		Long:  "List the projects that have running containers; with --all those with stopped ones too.",
		Example: `  berth ls -a
  berth ls --filter name=shop --format json`,
		Args: argsBetween(0, 0, ""),
	})
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	flags := cmd.Flags()
	flags.BoolVarP(&o.All, "all", "a", false, "Include projects that have only stopped containers")
	flags.Var(listFlag{&o.Filters, "filter"}, "filter", "Only projects with a property: name=REGEXP")
	flags.StringVar(&o.Format, "format", "table", "Format of the output: table or json")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Show names only")

	runF = runF.or(shown(s, "ls", runLs))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) }
	return cmd
}

func runLs(ctx context.Context, s *session, use projectLister, o lsOptions) error {
	projects, err := use.List(ctx, o.ListRequest)
	if err != nil {
		return err
	}
	t, err := s.term()
	if err != nil {
		return err
	}
	rows := make([]ui.LSRow, len(projects))
	for i, p := range projects {
		rows[i] = ui.LSRow(p)
	}
	return ui.LS(t, rows, o.ListOptions)
}
