package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// The groups commands are listed in.
const (
	groupChange  = "change"
	groupInspect = "inspect"
	groupInside  = "inside"
	groupImages  = "images"
	groupOther   = "other"
)

// noRehearsal marks the commands that cannot show what they would do.
const noRehearsal = "berth:no-rehearsal"

// usesProject marks the commands for which the settings are read first.
const usesProject = "berth:uses-project"

// newRoot builds the command tree.
func newRoot(s *session) *cobra.Command {
	root := newBareRoot(s)
	s.register(root)
	s.completeFlags(root)
	return root
}

// newBareRoot is the root command with the global flags and no commands.
func newBareRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   s.inv.word() + " [OPTIONS] COMMAND",
		Short: "Run Compose projects on a Docker Engine",
		Long: `Run Compose projects on a Docker Engine.

Every docker compose command line and Compose file works as it is. Beyond that,
berth shows its plan before it acts, updates with the least downtime and says
exactly why something failed.`,
		Example: strings.ReplaceAll(`  berth up -d                     start everything, in the background
  berth -f a.yaml -f b.yaml ps    several files, the later one wins
  berth logs -f web               follow one service
  berth down                      stop and remove everything but the data`, "berth ", s.inv.name+" "),
		SilenceErrors:              true,
		SilenceUsage:               true,
		TraverseChildren:           true,
		DisableFlagsInUseLine:      true,
		SuggestionsMinimumDistance: 2,
		PersistentPreRunE:          s.prepare,
	}
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: s.inv.name}
	root.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case s.flags.version:
			return printVersion(s, versionOptions{})
		case len(args) > 0:
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
	root.Flags().SetInterspersed(false)
	s.flags.add(root.Flags(), root.PersistentFlags())
	root.SetFlagErrorFunc(usageOf)
	root.SetOut(s.env.Stdout)
	root.SetErr(s.env.Stderr)
	root.AddGroup(
		&cobra.Group{ID: groupChange, Title: "Start, change and stop:"},
		&cobra.Group{ID: groupInspect, Title: "Look at a project:"},
		&cobra.Group{ID: groupInside, Title: "Work with containers:"},
		&cobra.Group{ID: groupImages, Title: "Images:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		// A help text that nobody reads is no failure.
		_ = writeHelp(cmd.OutOrStdout(), cmd)
	})
	return root
}

// backend is all that the commands call, each through an interface of its own.
type backend interface {
	settingsReader
	attacher
	planner
	downer
	starter
	stopper
	restarter
	killer
	pauser
	unpauser
	remover
	psLister
	projectLister
	imageLister
	volumeLister
	portFinder
	topper
	logger
	configurer
	execer
	runner
	builder
	puller
	pusher
	joiner
	eventSource
	meter
	waiter
	publisher
	watcher
	copier
	committer
	exporter
	drawer
	generator
}

var _ backend = (*app.App)(nil)

// register adds the commands.
func (s *session) register(root *cobra.Command) {
	root.AddCommand(
		newVersion(s, nil),
		newUp(s, nil),
		newPlan(s, nil),
		newCreate(s, nil),
		newScale(s, nil),
		newDown(s, nil),
		newStart(s, nil),
		newStop(s, nil),
		newRestart(s, nil),
		newKill(s, nil),
		newPause(s, nil),
		newUnpause(s, nil),
		newRm(s, nil),
		newPs(s, nil),
		newLs(s, nil),
		newImages(s, nil),
		newVolumes(s, nil),
		newPort(s, nil),
		newTop(s, nil),
		newLogs(s, nil),
		newConfig(s, nil),
		newExec(s, nil),
		newRun(s, nil),
		newBuild(s, nil),
		newPull(s, nil),
		newPush(s, nil),
		newAttach(s, nil),
		newEvents(s, nil),
		newStats(s, nil),
		newWait(s, nil),
		newPublish(s, nil),
		newWatch(s, nil),
		newCp(s, nil),
		newCommit(s, nil),
		newExport(s, nil),
		newViz(s, "", nil),
		newGenerate(s, nil),
		newAlpha(s),
	)
}

// prepare runs before every command: it notes the global flags and reads the
// settings.
func (s *session) prepare(cmd *cobra.Command, _ []string) error {
	s.flags.parsed(cmd.Root().Flags())
	s.running = cmd
	if _, ok := cmd.Annotations[noRehearsal]; ok && s.flags.dryRun {
		return conflict(cmd, "%s cannot be rehearsed: leave out --dry-run", cmd.Name())
	}
	if _, ok := cmd.Annotations[usesProject]; !ok {
		return nil
	}
	for _, name := range []string{"force", "yes"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Value.Type() == "bool" {
			s.answerFlag = "--" + name
		}
	}
	return s.loadSettings()
}

// command fills in what all commands about projects have in common.
func (s *session) command(group string, cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = group
	cmd.DisableFlagsInUseLine = true
	cmd.Annotations = map[string]string{usesProject: "yes"}
	cmd.Example = strings.ReplaceAll(strings.TrimRight(cmd.Example, "\n"), "berth ", s.inv.name+" ")
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = s.completeServices
	}
	return cmd
}

// cannotRehearse keeps a command from being carried out under --dry-run.
func (s *session) cannotRehearse(cmd *cobra.Command) { cmd.Annotations[noRehearsal] = "yes" }

func unknownCommand(root *cobra.Command, name string) error {
	text := fmt.Sprintf("unknown command %q", name)
	if near := nearestCommands(root, name); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{text: text, line: usageLine(root)}
}

// nearestCommands are the commands a mistyped name is nearest to, else those
// that begin with it.
func nearestCommands(root *cobra.Command, name string) []string {
	var near []string
	best := 3
	for _, suggestion := range root.SuggestionsFor(name) {
		switch d := distance(name, suggestion); {
		case d < best:
			near, best = []string{suggestion}, d
		case d == best || best == 3:
			near = append(near, suggestion)
		}
	}
	return near
}
