package cli

import (
	"encoding/csv"
	"os"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pending are the commands of the table that are not in the tree yet. The list
// must shrink.
func pending() []string {
	return nil
}

// pendingFlags are flags of the table whose commands do not have them yet. The
// list must shrink.
func pendingFlags() []string { return nil }

// ownFlags are berth's own, which docker compose does not have.
func ownFlags() []string {
	return []string{
		// the Docker CLI's global flags
		" --config", " --context", " --debug", " --host", " --log-level", " --tls", " --tlscacert", " --tlscert", " --tlskey", " --tlsverify",
		"down --volume", "logs --format", "logs --output-dir", "logs --separate-stderr", "up --tail", "up --accept-volume-removal", "up --plan",
	}
}

// ownCommands are berth's own, which docker compose does not have.
func ownCommands() []string {
	return []string{"plan", "rollback", "history", "viz", "generate", "alpha"}
}

type flagFacts struct{ command, flag, shorthand, kind, value, status string }

func readFlagTable(t *testing.T) []flagFacts {
	t.Helper()
	file, err := os.Open("testdata/flags.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comma = '\t'
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var facts []flagFacts
	for _, r := range rows[1:] {
		facts = append(facts, flagFacts{r[0], r[1], r[2], r[3], r[4], r[5]})
	}
	return facts
}

func testTree(t *testing.T) *cobra.Command {
	t.Helper()
	w := newWorld(t)
	return newRoot(newSession(w.env, invocation{name: "berth"}))
}

// commandOf finds a command by the table's word; nil when the tree has none.
func commandOf(root *cobra.Command, name string) *cobra.Command {
	if name == "(global)" {
		return root
	}
	for _, c := range root.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

func TestEveryFlagOfTheTableIsInTheTree(t *testing.T) {
	root := testTree(t)
	for _, want := range readFlagTable(t) {
		id := want.command + " " + want.flag
		cmd := commandOf(root, want.command)
		if cmd == nil {
			if !slices.Contains(pending(), want.command) {
				t.Errorf("%s: no such command", id)
			}
			continue
		}
		flag := cmd.Flags().Lookup(want.flag[2:])
		if flag == nil {
			flag = cmd.PersistentFlags().Lookup(want.flag[2:])
		}
		if flag == nil {
			if !slices.Contains(pendingFlags(), id) {
				t.Errorf("%s: no such flag", id)
			}
			continue
		}
		status := ""
		if flag.Hidden {
			status = "hidden"
		}
		got := flagFacts{want.command, want.flag, "", flag.Value.Type(), flag.DefValue, status}
		if flag.Shorthand != "" {
			got.shorthand = "-" + flag.Shorthand
		}
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", id, got, want)
		}
	}
}

func TestPendingListsHoldNothingThatExists(t *testing.T) {
	root := testTree(t)
	for _, name := range pending() {
		if commandOf(root, name) != nil {
			t.Errorf("%s is in the tree: take it off the list", name)
		}
	}
	for _, want := range readFlagTable(t) {
		cmd := commandOf(root, want.command)
		if cmd != nil && cmd.Flags().Lookup(want.flag[2:]) != nil && slices.Contains(pendingFlags(), want.command+" "+want.flag) {
			t.Errorf("%s %s is in the tree: take it off the list", want.command, want.flag)
		}
	}
}

func TestFlagsBeyondTheTableAreKnown(t *testing.T) {
	known := map[string]bool{"lock-timeout": true, "take-over": true, "strict": true, "prune-images": true, "help": true}
	for _, f := range readFlagTable(t) {
		known[f.command+" "+f.flag] = true
	}
	for _, f := range ownFlags() {
		known[f] = true
	}
	root := testTree(t)
	for _, cmd := range append(root.Commands(), root) {
		if slices.Contains(ownCommands(), cmd.Name()) {
			continue
		}
		name := cmd.Name()
		if cmd == root {
			name = ""
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if !known[name+" --"+f.Name] && !known["(global) --"+f.Name] && !known[f.Name] {
				t.Errorf("%s --%s is neither in the table nor among berth's own", name, f.Name)
			}
		})
	}
}

func TestEveryCommandHasGroupExampleAndCompletion(t *testing.T) {
	for _, cmd := range testTree(t).Commands() {
		if cmd.Name() == "help" {
			continue
		}
		if cmd.GroupID == "" || cmd.Example == "" || cmd.Short == "" || cmd.Long == "" || cmd.ValidArgsFunction == nil && !cmd.HasSubCommands() {
			t.Errorf("%s lacks a group, an example, a description or completion", cmd.Name())
		}
	}
}

func TestDryRunIsUnderstoodBehindEveryCommand(t *testing.T) {
	w := newWorld(t, "down", "--dry-run")
	if code := w.run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, w.stderr.String())
	}
}
