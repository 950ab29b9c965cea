package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// topper lists the processes of containers.
type topper interface {
	Top(context.Context, app.TopRequest) ([]app.TopEntry, error)
}

func newTop(s *session, runF run[app.TopRequest]) *cobra.Command {
	var r app.TopRequest
	cmd := s.command(groupInspect, &cobra.Command{
		Use:     "top [SERVICE...]",
		Short:   "Show the processes of containers",
		Long:    "Show the processes that run in the containers of services.",
		Example: `  berth top web`,
	})
	runF = runF.or(shown(s, "top", runTop))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Project, r.Services = s.project(), args
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runTop(ctx context.Context, s *session, use topper, r app.TopRequest) error {
	entries, err := use.Top(ctx, r)
	if err != nil {
		return err
	}
	// docker compose's order, in which db-10 comes before db-2.
	slices.SortStableFunc(entries, func(a, b app.TopEntry) int { return strings.Compare(a.Container, b.Container) })
	t, err := s.term()
	if err != nil {
		return err
	}
	rows := make([]ui.TopRow, len(entries))
	for i, e := range entries {
		rows[i] = ui.TopRow{Service: e.Service, Number: e.Number, ProcessList: e.ProcessList}
	}
	return ui.Top(t, rows)
}
