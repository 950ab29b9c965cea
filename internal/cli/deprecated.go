package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// deprecatedNote is the annotation of a flag that is understood for the sake of
// old scripts: what to tell those who give it.
const deprecatedNote = "berth:deprecated"

// deprecate hides a flag, and lets a command that is given it warn.
func deprecate(flags *pflag.FlagSet, name, remedy string) {
	flag := flags.Lookup(name)
	flag.Hidden = true
	flag.Annotations = map[string][]string{deprecatedNote: {"--" + name + " is deprecated: " + remedy}}
}

// warnOfDeprecated warns of each such flag on the command line, once.
func (s *session) warnOfDeprecated(cmd *cobra.Command) {
	warn := func(flag *pflag.Flag) {
		for _, text := range flag.Annotations[deprecatedNote] {
			s.warn(text)
		}
	}
	cmd.Root().Flags().Visit(warn)
	if cmd.HasParent() {
		cmd.Flags().Visit(warn)
	}
}
