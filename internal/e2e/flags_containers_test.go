package e2e

import (
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/berth-dev/berth/internal/testengine"
)

const idle = `
services:
  web:
    image: IMAGE
    command: sleep 1000
    stop_signal: SIGKILL
    volumes: [/anonymous]
`

// anonymous is the name of the volume that the container of a service made.
func (p project) anonymous(container string) string {
	p.t.Helper()
	mounts, _ := testengine.Inspect(p.t, p.name+"-"+container)["Mounts"].([]any)
	if len(mounts) != 1 {
		p.t.Fatalf("mounts: %v", mounts)
	}
	return mounts[0].(map[string]any)["Name"].(string)
}

func TestRmTakesAnonymousVolumesWhenAskedTo(t *testing.T) {
	p := newProject(t, idle)
	for flag, kept := range map[string]bool{"--force": true, "--volumes": false} {
		p.must("create")
		volume := p.anonymous("web-1")
		p.must("rm", "--force", flag)
		if got := testengine.Exists(t, "volumes", volume); got != kept {
			t.Errorf("rm %s: the volume exists: %t", flag, got)
		}
		if kept {
			testengine.Delete(t, "/volumes/"+volume)
		}
	}
}

// onTerminal is what berth shows on a terminal.
func (p project) onTerminal(args ...string) string {
	p.t.Helper()
	command := p.command(append([]string{"--progress", "quiet"}, args...)...)
	terminal, err := pty.Start(command)
	if err != nil {
		p.t.Fatal(err)
	}
	defer terminal.Close()
	out := &screen{}
	buffer := make([]byte, 1024)
	for {
		n, err := terminal.Read(buffer)
		_, _ = out.Write(buffer[:n]) // a screen takes all
		if err != nil {              // Linux says EIO when the other end is closed
			break
		}
	}
	_ = command.Wait() // tty(1) fails without a terminal
	return out.String()
}

func TestCommandsGetATerminalUnlessTheyAreNotTo(t *testing.T) {
	p := newProject(t, idle)
	p.must("up", "-d")
	for line, has := range map[string]bool{
		"exec web tty":        true,
		"exec -T web tty":     false,
		"run --rm web tty":    true,
		"run --rm -T web tty": false,
	} {
		shown := p.onTerminal(strings.Fields(line)...)
		if strings.Contains(shown, "/dev/pts/") != has || strings.Contains(shown, "not a tty") == has {
			t.Errorf("%s: %s", line, shown)
		}
	}
}

func TestRunGivesTheTerminalItIsToldToThoughItsOutputIsPiped(t *testing.T) {
	p := newProject(t, idle)
	terminal, input, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer input.Close()
	for line, want := range map[string]string{"run --rm -t web tty": "/dev/pts/", "run --rm web tty": "not a tty"} {
		command := p.command(strings.Fields(line)...)
		command.Stdin = input
		out, _ := command.Output() // tty(1) fails without a terminal
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: %q", line, out)
		}
	}
}

// Where containers may be privileged the process has more capabilities than
// otherwise; elsewhere it cannot have them and does not start.
func TestExecAsksForPrivileges(t *testing.T) {
	p := newProject(t, idle)
	p.must("up", "-d")
	look := []string{"exec", "web", "grep", "CapEff", "/proc/self/status"}
	usual := p.must(look...)
	more, stderr, code := p.run(append([]string{"exec", "--privileged"}, look[1:]...)...)
	if more == usual || code != 0 && !strings.Contains(stderr, "caps") {
		t.Errorf("%q without, %q with privileges: exit code %d, %s", usual, more, code, stderr)
	}
}
