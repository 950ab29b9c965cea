package cli

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// With -update the test rewrites docs/cli and docs/man from the command tree:
//
//	go test ./internal/cli -run TestReference -update
var update = flag.Bool("update", false, "rewrite the reference in docs")

const docsDir = "../../docs"

func TestReferenceIsFresh(t *testing.T) {
	want := map[string]string{}
	root := testTree(t)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range append(root.Commands(), root) {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		cmd.InitDefaultHelpFlag()
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		want[filepath.Join("cli", name+".md")] = markdown(cmd)
		want[filepath.Join("man", name+".1")] = manPage(cmd)
	}
	if *update {
		writeReference(t, want)
	}
	have := map[string]string{}
	for _, pattern := range []string{"cli/*.md", "man/*.1"} {
		files, err := filepath.Glob(filepath.Join(docsDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			have[strings.TrimPrefix(f, docsDir+"/")] = string(content)
		}
	}
	const remedy = "run: go test ./internal/cli -run TestReference -update"
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if have[name] != want[name] {
			t.Errorf("docs/%s is not what the command tree says: %s", name, remedy)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("docs/%s describes no command: %s", name, remedy)
		}
	}
}

func writeReference(t *testing.T, files map[string]string) {
	t.Helper()
	for _, dir := range []string{"cli", "man"} {
		if err := os.RemoveAll(filepath.Join(docsDir, dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(docsDir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(docsDir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// codes is the documentation of exit.go.
func codes() [][2]string {
	return [][2]string{
		{"0", "fine"},
		{"1", "failure, or a command line that means nothing"},
		{"2", "`plan` only: there is something to do"},
		{"130", "ended by SIGINT, SIGTERM or SIGHUP"},
		{"141", "nobody reads the output any more"},
		{"other", "`exec`, `run`, `wait`, `up --exit-code-from` and `up --abort-on-container-exit`: the container's own; 126: the command cannot be run, 127: there is none"},
	}
}

// variables is the documentation of the environment.
func variables() [][2]string {
	return [][2]string{
		{"COMPOSE_FILE, COMPOSE_PATH_SEPARATOR", "Compose files in place of those found, and what stands between them (`:`, on Windows `;`)"},
		{"COMPOSE_PROJECT_NAME", "project name, below `--project-name`"},
		{"COMPOSE_PROFILES", "profiles, separated by commas, where there is no `--profile`"},
		{"COMPOSE_ENV_FILES, COMPOSE_DISABLE_ENV_FILE", "environment files where there is no `--env-file`; no default `.env`"},
		{"COMPOSE_IGNORE_ORPHANS, COMPOSE_REMOVE_ORPHANS", "say nothing of orphans; remove them"},
		{"COMPOSE_PARALLEL_LIMIT", "same as `--parallel`"},
		{"COMPOSE_ANSI, NO_COLOR, COMPOSE_PROGRESS", "same as `--ansi`; no colours; same as `--progress`"},
		{"COMPOSE_STATUS_STDOUT", "progress goes to standard output"},
		{"COMPOSE_MENU, COMPOSE_COMPATIBILITY", "same as `up --menu` and `--compatibility`"},
		{"DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, DOCKER_API_VERSION", "as in the Docker CLI"},
		{"DOCKER_DEFAULT_PLATFORM, BUILDKIT_PROGRESS", "as in the Docker CLI"},
	}
}

func markdown(cmd *cobra.Command) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s\n\n```\n%s\n```\n", cmd.CommandPath(), describe(cmd), cmd.UseLine())
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso called: %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\n## Examples\n\n```\n%s\n```\n", unindent(cmd.Example))
	}
	for _, group := range cmd.Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| command | |\n|---|---|\n", strings.TrimSuffix(group.Title, ":"))
		for _, sub := range cmd.Commands() {
			if sub.GroupID == group.ID && sub.Name() != "help" && !sub.Hidden {
				fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", sub.Name(), strings.ReplaceAll(sub.CommandPath(), " ", "-"), sub.Short)
			}
		}
	}
	markdownFlags(&b, "Options", cmd.LocalFlags())
	markdownFlags(&b, "Global options", cmd.InheritedFlags())
	if !cmd.HasParent() {
		markdownPairs(&b, "Environment", "variable", variables())
		markdownPairs(&b, "Exit codes", "code", codes())
	}
	return b.String()
}

func markdownFlags(b *bytes.Buffer, title string, flags *pflag.FlagSet) {
	var rows [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		text := strings.ReplaceAll(f.Usage, "|", `\|`)
		if value := shownDefault(f); value != "" {
			text += " (default `" + value + "`)"
		}
		rows = append(rows, [2]string{"`" + flagName(f) + "`", text})
	})
	if len(rows) > 0 {
		markdownPairs(b, title, "option", rows)
	}
}

func markdownPairs(b *bytes.Buffer, title, head string, rows [][2]string) {
	fmt.Fprintf(b, "\n## %s\n\n| %s | |\n|---|---|\n", title, head)
	for _, r := range rows {
		fmt.Fprintf(b, "| %s | %s |\n", r[0], r[1])
	}
}

// flagName is "-f, --file stringArray".
func flagName(f *pflag.Flag) string {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if kind := f.Value.Type(); kind != "bool" {
		name += " " + kind
	}
	return name
}

// shownDefault is a default that is worth a word.
func shownDefault(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "[]", "false", "0", "0s":
		return ""
	}
	return f.DefValue
}

func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

func manPage(cmd *cobra.Command) string {
	var b bytes.Buffer
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" berth \"berth manual\"\n", strings.ToUpper(name))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(describe(cmd)), "\n\n", "\n.PP\n"))
	manFlags(&b, "OPTIONS", cmd.LocalFlags())
	manFlags(&b, "GLOBAL OPTIONS", cmd.InheritedFlags())
	if cmd.HasExample() {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(unindent(cmd.Example)))
	}
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(cmd.Root().Name()))
		return b.String()
	}
	manPairs(&b, "COMMANDS", commandPairs(cmd))
	manPairs(&b, "ENVIRONMENT", variables())
	manPairs(&b, "EXIT STATUS", codes())
	return b.String()
}

func commandPairs(root *cobra.Command) [][2]string {
	var rows [][2]string
	for _, sub := range root.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			rows = append(rows, [2]string{strings.ReplaceAll(sub.CommandPath(), " ", "-") + "(1)", sub.Short})
		}
	}
	return rows
}

func manFlags(b *bytes.Buffer, title string, flags *pflag.FlagSet) {
	var rows [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		text := f.Usage
		if value := shownDefault(f); value != "" {
			text += " (default " + value + ")"
		}
		rows = append(rows, [2]string{flagName(f), text})
	})
	if len(rows) > 0 {
		manPairs(b, title, rows)
	}
}

func manPairs(b *bytes.Buffer, title string, rows [][2]string) {
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, r := range rows {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(r[0]), roff(strings.ReplaceAll(r[1], "`", "")))
	}
}

// roff makes text safe for troff: backslashes, hyphens that must stay hyphens,
// and dots and quotes that would begin a request.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
