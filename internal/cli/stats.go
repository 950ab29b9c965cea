package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// meter measures the resource use of containers.
type meter interface {
	Stats(context.Context, app.StatsRequest, func([]app.StatsRow) error) error
}

// statsOptions are the flags of stats.
type statsOptions struct {
	app.StatsRequest
	Format  string
	NoTrunc bool
}

func newStats(s *session, runF run[statsOptions]) *cobra.Command {
	var (
		o    statsOptions
		once bool
	)
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "stats [OPTIONS] [SERVICE...]",
		Short: "Show the resource use of containers",
		Long: `Show the resource use of containers, again and again until Ctrl-C. The default of
--format is statsFormat of the Docker CLI's configuration.`,
		Example: `  berth stats
  berth stats --no-stream --format json web`,
	})
	flags := cmd.Flags()
	flags.BoolVarP(&o.All, "all", "a", false, "Include stopped containers")
	flags.StringVar(&o.Format, "format", "", "Format of the output: table, table TEMPLATE, json or a Go template")
	flags.BoolVar(&once, "no-stream", false, "Show it once")
	flags.BoolVar(&o.NoTrunc, "no-trunc", false, "Do not shorten values")

	runF = runF.or(shown(s, "stats", runStats))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Project, o.Services, o.Stream = s.project(), args, !once
		if o.Format == "" {
			o.Format = s.dockerDefault("statsFormat")
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runStats(ctx context.Context, s *session, use meter, o statsOptions) error {
	t, err := s.term()
	if err != nil {
		return err
	}
	display := ui.NewStats(t, ui.StatsOptions{Format: o.Format, NoTrunc: o.NoTrunc, Live: o.Stream})
	return use.Stats(ctx, o.StatsRequest, func(samples []app.StatsRow) error {
		rows := make([]ui.StatsRow, len(samples))
		for i, r := range samples {
			rows[i] = ui.StatsRow{Stats: r.Stats, NoData: r.NoData}
		}
		return display.Show(rows)
	})
}
