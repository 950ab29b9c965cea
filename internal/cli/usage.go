package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageLine is what follows the error of a command line that means nothing.
func usageLine(cmd *cobra.Command) string {
	return fmt.Sprintf("Usage: %s\nSee '%s --help'.", cmd.UseLine(), cmd.CommandPath())
}

// usageOf makes an error of the flag parser speak for itself.
func usageOf(cmd *cobra.Command, err error) error {
	text := err.Error()
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			text += ": did you mean --" + near + "?"
		}
	}
	return &usageError{text: text, line: usageLine(cmd)}
}

// isFlagError tells the parser's errors, which the root command returns as they
// are, from those of commands.
func isFlagError(err error) bool {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	return errors.As(err, &unknown) || errors.As(err, &missing) || errors.As(err, &invalid) || errors.As(err, &syntax)
}

// nearestFlag finds the flag whose name is at most two edits from a mistyped one.
func nearestFlag(cmd *cobra.Command, name string) string {
	best, bestDistance := "", 3
	consider := func(f *pflag.Flag) {
		if f.Hidden || len(name) < 2 {
			return
		}
		d := distance(name, f.Name)
		if d < bestDistance || d == bestDistance && best != "" && f.Name < best {
			best, bestDistance = f.Name, d
		}
	}
	cmd.Flags().VisitAll(consider)
	cmd.InheritedFlags().VisitAll(consider)
	return best
}

// distance is the Levenshtein distance of two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// conflict is the error of options that exclude each other.
func conflict(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), line: usageLine(cmd)}
}

// argsBetween checks the number of positional arguments; what names them in the
// error, and most < 0 allows any number.
func argsBetween(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && (most < 0 || len(args) <= most) {
			return nil
		}
		problem := "needs " + what
		if most == 0 {
			problem = "takes no arguments, got " + strings.Join(args, " ")
		}
		return &usageError{text: cmd.Name() + " " + problem, line: usageLine(cmd)}
	}
}

// oneOf checks the value of an option against those that exist; empty passes.
func oneOf(cmd *cobra.Command, option, value string, known ...string) error {
	if value == "" {
		return nil
	}
	for _, k := range known {
		if value == k {
			return nil
		}
	}
	return conflict(cmd, "%s %q is unknown: use %s", option, value, strings.Join(known, ", "))
}
