package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
)

// runner runs one-off containers.
type runner interface {
	Run(context.Context, app.RunRequest, engine.Streams, app.Control) (exitCode int, err error)
}

func newRun(s *session, runF run[app.RunRequest]) *cobra.Command {
	var (
		r          app.RunRequest
		tty        ttyFlags
		entrypoint string
	)
	cmd := s.command(groupInside, &cobra.Command{
		Use:   "run [OPTIONS] SERVICE [COMMAND] [ARGS...]",
		Short: "Run a one-off command on a service",
		Long: `Run a command in a new container made like those of a service, after starting
the services it depends on. Ports are not published unless asked for. berth ends
with the command's exit code.`,
		Example: `  berth run --rm web ./manage.py migrate
  berth run --rm -it --entrypoint sh web
  berth run -d --name probe -p 8080:80 web`,
		Args:              argsBetween(1, -1, "a service"),
		ValidArgsFunction: s.completeFirstService,
	})
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	addRunFlags(flags, &r)
	flags.StringVar(&entrypoint, "entrypoint", "", "Entrypoint in place of the image's")
	tty.add(flags)
	alias(flags, map[string]string{"no-TTY": "no-tty", "volumes": "volume", "labels": "label"})

	runF = runF.or(shown(s, "run", runRun))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkRun(cmd, &r); err != nil {
			return err
		}
		wanted, err := tty.ordered(cmd, s)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("entrypoint") {
			r.Entrypoint = &entrypoint
		}
		if r.Quiet {
			s.flags.progress = "quiet"
		}
		r.DryRun = s.flags.dryRun
		r.Project, r.Service, r.Command = s.project(), args[0], args[1:]
		r.TTY, r.Interactive = wanted, tty.interactive
		if err := s.orphans(cmd, &r.RemoveOrphans, nil); err != nil {
			return err
		}
		return runF(cmd.Context(), r)
	}
	return cmd
}

func addRunFlags(flags *pflag.FlagSet, r *app.RunRequest) {
	flags.BoolVar(&r.Build, "build", false, "Build the image first")
	flags.Var(listFlag{&r.CapAdd, "list"}, "cap-add", "Add a Linux capability")
	flags.Var(listFlag{&r.CapDrop, "list"}, "cap-drop", "Drop a Linux capability")
	flags.BoolVarP(&r.Detach, "detach", "d", false, "Run in the background and show the container's name")
	flags.StringArrayVarP(&r.Env, "env", "e", nil, "Environment variable as KEY=VALUE, or KEY to take it from here")
	flags.StringArrayVar(&r.EnvFiles, "env-from-file", nil, "File of environment variables")
	flags.StringArrayVarP(&r.Labels, "label", "l", nil, "Label as KEY=VALUE")
	flags.StringVar(&r.Name, "name", "", "Name of the container")
	flags.BoolVar(&r.NoDeps, "no-deps", false, "Leave the services it depends on alone")
	flags.StringArrayVarP(&r.Publish, "publish", "p", nil, "Publish a port, as in the ports section")
	flags.StringVar(&r.Pull, "pull", "policy", `When to pull images ("always", "missing", "never", "build" or "policy")`)
	flags.BoolVarP(&r.Quiet, "quiet", "q", false, "Show nothing but the command's output")
	flags.BoolVar(&r.QuietBuild, "quiet-build", false, "Do not show the output of builds")
	flags.BoolVar(&r.QuietPull, "quiet-pull", false, "Do not show the progress of pulls")
	flags.BoolVar(&r.RemoveOrphans, "remove-orphans", false, "Remove containers of services that the files do not have")
	flags.BoolVar(&r.Remove, "rm", false, "Remove the container when it ends")
	flags.BoolVarP(&r.ServicePorts, "service-ports", "P", false, "Publish the service's ports")
	flags.BoolVar(&r.UseAliases, "use-aliases", false, "Give it the service's network aliases")
	flags.StringVarP(&r.User, "user", "u", "", "User to run it as")
	flags.StringArrayVarP(&r.Volumes, "volume", "v", nil, "Mount a volume or folder, as in the volumes section")
	flags.StringVarP(&r.WorkingDir, "workdir", "w", "", "Folder to run it in")
}

func checkRun(cmd *cobra.Command, r *app.RunRequest) error {
	if r.ServicePorts && len(r.Publish) > 0 {
		return conflict(cmd, "--service-ports and --publish are incompatible")
	}
	return checkPull(cmd, &r.Pull)
}

func runRun(ctx context.Context, s *session, use runner, r app.RunRequest) error {
	c := s.console(r.TTY && !r.Detach, r.Interactive && !r.Detach)
	code, err := use.Run(ctx, r, c.streams(ctx), app.Control{
		Faster:  s.interrupts.Faster(),
		Signals: s.interrupts.Forward(),
	})
	if restoreErr := c.restore(); err == nil {
		err = restoreErr
	}
	return status(code, err)
}
