package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/ui"
)

// volumeLister lists a project's volumes.
type volumeLister interface {
	Volumes(context.Context, app.VolumesRequest) ([]engine.Volume, error)
}

// volumesOptions are the flags of volumes.
type volumesOptions struct {
	app.VolumesRequest
	ui.ListOptions
}

func newVolumes(s *session, runF run[volumesOptions]) *cobra.Command {
	var o volumesOptions
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "volumes [OPTIONS] [SERVICE...]",
		Short: "List volumes",
		Long: `List the volumes of the project, or those its services use. The default of
--format is volumesFormat of the Docker CLI's configuration.`,
		Example: `  berth volumes
  berth volumes -q db`,
	})
	flags := cmd.Flags()
	flags.StringVar(&o.Format, "format", "table", "Format of the output: table, table TEMPLATE, json or a Go template")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Show names only")

	runF = runF.or(shown(s, "volumes", runVolumes))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Project, o.Services = s.project(), args
		if !cmd.Flags().Changed("format") {
			o.Format = s.dockerDefault("volumesFormat")
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runVolumes(ctx context.Context, s *session, use volumeLister, o volumesOptions) error {
	volumes, err := use.Volumes(ctx, o.VolumesRequest)
	if err != nil {
		return err
	}
	t, err := s.term()
	if err != nil {
		return err
	}
	return ui.Volumes(t, volumes, o.ListOptions)
}
