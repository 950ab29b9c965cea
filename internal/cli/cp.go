package cli

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// copier copies files between containers and this machine.
type copier interface {
	Copy(ctx context.Context, r app.CopyRequest, stdin io.Reader, stdout io.Writer) error
}

func newCp(s *session, runF run[app.CopyRequest]) *cobra.Command {
	var r app.CopyRequest
	cmd := s.command(groupInside, &cobra.Command{
		Use:   "cp [OPTIONS] SERVICE:PATH PATH|- | PATH|- SERVICE:PATH",
		Short: "Copy files between containers and this machine",
		Long: `Copy files and folders from a service's first container to this machine, or from
here to all of its containers. In place of a path of this machine, - is a tar
archive on standard output or input.`,
		Example: `  berth cp web:/var/log/app.log .
  berth cp --index 2 ./config.yaml worker:/etc/app/
  berth cp db:/backup - | tar -x`,
		Args:              argsBetween(2, 2, "a source and a destination"),
		ValidArgsFunction: s.completePaths,
	})
	flags := cmd.Flags()
	flags.BoolVar(&r.All, "all", false, "Include containers made by run")
	flags.BoolVarP(&r.Archive, "archive", "a", false, "Keep user and group IDs")
	flags.BoolVarP(&r.FollowLink, "follow-link", "L", false, "Copy what a symbolic link of the source points to")
	flags.IntVar(&r.Index, "index", 0, "Number of the container, where the service has several")

	runF = runF.or(shown(s, "cp", runCp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.DryRun = s.flags.dryRun
		r.Project, r.Source, r.Destination = s.project(), args[0], args[1]
		t, err := s.term()
		if err != nil {
			return err
		}
		if r.Destination == "-" && t.OutTTY {
			return conflict(cmd, "an archive is nothing for a terminal: send it to a file or a pipe")
		}
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runCp(ctx context.Context, s *session, use copier, r app.CopyRequest) error {
	return use.Copy(ctx, r, s.env.Stdin, s.env.Stdout)
}

// completePaths offers SERVICE: where none has been named yet, and files.
func (s *session) completePaths(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if strings.ContainsAny(prefix, `:/\.`) || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	names, _ := s.completeServices(cmd, nil, prefix)
	for i := range names {
		names[i] += ":"
	}
	return names, cobra.ShellCompDirectiveNoSpace
}
