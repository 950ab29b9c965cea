package cli

import (
	"fmt"
	"slices"
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

// usesProject marks the commands for which the settings are read first.
const usesProject = "berth:uses-project"

// newRoot builds the whole command tree.
func newRoot(s *session) *cobra.Command {
	root := newBareRoot(s)
	s.register(root, nil)
	s.completeFlags(root)
	addCompletion(root)
	refuseUnknownTopics(root)
	return root
}

// refuseUnknownTopics makes `help` of what there is not an error. Cobra's own
// prints a usage text and calls it a success.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		return
	}
	help.Run, help.RunE = nil, func(_ *cobra.Command, args []string) error {
		topic, _, err := root.Find(args)
		if err != nil || topic == root && len(args) > 0 {
			return unknownCommand(root, args[0])
		}
		return topic.Help()
	}
}

// newRootFor builds as much of the tree as a command line can need: most need
// one command, and the flags of all others would be made for nothing.
func newRootFor(s *session, args []string) *cobra.Command {
	for _, arg := range args {
		switch arg {
		case "help", "completion", "-h", "--help", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
			return newRoot(s)
		}
	}
	root := newBareRoot(s)
	root.CompletionOptions.DisableDefaultCmd = true
	if s.register(root, args) == 0 { // help, or a mistyped command
		return newRoot(s)
	}
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
		if s.flags.version {
			return printVersion(s, versionOptions{})
		}
		s.register(cmd, nil) // all are shown, or searched for what was meant
		if len(args) > 0 {
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
	rollbacker
	historian
}

var _ backend = (*app.App)(nil)

// commands are the constructors of the commands, by name.
func (s *session) commands() map[string]func() *cobra.Command {
	return map[string]func() *cobra.Command{
		"version":  func() *cobra.Command { return newVersion(s, nil) },
		"up":       func() *cobra.Command { return newUp(s, nil) },
		"plan":     func() *cobra.Command { return newPlan(s, nil) },
		"rollback": func() *cobra.Command { return newRollback(s, nil) },
		"history":  func() *cobra.Command { return newHistory(s, nil) },
		"create":   func() *cobra.Command { return newCreate(s, nil) },
		"scale":    func() *cobra.Command { return newScale(s, nil) },
		"down":     func() *cobra.Command { return newDown(s, nil) },
		"start":    func() *cobra.Command { return newStart(s, nil) },
		"stop":     func() *cobra.Command { return newStop(s, nil) },
		"restart":  func() *cobra.Command { return newRestart(s, nil) },
		"kill":     func() *cobra.Command { return newKill(s, nil) },
		"pause":    func() *cobra.Command { return newPause(s, nil) },
		"unpause":  func() *cobra.Command { return newUnpause(s, nil) },
		"rm":       func() *cobra.Command { return newRm(s, nil) },
		"ps":       func() *cobra.Command { return newPs(s, nil) },
		"ls":       func() *cobra.Command { return newLs(s, nil) },
		"images":   func() *cobra.Command { return newImages(s, nil) },
		"volumes":  func() *cobra.Command { return newVolumes(s, nil) },
		"port":     func() *cobra.Command { return newPort(s, nil) },
		"top":      func() *cobra.Command { return newTop(s, nil) },
		"logs":     func() *cobra.Command { return newLogs(s, nil) },
		"config":   func() *cobra.Command { return newConfig(s, nil) },
		"exec":     func() *cobra.Command { return newExec(s, nil) },
		"run":      func() *cobra.Command { return newRun(s, nil) },
		"build":    func() *cobra.Command { return newBuild(s, nil) },
		"pull":     func() *cobra.Command { return newPull(s, nil) },
		"push":     func() *cobra.Command { return newPush(s, nil) },
		"attach":   func() *cobra.Command { return newAttach(s, nil) },
		"events":   func() *cobra.Command { return newEvents(s, nil) },
		"stats":    func() *cobra.Command { return newStats(s, nil) },
		"wait":     func() *cobra.Command { return newWait(s, nil) },
		"publish":  func() *cobra.Command { return newPublish(s, nil) },
		"watch":    func() *cobra.Command { return newWatch(s, nil) },
		"cp":       func() *cobra.Command { return newCp(s, nil) },
		"commit":   func() *cobra.Command { return newCommit(s, nil) },
		"export":   func() *cobra.Command { return newExport(s, nil) },
		"viz":      func() *cobra.Command { return newViz(s, "", nil) },
		"generate": func() *cobra.Command { return newGenerate(s, nil) },
		"alpha":    func() *cobra.Command { return newAlpha(s) },
	}
}

// register adds the commands whose names are among the words; nil stands for
// all. It returns how many.
func (s *session) register(root *cobra.Command, words []string) (added int) {
	commands := s.commands()
	for _, name := range sortedKeys(commands) {
		wanted := words == nil || slices.Contains(words, name) || name == "config" && slices.Contains(words, "convert")
		if wanted && !hasCommand(root, name) {
			root.AddCommand(commands[name]())
			added++
		}
	}
	return added
}

func hasCommand(root *cobra.Command, name string) bool {
	return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
}

// prepare runs before every command: it notes the global flags and reads the
// settings.
func (s *session) prepare(cmd *cobra.Command, _ []string) error {
	s.flags.parsed(cmd.Root().Flags())
	s.running = cmd
	if _, ok := cmd.Annotations[usesProject]; !ok {
		s.warnOfDeprecated(cmd)
		return nil
	}
	for _, name := range []string{"force", "yes"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Value.Type() == "bool" {
			s.answerFlag = "--" + name
		}
	}
	if err := s.loadSettings(); err != nil {
		return err
	}
	// Only now is it known whether colours are wanted.
	s.warnOfDeprecated(cmd)
	s.debugProject(s.project())
	return nil
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
