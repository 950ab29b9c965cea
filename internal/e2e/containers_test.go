package e2e

import (
	"encoding/json"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

const attachable = `
services:
  plain:
    image: IMAGE
    command: ["sh", "-c", "while read line; do echo got $$line; test $$line = end && exit 7; done; sleep 1000"]
    stop_signal: SIGKILL
    stdin_open: true
  shell:
    image: IMAGE
    command: ["sh"]
    stdin_open: true
    tty: true
`

func TestAttachGivesTheExitCodeOfTheProcess(t *testing.T) {
	t.Parallel()
	p := newProject(t, attachable)
	p.must("up", "-d")
	command := p.command("attach", "plain")
	out := &screen{}
	input, typed := io.Pipe()
	command.Stdin, command.Stdout, command.Stderr = input, out, out
	// Closing ends the copying that exec.Cmd waits for.
	t.Cleanup(func() { _ = typed.Close() })
	r := launch(t, command, out)
	for _, line := range []string{"one", "end"} {
		if _, err := io.WriteString(typed, line+"\n"); err != nil {
			t.Fatal(err)
		}
		r.waitFor("got " + line)
	}
	_ = typed.Close()
	r.wantCode(7)
}

func TestAttachHandsSignalsOn(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  ticker:
    image: IMAGE
    command: ["sh", "-c", "trap 'echo bye; exit 9' TERM; trap 'echo interrupted' INT; while :; do echo tick; sleep 0.1; done"]
`)
	p.must("up", "-d")
	r := p.start("attach", "ticker")
	r.waitFor("tick")
	r.signal(syscall.SIGINT)
	r.waitFor("interrupted")
	r.signal(syscall.SIGTERM)
	r.waitFor("bye")
	r.wantCode(9)

	p.must("start")
	r = p.start("attach", "--sig-proxy=false", "ticker")
	r.waitFor("tick")
	r.signal(syscall.SIGINT)
	r.wantCode(130)
	if states := p.containers(); states["ticker-1"] != "running" {
		t.Errorf("states: %v", states)
	}
}

// waits gives a process a moment and tells whether it has ended.
func (p project) waits(r *process) bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func TestAttachLeavesAContainerByItsDetachKeys(t *testing.T) {
	t.Parallel()
	p := newProject(t, attachable)
	p.must("up", "-d")
	for _, c := range []struct{ flag, keys string }{{"", "\x10\x11"}, {"--detach-keys=ctrl-a,d", "\x01d"}} {
		args := []string{"attach", "shell"}
		if c.flag != "" {
			args = append(args, c.flag)
		}
		command := p.command(args...)
		terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 33, Cols: 99})
		if err != nil {
			t.Fatal(err)
		}
		out := &screen{}
		r := &process{t: t, command: command, output: out, ended: make(chan struct{})}
		go func() { _, _ = io.Copy(out, terminal) }() // a terminal ends with an error
		go func() {
			defer close(r.ended)
			_ = command.Wait()
		}()
		if _, err := io.WriteString(terminal, "echo sum $((40+2))\n"); err != nil {
			t.Fatal(err)
		}
		r.waitFor("sum 42")
		if _, err := io.WriteString(terminal, `for i in $(seq 50); do s=$(stty size); test "$s" = "33 99" && break; sleep 0.1; done; echo "is:$s:"`+"\n"); err != nil {
			t.Fatal(err)
		}
		r.waitFor("is:33 99:")
		if _, err := io.WriteString(terminal, c.keys); err != nil {
			t.Fatal(err)
		}
		r.wantCode(0)
		if states := p.containers(); states["shell-1"] != "running" {
			t.Errorf("states: %v", states)
		}
	}
}

func TestEventsTellWhatHappens(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: IMAGE, command: ["sh", "-c", "exit 3"]}
  other: {image: IMAGE, command: ["true"]}
`)
	p.must("create")
	text, rows := p.start("events", "web"), p.start("events", "--json")
	for _, r := range []*process{text, rows} { // it has begun when it shows something
		for !strings.Contains(r.output.String(), "web") && !p.waits(r) {
			p.must("start", "web")
			p.run("wait", "web") // with its exit code
		}
		r.waitFor("die")
		r.signal(syscall.SIGINT)
		r.wantCode(130)
	}
	if strings.Contains(text.output.String(), "other-1") {
		t.Errorf("events of another service:\n%s", text.output)
	}
	line, _, _ := strings.Cut(rows.output.String(), "\n")
	var event struct {
		Type, Action, Service, ID string
		Attributes                map[string]string
	}
	if err := json.Unmarshal([]byte(line), &event); err != nil || event.Type != "container" || event.Service != "web" {
		t.Errorf("%v: %s", err, line)
	}
	for key := range event.Attributes {
		if strings.HasPrefix(key, "com.docker.compose.") || strings.HasPrefix(key, "dev.berth.spec") {
			t.Errorf("attribute %s", key)
		}
	}
	past := p.must("events", "--since", "10m", "--until", "0s", "web")
	if !strings.Contains(past, "container create") || !strings.Contains(past, "container die") {
		t.Errorf("the past:\n%s", past)
	}
}

func TestWaitGivesTheExitCode(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  job: {image: IMAGE, command: ["sh", "-c", "sleep 2; exit 12"]}
  server: {image: IMAGE, command: ["sh", "-c", "`+loop+`"]}
`)
	p.must("up", "-d")
	stdout, stderr, code := p.run("wait", "job")
	if code != 12 || !strings.Contains(stdout, "exited with status code 12") {
		t.Errorf("%d: %s%s", code, stdout, stderr)
	}
	if _, _, code := p.run("wait", "job"); code != 12 {
		t.Errorf("one that has stopped before: %d", code)
	}
	r := p.start("wait", "--down-project", "job", "server")
	r.wantCode(12)
	if states := p.containers(); len(states) != 0 {
		t.Errorf("left over: %v", states)
	}
	if _, stderr, code := p.run("wait", "job"); code != 1 || !strings.Contains(stderr, "job") {
		t.Errorf("%d: %s", code, stderr)
	}
}

func TestStatsShowEachRunningContainer(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: IMAGE, command: ["sh", "-c", "`+loop+`"], scale: 2}
  job: {image: IMAGE, command: ["true"]}
`)
	p.must("up", "-d")
	p.must("wait", "job")
	once := p.must("stats", "--no-stream", "--format", "json")
	var rows []map[string]any
	for _, line := range strings.Split(strings.TrimSpace(once), "\n") {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		rows = append(rows, row)
	}
	if len(rows) != 2 || rows[0]["Name"] != p.name+"-web-1" {
		t.Errorf("got:\n%s", once)
	}
	if all := p.must("stats", "--no-stream", "-a", "--format", "json"); strings.Count(all, "\n") != 3 {
		t.Errorf("with -a:\n%s", all)
	}
	live := p.start("stats", "--format", "{{.Name}}")
	live.waitFor("-web-2")
	p.must("up", "-d", "--scale", "web=3")
	live.waitFor("-web-3")
	live.signal(syscall.SIGINT)
	live.wantCode(130)
}
