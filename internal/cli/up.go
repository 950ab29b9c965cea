package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/pkg/event"
)

// What up calls, in the background and in the foreground.
type (
	upper interface {
		Up(context.Context, app.UpRequest) (app.UpResult, error)
	}
	attacher interface {
		upper
		watcher
		UpAttached(context.Context, app.UpRequest, app.AttachRequest, logs.Sink, app.Control) (exitCode int, err error)
	}
)

// upOptions are the flags of up.
type upOptions struct {
	app.UpRequest
	View   app.AttachRequest
	Lines  logView
	Detach bool
	Menu   bool
	Watch  bool
}

func newUp(s *session, runF run[upOptions]) *cobra.Command {
	var (
		o     upOptions
		scale []string
	)
	cmd := s.command(groupChange, &cobra.Command{
		Use:   "up [OPTIONS] [SERVICE...]",
		Short: "Create and start containers",
		Long: `Bring services to what the Compose files say: create, update and start their
containers in the order of their dependencies, and leave alone what needs no
change. Without arguments all services are meant; a service brings those it
depends on.

Without --detach the output of the containers is shown until the first Ctrl-C,
which stops them.`,
		Example: `  berth up -d                        start everything in the background
  berth up -d --wait                 ... and come back once all is healthy
  berth up -d --build web            rebuild and replace one service
  berth up -d --scale worker=4       four replicas of a service`,
	})
	flags := cmd.Flags()
	flags.BoolVarP(&o.Detach, "detach", "d", false, "Run containers in the background")
	addCreateFlags(flags, &o.UpRequest, &scale)
	flags.BoolVar(&o.NoDeps, "no-deps", false, "Leave the services it depends on alone")
	flags.BoolVar(&o.NoStart, "no-start", false, "Create the containers but do not start them")
	flags.BoolVar(&o.AlwaysRecreateDeps, "always-recreate-deps", false, "Recreate the services it depends on as well")
	flags.BoolVarP(&o.RenewAnonVolumes, "renew-anon-volumes", "V", false, "Give replaced containers new anonymous volumes")
	flags.BoolVar(&o.QuietBuild, "quiet-build", false, "Do not show the output of builds")
	flags.BoolVar(&o.Wait, "wait", false, "Wait until services run or are healthy; implies --detach")
	flags.Var(waitSecondsFlag{&o.WaitTimeout}, "wait-timeout", "Most seconds to wait, 0 for no limit")
	addTimeout(flags, &o.Timeout)
	addLockTimeout(flags, &o.LockTimeout)
	addTakeOver(flags, &o.TakeOver)
	addStrict(flags, &o.Strict)
	addPruneImages(flags, &o.PruneImages)
	flags.BoolVar(&o.AcceptVolumeRemoval, "accept-volume-removal", false, "Agree to losing the data of volumes that have to be made anew; --yes does not")
	flags.StringVar(&o.PlanFile, "plan", "", "Do exactly what this file of berth plan --out says, or nothing")
	addAttachFlags(flags, &o)

	runF = runF.or(shown(s, "up", runUp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Services = args
		if err := s.completeUp(cmd, &o.UpRequest, scale); err != nil {
			return err
		}
		if err := checkAttach(cmd, &o); err != nil {
			return err
		}
		if err := s.checkPlanFile(cmd, &o.UpRequest); err != nil {
			return err
		}
		o.Detach = o.Detach || o.Wait || o.NoStart
		s.foreground = !o.Detach
		if !cmd.Flags().Changed("menu") {
			o.Menu = truthy(s.setting("COMPOSE_MENU"))
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

// addAttachFlags adds what only an up in the foreground obeys.
func addAttachFlags(flags *pflag.FlagSet, o *upOptions) {
	flags.BoolVar(&o.View.AbortOnExit, "abort-on-container-exit", false, "Stop everything when any container ends")
	flags.BoolVar(&o.View.AbortOnFailure, "abort-on-container-failure", false, "Stop everything when any container fails")
	flags.StringVar(&o.View.ExitCodeFrom, "exit-code-from", "", "End with this service's exit code; implies --abort-on-container-exit")
	flags.StringArrayVar(&o.View.Attach, "attach", nil, "Show the output of this service only; may be given several times")
	flags.StringArrayVar(&o.View.NoAttach, "no-attach", nil, "Do not show the output of this service; may be given several times")
	flags.BoolVar(&o.View.AttachDependencies, "attach-dependencies", false, "Show the output of the services it depends on as well")
	flags.StringVar(&o.View.Tail, "tail", "", "Number of lines to show of what containers wrote before, or all")
	flags.BoolVar(&o.Menu, "menu", false, "Let single keys act in a terminal: d leaves everything running, w turns watching on and off")
	flags.BoolVarP(&o.Watch, "watch", "w", false, "Bring changed files into the containers as they change, as watch does")
	addLogView(flags, &o.Lines)
	flags.BoolVar(&o.Lines.Stamps, "timestamps", false, "Show the time of each line")
}

// checkAttach refuses options of which one wants to show what the other leaves
// in the background.
func checkAttach(cmd *cobra.Command, o *upOptions) error {
	v := o.View
	shows := v.AbortOnExit || v.AbortOnFailure || v.AttachDependencies || len(v.Attach) > 0 || v.ExitCodeFrom != ""
	switch {
	case o.Watch && o.Detach:
		return conflict(cmd, "--detach and --watch cannot be combined")
	case o.Watch && (o.Wait || o.NoStart):
		return conflict(cmd, "--watch cannot be combined with --wait or --no-start")
	case v.AbortOnExit && v.AbortOnFailure:
		return conflict(cmd, "--abort-on-container-exit and --abort-on-container-failure are incompatible")
	case o.Wait && shows:
		return conflict(cmd, "--wait cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --exit-code-from, --attach or --attach-dependencies")
	case o.Detach && shows:
		return conflict(cmd, "--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --exit-code-from, --attach or --attach-dependencies")
	}
	return nil
}

// checkPlanFile completes --plan, which leaves nothing else to be chosen.
func (s *session) checkPlanFile(cmd *cobra.Command, r *app.UpRequest) error {
	if r.PlanFile == "" {
		return nil
	}
	if len(r.Services) > 0 {
		return conflict(cmd, "--plan takes no services: the plan has its own")
	}
	path, err := s.absolute(r.PlanFile)
	r.PlanFile = path
	return err
}

// addTakeOver adds the consent to act on what another directory's files made.
func addTakeOver(flags *pflag.FlagSet, to *bool) {
	flags.BoolVar(to, "take-over", false, "Go on though a project of the same name was made from another directory")
}

// addCreateFlags adds what up and create have in common.
func addCreateFlags(flags *pflag.FlagSet, r *app.UpRequest, scale *[]string) {
	flags.BoolVar(&r.Build, "build", false, "Build images before creating containers")
	flags.BoolVar(&r.NoBuild, "no-build", false, "Never build, even where an image is missing")
	flags.StringVar(&r.Pull, "pull", "policy", `When to pull images ("always", "missing", "never", "build" or "policy")`)
	flags.BoolVar(&r.QuietPull, "quiet-pull", false, "Do not show the progress of pulls")
	flags.BoolVar(&r.ForceRecreate, "force-recreate", false, "Recreate containers even where nothing has changed")
	flags.BoolVar(&r.NoRecreate, "no-recreate", false, "Leave containers that exist as they are")
	flags.BoolVar(&r.RemoveOrphans, "remove-orphans", false, "Remove containers of services that the files no longer have")
	flags.StringArrayVar(scale, "scale", nil, "Number of replicas as SERVICE=NUM; overrides the files")
	flags.BoolVarP(&r.AssumeYes, "yes", "y", false, `Answer questions with "yes"; does not agree to losing data`)
}

// completeUp checks the options that up and create have in common, and fills in
// what comes from elsewhere.
func (s *session) completeUp(cmd *cobra.Command, r *app.UpRequest, scale []string) error {
	switch {
	case r.Build && r.NoBuild:
		return conflict(cmd, "--build and --no-build are incompatible")
	case r.ForceRecreate && r.NoRecreate:
		return conflict(cmd, "--force-recreate and --no-recreate are incompatible")
	case r.AlwaysRecreateDeps && r.NoRecreate:
		return conflict(cmd, "--always-recreate-deps and --no-recreate are incompatible")
	}
	if err := checkPull(cmd, &r.Pull); err != nil {
		return err
	}
	counts, err := parseScale("--scale", scale)
	if err != nil {
		return conflict(cmd, "%s", err)
	}
	if r.AssumeYes {
		s.answer = s.keepData
	}
	r.Scale = counts
	r.Project = s.project()
	r.DryRun = s.flags.dryRun
	return s.orphans(cmd, &r.RemoveOrphans, &r.IgnoreOrphans)
}

// checkPull checks --pull; its default leaves the choice to each service.
func checkPull(cmd *cobra.Command, pull *string) error {
	if err := oneOf(cmd, "--pull", *pull, "always", "missing", "if_not_present", "never", "build", "policy"); err != nil {
		return err
	}
	if *pull == "policy" {
		*pull = ""
	}
	return nil
}

// orphans applies COMPOSE_REMOVE_ORPHANS and COMPOSE_IGNORE_ORPHANS; ignore is
// nil where nothing warns of orphans.
func (s *session) orphans(cmd *cobra.Command, remove, ignore *bool) error {
	ignored := truthy(s.setting("COMPOSE_IGNORE_ORPHANS"))
	given := cmd.Flags().Changed("remove-orphans")
	if given && *remove && ignored && ignore != nil {
		return conflict(cmd, "--remove-orphans contradicts COMPOSE_IGNORE_ORPHANS: leave out one of them")
	}
	if !given && !ignored {
		*remove = truthy(s.setting("COMPOSE_REMOVE_ORPHANS"))
	}
	if ignore != nil {
		*ignore = ignored
	}
	return nil
}

// addStrict adds the wish to hear of keys without effect as errors.
func addStrict(flags *pflag.FlagSet, to *bool) {
	flags.BoolVar(to, "strict", false, "Refuse files with keys that have no effect on this engine")
}

// addPruneImages adds the wish to be rid of images that were replaced.
func addPruneImages(flags *pflag.FlagSet, to *bool) {
	flags.BoolVar(to, "prune-images", false, "Remove images that a build or pull of this command has replaced")
}

func runUp(ctx context.Context, s *session, use attacher, o upOptions) error {
	if o.Detach {
		_, err := use.Up(ctx, o.UpRequest)
		return err
	}
	sink, err := s.logPrinter(o.Lines)
	if err != nil {
		return err
	}
	w := &watching{
		use: use, notice: func(text string) { s.tell(event.KindNotice, text) }, warn: func(text string) { s.tell(event.KindWarning, text) },
		request: app.WatchRequest{
			Project: o.Project, Services: o.Services, NoUp: true, Prune: true, Quiet: o.QuietBuild, Scale: o.Scale,
			LockTimeout: o.LockTimeout, TakeOver: o.TakeOver, DryRun: o.DryRun,
		},
	}
	if o.Watch {
		if err := use.CheckWatch(ctx, w.request); err != nil {
			return err
		}
	}
	ready := make(chan struct{})
	m := &menu{detach: make(chan struct{}), ready: ready, watch: func() { w.toggle(ctx) }}
	if o.Menu {
		if err := s.openMenu(m); err != nil {
			return err
		}
	}
	code, err := use.UpAttached(ctx, o.UpRequest, o.View, sink, app.Control{
		Faster: s.interrupts.Faster(), Detach: m.detach,
		Attaching: func(sources []logs.Source) {
			sink.attaching(sources)
			close(ready)
			if o.Watch && !o.DryRun {
				w.on(ctx)
			}
		},
	})
	w.off()
	if closeErr := sink.Close(); err == nil {
		err = closeErr
	}
	return status(code, err)
}
