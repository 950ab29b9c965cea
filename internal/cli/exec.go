package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
)

// execer runs commands in running containers.
type execer interface {
	Exec(context.Context, app.ExecRequest, engine.Streams) (exitCode int, err error)
}

// ttyFlags say whether a command gets a terminal and input.
type ttyFlags struct {
	noTTY, tty, interactive bool
}

func (f *ttyFlags) add(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.noTTY, "no-tty", "T", true, "Do not give it a terminal; without this it gets one when standard input and output are terminals")
	flags.BoolVarP(&f.tty, "tty", "t", true, "Give it a terminal")
	flags.BoolVarP(&f.interactive, "interactive", "i", true, "Pass standard input on")
	hide(flags, "tty")
}

// wanted tells whether to ask for a terminal.
func (f *ttyFlags) wanted(cmd *cobra.Command, s *session) (bool, error) {
	noTTY, tty := cmd.Flags().Changed("no-tty"), cmd.Flags().Changed("tty")
	switch {
	case noTTY && tty:
		return false, conflict(cmd, "--tty and --no-tty cannot be used together")
	case noTTY && f.noTTY, !f.tty:
		return false, nil
	}
	// As with docker compose, -t is no more than what happens anyway: scripts
	// give it where there is no terminal.
	t, err := s.term()
	return t.InTTY && t.OutTTY, err
}

// ordered tells whether run has to give a terminal. Its -t, unlike exec's, is an
// order: as with docker compose, input that is passed on must come from a
// terminal then.
func (f *ttyFlags) ordered(cmd *cobra.Command, s *session) (bool, error) {
	wanted, err := f.wanted(cmd, s)
	if err != nil || !f.tty || !cmd.Flags().Changed("tty") {
		return wanted, err
	}
	t, err := s.term()
	if err == nil && f.interactive && !t.InTTY {
		err = errors.New("the input device is not a TTY: leave out -t, or pass no input with -i=false")
	}
	return true, err
}

func newExec(s *session, runF run[app.ExecRequest]) *cobra.Command {
	var (
		r   app.ExecRequest
		tty ttyFlags
	)
	cmd := s.command(groupInside, &cobra.Command{
		Use:   "exec [OPTIONS] SERVICE COMMAND [ARGS...]",
		Short: "Run a command in a running container",
		Long: `Run a command in a running container of a service. berth ends with the command's
exit code; 126 says that it could not be run, 127 that it does not exist.`,
		Example: `  berth exec web sh
  berth exec -T db pg_dump app > dump.sql
  berth exec --index 2 -e DEBUG=1 worker ./task`,
		Args:              argsBetween(2, -1, "a service and a command"),
		ValidArgsFunction: s.completeFirstService,
	})
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.BoolVarP(&r.Detach, "detach", "d", false, "Run the command in the background")
	flags.StringArrayVarP(&r.Env, "env", "e", nil, "Environment variable as KEY=VALUE, or KEY to take it from here")
	flags.IntVar(&r.Index, "index", 0, "Number of the container, where the service has several")
	flags.BoolVar(&r.Privileged, "privileged", false, "Give it extended privileges")
	flags.StringVarP(&r.User, "user", "u", "", "User to run it as")
	flags.StringVarP(&r.WorkingDir, "workdir", "w", "", "Folder to run it in")
	tty.add(flags)
	hide(flags, "interactive")
	alias(flags, map[string]string{"no-TTY": "no-tty"})

	runF = runF.or(shown(s, "exec", runExec))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		wanted, err := tty.wanted(cmd, s)
		if err != nil {
			return err
		}
		r.DryRun = s.flags.dryRun
		r.Project, r.Service, r.Command = s.project(), args[0], args[1:]
		r.TTY = wanted && !r.Detach
		r.Stdin = tty.interactive && !r.Detach
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runExec(ctx context.Context, s *session, use execer, r app.ExecRequest) error {
	c := s.console(r.TTY, r.Stdin)
	code, err := use.Exec(ctx, r, c.streams(ctx))
	if restoreErr := c.restore(); err == nil {
		err = restoreErr
	}
	return status(code, err)
}
