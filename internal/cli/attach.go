package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
)

// joiner joins a running container's main process.
type joiner interface {
	Attach(context.Context, app.ContainerAttachRequest, engine.Streams, app.Control) (exitCode int, err error)
}

func newAttach(s *session, runF run[app.ContainerAttachRequest]) *cobra.Command {
	var r app.ContainerAttachRequest
	cmd := s.command(groupInside, &cobra.Command{
		Use:   "attach [OPTIONS] SERVICE",
		Short: "Join the main process of a container",
		Long: `Join input and output of a running container's main process. Ctrl-P Ctrl-Q leaves
it without ending it.`,
		Example: `  berth attach web
  berth attach --no-stdin --index 2 worker`,
		Args: argsBetween(1, 1, "a service"),
	})
	flags := cmd.Flags()
	flags.StringVar(&r.DetachKeys, "detach-keys", "", "Keys that leave the container, such as ctrl-a,d")
	flags.IntVar(&r.Index, "index", 0, "Number of the container, where the service has several")
	flags.BoolVar(&r.NoStdin, "no-stdin", false, "Do not pass standard input on")
	flags.BoolVar(&r.SigProxy, "sig-proxy", true, "Hand signals on to the process")

	runF = runF.or(shown(s, "attach", runAttach))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Project, r.Service = s.project(), args[0]
		if r.DetachKeys == "" {
			r.DetachKeys = s.dockerDefault("detachKeys")
		}
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runAttach(ctx context.Context, s *session, use joiner, r app.ContainerAttachRequest) error {
	c := s.console(false, !r.NoStdin)
	code, err := use.Attach(ctx, r, c.streams(ctx), app.Control{
		Faster:   s.interrupts.Faster(),
		Signals:  s.interrupts.Forward(),
		Terminal: func(tty bool) { c.tty = tty },
	})
	if restoreErr := c.restore(); err == nil {
		err = restoreErr
	}
	return status(code, err)
}
