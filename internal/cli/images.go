package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// imageLister lists the images containers were made from.
type imageLister interface {
	Images(context.Context, app.ImagesRequest) ([]app.ImageRow, error)
}

// imagesOptions are the flags of images.
type imagesOptions struct {
	app.ImagesRequest
	ui.ListOptions
}

func newImages(s *session, runF run[imagesOptions]) *cobra.Command {
	var o imagesOptions
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "images [OPTIONS] [SERVICE...]",
		Short: "List the images that containers were made from",
		Long:  "List the images that the project's containers were made from, one row per container.",
		Example: `  berth images
  berth images -q web`,
	})
	flags := cmd.Flags()
	flags.StringVar(&o.Format, "format", "table", "Format of the output: table or json")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Show IDs only")

	runF = runF.or(shown(s, "images", runImages))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Project, o.Services = s.project(), args
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runImages(ctx context.Context, s *session, use imageLister, o imagesOptions) error {
	images, err := use.Images(ctx, o.ImagesRequest)
	if err != nil {
		return err
	}
	t, err := s.term()
	if err != nil {
		return err
	}
	rows := make([]ui.ImageRow, len(images))
	for i, r := range images {
		rows[i] = ui.ImageRow{
			Container: r.Container, Repository: r.Repository, Tag: r.Tag, Platform: r.Platform,
			ID: r.ID, Size: r.Size, Created: r.Created, LastTagged: r.LastTagged,
		}
	}
	return ui.Images(t, rows, o.ListOptions)
}
