package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/ui"
	"github.com/berth-dev/berth/pkg/labels"
)

// psLister lists containers.
type psLister interface {
	Ps(context.Context, app.PsRequest) ([]engine.Container, error)
}

// psOptions are the flags of ps.
type psOptions struct {
	app.PsRequest
	ui.PSOptions
}

func newPs(s *session, runF run[psOptions]) *cobra.Command {
	var o psOptions
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "ps [OPTIONS] [SERVICE...]",
		Short: "List containers",
		Long: `List the running containers of the project; with --all those that ended too.
The default of --format is psFormat of the Docker CLI's configuration.`,
		Example: `  berth ps -a
  berth ps -q web
  berth ps --status exited --format json
  berth ps --format 'table {{.Name}}\t{{.State}}\t{{.Health}}'`,
	})
	flags := cmd.Flags()
	flags.BoolVarP(&o.All, "all", "a", false, "Include stopped containers")
	flags.StringVar(&o.Filter, "filter", "", "Only containers with a property, such as status=running")
	flags.StringVar(&o.Format, "format", "", "Format of the output: table, table TEMPLATE, json or a Go template")
	flags.BoolVar(&o.NoTrunc, "no-trunc", false, "Do not shorten values")
	flags.BoolVar(&o.Orphans, "orphans", true, "Include containers of services that the files do not have")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Show IDs only")
	flags.BoolVar(&o.PSOptions.Services, "services", false, "Show the names of services only")
	flags.StringArrayVar(&o.Status, "status", nil, "Only containers in a state: created, running, paused, restarting, removing, exited or dead")

	runF = runF.or(shown(s, "ps", runPs))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Project, o.PsRequest.Services = s.project(), args
		o.All = o.All || len(o.Status) > 0
		if o.Format == "" {
			o.Format = s.dockerDefault("psFormat")
		}
		o.Size = ui.PSNeedsSize(o.Format)
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runPs(ctx context.Context, s *session, use psLister, o psOptions) error {
	containers, err := use.Ps(ctx, o.PsRequest)
	if err != nil {
		return err
	}
	rows := make([]ui.PSRow, len(containers))
	for i, c := range containers {
		rows[i] = ui.PSRow{Container: c, Project: c.Labels[labels.Project], Service: c.Labels[labels.Service]}
	}
	t, err := s.term()
	if err != nil {
		return err
	}
	return ui.PS(t, rows, o.PSOptions)
}
