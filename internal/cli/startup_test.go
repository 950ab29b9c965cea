package cli

import (
	"io"
	"strings"
	"testing"
)

// BenchmarkVersion is what a whole command line costs beside the process: the
// command tree is built for each.
func BenchmarkVersion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		env := Env{Args: []string{"berth", "version"}, Stdout: io.Discard, Stderr: io.Discard, Version: "1.2.3"}
		if code := Main(env); code != 0 {
			b.Fatal(code)
		}
	}
}

func TestOnlyTheCommandThatIsNeededIsBuilt(t *testing.T) {
	for line, want := range map[string]int{
		"-f x up -d": 1, "exec web ps": 2, "convert": 1, "--dry-run down -v": 1,
	} {
		w := newWorld(t)
		root := newRootFor(newSession(w.env, invocation{name: "berth"}), strings.Fields(line))
		if got := len(root.Commands()); got != want {
			t.Errorf("%s: %d commands", line, got)
		}
	}
	all := len(newRoot(newSession(newWorld(t).env, invocation{name: "berth"})).Commands())
	for _, line := range []string{"", "--help", "up --help", "help up", "nosuch", "__complete up -", "--version"} {
		w := newWorld(t)
		root := newRootFor(newSession(w.env, invocation{name: "berth"}), strings.Fields(line))
		if got := len(root.Commands()); got != all {
			t.Errorf("%s: %d commands of %d", line, got, all)
		}
	}
}

func TestAMistypedCommandIsComparedWithAllOthers(t *testing.T) {
	w := newWorld(t, "dwon", "up") // up is a command as well, but not the one that was meant
	if code := w.run(); code != 1 || !strings.HasPrefix(w.stderr.String(), `unknown command "dwon": did you mean down?`+"\n") {
		t.Errorf("exit code %d, %s", code, w.stderr.String())
	}
}

func TestCommandsAreKnownByTheirNames(t *testing.T) {
	s := newSession(newWorld(t).env, invocation{name: "berth"})
	for name, construct := range s.commands() {
		cmd := construct()
		if cmd.Name() != name || len(cmd.Aliases) > 0 && name != "config" {
			t.Errorf("%s is called %s %v", name, cmd.Name(), cmd.Aliases)
		}
	}
}
