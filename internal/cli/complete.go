package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// completeServices offers the services of the project that are not on the
// command line yet.
func (s *session) completeServices(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	names := s.ask(cmd, app.ConfigRequest{ServicesOnly: true, NoInterpolate: true})
	used := make(map[string]bool, len(args))
	for _, a := range args {
		name, _, _ := strings.Cut(a, "=")
		used[name] = true
	}
	var free []string
	for _, n := range names {
		if !used[n] && strings.HasPrefix(n, prefix) {
			free = append(free, n)
		}
	}
	return free, cobra.ShellCompDirectiveNoFileComp
}

// completeFirstService offers services for the first argument and leaves the
// rest to the shell.
func (s *session) completeFirstService(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return s.completeServices(cmd, args, prefix)
}

// completeScale offers SERVICE= for what is to be scaled.
func (s *session) completeScale(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	names, _ := s.completeServices(cmd, args, prefix)
	for i := range names {
		names[i] += "="
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// ask reads names off the project. A shell that completes cannot be told what
// went wrong: then there is nothing to offer.
func (s *session) ask(cmd *cobra.Command, r app.ConfigRequest) []string {
	s.flags.parsed(cmd.Root().Flags())
	s.flags.progress = "quiet"
	if s.loadSettings() != nil {
		return nil
	}
	use, err := s.silentApp()
	if err != nil {
		return nil
	}
	r.Project = s.project()
	if r.ServicesOnly {
		r.Project.Profiles = append(r.Project.Profiles, "*")
	}
	result, err := use.Config(cmd.Context(), r)
	if err != nil {
		return nil
	}
	return strings.Fields(string(result.Output))
}

// containers lists the project's containers; of one service if it is named. A
// shell that completes cannot be told what went wrong: then there are none.
func (s *session) containers(cmd *cobra.Command, services []string) []engine.Container {
	s.flags.parsed(cmd.Root().Flags())
	if s.loadSettings() != nil {
		return nil
	}
	use, err := s.silentApp()
	if err != nil {
		return nil
	}
	list, err := use.Ps(cmd.Context(), app.PsRequest{Project: s.project(), Services: services, All: true, Orphans: true})
	if err != nil {
		return nil
	}
	return list
}

// completeContainers offers the names of the project's containers.
func (s *session) completeContainers(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, c := range s.containers(cmd, nil) {
		if strings.HasPrefix(c.Name, prefix) && !slices.Contains(args, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeIndex offers the numbers of a service's containers, once the service is
// on the command line.
func (s *session) completeIndex(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var numbers []string
	if len(args) > 0 {
		for _, c := range s.containers(cmd, args[:1]) {
			if n := labels.ReplicaNumber(c.Labels); n > 0 && !labels.IsOneOff(c.Labels) {
				numbers = append(numbers, strconv.Itoa(n))
			}
		}
	}
	return numbers, cobra.ShellCompDirectiveNoFileComp
}

// completeProjects offers the projects the engine has.
func (s *session) completeProjects(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	s.flags.parsed(cmd.Root().Flags())
	use, err := s.silentApp()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	projects, err := use.List(cmd.Context(), app.ListRequest{All: true})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, len(projects))
	for i, p := range projects {
		names[i] = p.Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeFlags says what the values of flags can be.
func (s *session) completeFlags(root *cobra.Command) {
	profiles := func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return s.ask(cmd, app.ConfigRequest{Profiles: true, NoInterpolate: true}), cobra.ShellCompDirectiveNoFileComp
	}
	files := cobra.FixedCompletions([]string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt)
	folders := cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	s.flagValues(root, map[string]cobra.CompletionFunc{
		"file": files, "project-directory": folders, "profile": profiles, "project-name": s.completeProjects,
		"ansi": words("auto", "never", "always"), "progress": words("auto", "tty", "plain", "json", "quiet"),
	})
	s.completeCommandFlags(root)
}

func (s *session) completeCommandFlags(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		s.completeCommandFlags(cmd)
		s.flagValues(cmd, map[string]cobra.CompletionFunc{
			"index": s.completeIndex, "attach": s.completeServices, "no-attach": s.completeServices, "exit-code-from": s.completeServices,
			"scale": s.completeScale, "pull": words("always", "missing", "never", "build", "policy"),
			"policy": words("missing", "always"), "rmi": words("local", "all"), "protocol": words("tcp", "udp"),
			"status":   words(containerStates()...),
			"signal":   words("SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"),
			"progress": words("auto", "tty", "plain", "json", "quiet"), "oci-version": words("1.0", "1.1"),
			"format": words(formats(cmd.Name())...), "filter": filters(cmd.Name()),
		})
	}
}

// formats are the values of a command's --format.
func formats(command string) []string {
	switch command {
	case "config", "generate":
		return []string{"yaml", "json"}
	case "version":
		return []string{"pretty", "json"}
	case "logs", "plan":
		return []string{"text", "json"}
	case "viz":
		return []string{"text", "dot", "mermaid"}
	}
	return []string{"table", "json"}
}

// filters completes a command's --filter. What follows the equals sign of a name
// is a pattern, of which nothing is known.
func filters(command string) cobra.CompletionFunc {
	if command == "ls" {
		return cobra.FixedCompletions([]string{"name="}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)
	}
	var values []string
	for _, state := range containerStates() {
		values = append(values, "status="+state)
	}
	return words(values...)
}

// containerStates are what ps can be narrowed to.
func containerStates() []string {
	return []string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}
}

// addCompletion adds the command that writes the shells' completion scripts, with
// how to install each.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	call, word := completion.CommandPath(), root.Name()
	completion.Example = strings.Join([]string{
		"  " + call + " bash > /etc/bash_completion.d/" + word,
		"  " + call + " fish > ~/.config/fish/completions/" + word + ".fish",
		"  " + call + " powershell >> $PROFILE",
		"  " + call + ` zsh > "${fpath[1]}/_` + word + `"`,
	}, "\n")
}

// flagValues sets completions for those flags that a command has as strings.
func (s *session) flagValues(cmd *cobra.Command, values map[string]cobra.CompletionFunc) {
	for name, f := range values {
		flag := cmd.LocalNonPersistentFlags().Lookup(name)
		if flag == nil || flag.Value.Type() == "bool" {
			continue
		}
		// The only error is a second registration, of which there is none.
		_ = cmd.RegisterFlagCompletionFunc(name, f)
	}
}

func words(list ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}
