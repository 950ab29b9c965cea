package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// What the commands that keep a container's file system call.
type (
	committer interface {
		Commit(context.Context, app.CommitRequest) (imageID string, err error)
	}
	exporter interface {
		Export(ctx context.Context, r app.ExportRequest, out io.Writer) error
	}
)

func newCommit(s *session, runF run[app.CommitRequest]) *cobra.Command {
	var r app.CommitRequest
	cmd := s.command(groupInside, &cobra.Command{
		Use:   "commit [OPTIONS] SERVICE [REPOSITORY[:TAG]]",
		Short: "Make an image of a container",
		Long: `Make an image of what a service's container has changed, and show its ID. The
container is paused meanwhile unless --pause=false is given.`,
		Example: `  berth commit web
  berth commit -m "before the update" -c "ENV DEBUG=1" db registry.example.com/db:backup`,
		Args:              argsBetween(1, 2, "a service"),
		ValidArgsFunction: s.completeFirstService,
	})
	flags := cmd.Flags()
	flags.StringVarP(&r.Author, "author", "a", "", "Author, such as Ann Other <ann@example.com>")
	flags.VarP(listFlag{&r.Changes, "list"}, "change", "c", "Dockerfile instruction to apply; may be given several times")
	flags.IntVar(&r.Index, "index", 0, "Number of the container, where the service has several")
	flags.StringVarP(&r.Message, "message", "m", "", "Message to keep with the image")
	flags.BoolVarP(&r.Pause, "pause", "p", true, "Pause the container meanwhile")

	runF = runF.or(shown(s, "commit", runCommit))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.DryRun = s.flags.dryRun
		r.Project, r.Service = s.project(), args[0]
		if len(args) > 1 {
			r.Reference = args[1]
		}
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runCommit(ctx context.Context, s *session, use committer, r app.CommitRequest) error {
	id, err := use.Commit(ctx, r)
	if err != nil || id == "" { // nothing was made in a rehearsal
		return err
	}
	return s.print(id + "\n")
}

// exportOptions are the flags of export.
type exportOptions struct {
	app.ExportRequest
	Output string // the file to write to; empty for standard output
}

func newExport(s *session, runF run[exportOptions]) *cobra.Command {
	var o exportOptions
	cmd := s.command(groupInside, &cobra.Command{
		Use:   "export [OPTIONS] SERVICE",
		Short: "Write a container's file system as a tar archive",
		Long:  "Write the file system of a service's container as a tar archive, without its volumes.",
		Example: `  berth export -o web.tar web
  berth export db | tar -t`,
		Args:              argsBetween(1, 1, "a service"),
		ValidArgsFunction: s.completeFirstService,
	})
	cmd.Flags().IntVar(&o.Index, "index", 0, "Number of the container, where the service has several")
	cmd.Flags().StringVarP(&o.Output, "output", "o", "", "File to write to (default: standard output)")

	runF = runF.or(shown(s, "export", runExport))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Project, o.Service = s.project(), args[0]
		t, err := s.term()
		if err != nil {
			return err
		}
		if o.Output == "" && t.OutTTY {
			return conflict(cmd, "an archive is nothing for a terminal: use --output or a pipe")
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runExport(ctx context.Context, s *session, use exporter, o exportOptions) error {
	if o.Output == "" {
		return use.Export(ctx, o.ExportRequest, s.env.Stdout)
	}
	path, err := s.absolute(o.Output)
	if err != nil {
		return err
	}
	return app.WriteWhole(path, 0o600, func(w io.Writer) error { return use.Export(ctx, o.ExportRequest, w) })
}
