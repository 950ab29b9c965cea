package e2e

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

const twoServices = `
services:
  db:
    image: IMAGE
    command: ["sh", "-c", "` + loop + `"]
  web:
    image: IMAGE
    command: ["sh", "-c", "` + loop + `"]
    depends_on: [db]
`

func TestTheFirstInterruptStopsDependentsFirst(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			p := newProject(t, twoServices)
			up := p.start("up")
			up.waitFor("db-1   | up")
			up.waitFor("web-1  | up")
			up.signal(sig)
			up.wantCode(130)
			inOrder(t, up.output.String(), "Gracefully stopping", "-web-1 Stopping", "-web-1 Stopped", "-db-1 Stopping", "-db-1 Stopped")
			for _, line := range []string{"web-1  | bye", "db-1   | bye", "web-1 exited with code 0", "db-1 exited with code 0"} {
				if !strings.Contains(up.output.String(), line) {
					t.Errorf("no %q in:\n%s", line, up.output)
				}
			}
			for name, state := range p.containers() {
				if state != "exited" {
					t.Errorf("%s is %s", name, state)
				}
			}
		})
	}
}

// asPerson is how far apart two keys of a person are at least: signals that come
// closer are one wish.
const asPerson = 500 * time.Millisecond

func TestTheSecondInterruptKillsAtOnce(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  deaf:
    image: IMAGE
    command: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]
    stop_grace_period: 5m
`)
	up := p.start("up")
	up.waitFor("| up")
	up.signal(syscall.SIGINT)
	up.waitFor("-deaf-1 Stopping")
	time.Sleep(asPerson)
	began := time.Now()
	up.signal(syscall.SIGINT)
	up.wantCode(130)
	if took := time.Since(began); took > patience/2 {
		t.Errorf("killing took %s", took)
	}
	up.waitFor("deaf-1 exited with code 137")
}

func TestAnInterruptWhileStartingStopsWhatHasBeenStarted(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  db:
    image: IMAGE
    command: ["sh", "-c", "`+loop+`"]
    healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 1000}
  web:
    image: IMAGE
    depends_on: {db: {condition: service_healthy}}
`)
	up := p.start("up")
	up.waitFor("-db-1 Waiting")
	up.signal(syscall.SIGINT)
	up.wantCode(130)
	if states := p.containers(); states["db-1"] != "exited" {
		t.Errorf("states: %v", states)
	}
}

func TestAbortingGivesTheExitCodeThatIsAskedFor(t *testing.T) {
	const services = `
services:
  init:
    image: IMAGE
    command: ["true"]
  job:
    image: IMAGE
    command: ["sh", "-c", "sleep 1; exit 42"]
    depends_on: {init: {condition: service_completed_successfully}}
  polite:
    image: IMAGE
    command: ["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done"]
  raw:
    image: IMAGE
    command: ["sh", "-c", "sleep 1000 & wait"]
    stop_signal: SIGKILL
  deaf:
    image: IMAGE
    command: ["sleep", "1000"]
    stop_grace_period: 1s
`
	for _, c := range []struct {
		flags string
		code  int
	}{
		{"--abort-on-container-exit", 42},
		{"--abort-on-container-failure", 42},
		{"--exit-code-from job", 42},
		{"--exit-code-from polite", 9},
		{"--exit-code-from raw", 137},
		{"--exit-code-from deaf", 137},
		{"--exit-code-from init", 0},
	} {
		t.Run(strings.TrimPrefix(strings.ReplaceAll(c.flags, " ", "="), "--"), func(t *testing.T) {
			t.Parallel()
			p := newProject(t, services)
			_, stderr, code := p.run(append([]string{"up"}, strings.Fields(c.flags)...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, stderr)
			}
			for name, state := range p.containers() {
				if state == "running" {
					t.Errorf("%s still runs", name)
				}
			}
		})
	}
}

func TestAServiceThatIsTerminatedGives143(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  job:
    image: IMAGE
    command: ["sh", "-c", "sleep 1; exit 3"]
  server:
    image: IMAGE
    command: ["sh", "-c", "trap 'exit 143' TERM; while :; do sleep 0.1; done"]
`)
	if _, stderr, code := p.run("up", "--exit-code-from", "server"); code != 143 {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

func TestUpEndsByItselfWithZeroWhenAllHaveEnded(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  good: {image: IMAGE, command: ["echo", "one"]}
  bad: {image: IMAGE, command: ["sh", "-c", "echo two >&2; exit 3"]}
`)
	stdout, stderr, code := p.run("up")
	if code != 0 || !strings.Contains(stdout, "| one") || !strings.Contains(stderr, "| two") {
		t.Errorf("exit code %d, stdout:\n%s\nstderr:\n%s", code, stdout, stderr)
	}
	if both := stdout + stderr; !strings.Contains(both, "bad-1 exited with code 3") || !strings.Contains(both, "good-1 exited with code 0") {
		t.Errorf("exits:\n%s", both)
	}
}

func TestNoLineIsLostDoubledOrTornAndOrderIsKept(t *testing.T) {
	t.Parallel()
	const lines, replicas = 20_000, 5
	p := newProject(t, fmt.Sprintf(`
services:
  w:
    image: IMAGE
    command: ["sh", "-c", "seq 1 %d | sed 's/.*/line & of the output of one container/'"]
    scale: %d
`, lines, replicas))
	out := p.must("up")
	next := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		name, text, ok := strings.Cut(line, " | ")
		if !ok {
			continue // not a line of output
		}
		next[name]++
		if want := fmt.Sprintf("line %d of the output of one container", next[name]); text != want {
			t.Fatalf("%s wrote %q, want %q", name, text, want)
		}
	}
	for i := range replicas {
		if name := fmt.Sprintf("w-%d", i+1); next[name+" "] != lines && next[name] != lines {
			t.Errorf("%s: %d lines of %d: %v", name, next[name], lines, next)
		}
	}
}

func TestOnlyTheServicesAskedForAreShown(t *testing.T) {
	const services = `
services:
  db:
    image: IMAGE
    command: ["sh", "-c", "echo from db; sleep 1000"]
    stop_signal: SIGKILL
  quiet:
    image: IMAGE
    command: ["sh", "-c", "echo from quiet; sleep 1"]
    attach: false
  web:
    image: IMAGE
    command: ["sh", "-c", "echo from web; sleep 1"]
    depends_on: [db, quiet]
`
	for _, c := range []struct {
		flags    string
		in, out  string
		dbLeaves string
	}{
		{"up web", "web", "db quiet", "running"},
		{"up --attach-dependencies web", "web db", "quiet", "running"},
		{"up --attach quiet web", "quiet", "db web", "running"},
		{"up --abort-on-container-exit --no-attach db", "web", "db quiet", "exited"},
	} {
		t.Run(strings.ReplaceAll(c.flags, " ", "_"), func(t *testing.T) {
			t.Parallel()
			p := newProject(t, services)
			stdout, stderr, code := p.run(strings.Fields(c.flags)...)
			if code != 0 {
				t.Errorf("exit code %d:\n%s", code, stderr)
			}
			for _, name := range strings.Fields(c.in) {
				if !strings.Contains(stdout, "from "+name) {
					t.Errorf("%s is not shown:\n%s", name, stdout)
				}
			}
			for _, name := range strings.Fields(c.out) {
				if strings.Contains(stdout, "from "+name) {
					t.Errorf("%s is shown:\n%s", name, stdout)
				}
			}
			if states := p.containers(); states["db-1"] != c.dbLeaves {
				t.Errorf("states: %v", states)
			}
		})
	}
}

func TestAContainerThatAnotherShellRecreatesKeepsStreaming(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: IMAGE
    command: ["sh", "-c", "echo up as $$NAME; trap 'exit 0' TERM; while :; do sleep 0.1; done"]
    environment: {NAME: "${NAME:-first}"}
`)
	up := p.start("up")
	up.waitFor("up as first")
	for i := range 3 {
		name := fmt.Sprintf("number-%d", i)
		other := p.command("up", "-d")
		other.Env = append(other.Env, "NAME="+name)
		if out, err := other.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		up.waitFor("up as " + name)
	}
	up.signal(syscall.SIGINT)
	up.wantCode(130)
	if n := strings.Count(up.output.String(), "up as"); n != 4 {
		t.Errorf("%d starts shown:\n%s", n, up.output)
	}
	for name, state := range p.containers() {
		if state != "exited" {
			t.Errorf("%s is %s", name, state)
		}
	}
}

func TestAReaderThatGoesAwayStopsAnAttachedUp(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: IMAGE
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do echo tick; sleep 0.05; done"]
`)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command := p.command("up")
	errors := &screen{}
	command.Stdout, command.Stderr = write, errors
	up := launch(t, command, errors)
	_ = write.Close() // the process has its own
	if _, err := read.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	up.wantCode(141)
	if states := p.containers(); states["web-1"] != "exited" {
		t.Errorf("states: %v", states)
	}
}

func TestWithoutStandardInputAnAttachedUpWorks(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  good: {image: IMAGE, command: ["echo", "one"]}
`)
	command := p.command("up")
	out := &screen{}
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	command.Stdin, command.Stdout, command.Stderr = nil, out, out
	up := launch(t, command, out)
	up.wantCode(0)
	up.waitFor("| one")
}

func TestKeysOfATerminalStopAndDetach(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
		keys  string
		code  int
		state string
	}{
		{"ctrl-c", nil, "\x03", 130, "exited"},
		{"ctrl-c with the menu", []string{"--menu"}, "\x03", 130, "exited"},
		{"detach by the menu", []string{"--menu"}, "d", 0, "running"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, twoServices)
			command := p.command(append([]string{"up", "--no-color"}, c.flags...)...)
			terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 30, Cols: 100})
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
			r.waitFor("| up")
			r.waitFor("-web-1")
			for states := p.containers(); states["web-1"] != "running"; states = p.containers() {
				time.Sleep(50 * time.Millisecond)
			}
			time.Sleep(time.Second) // what it says of the last start
			if _, err := io.WriteString(terminal, c.keys); err != nil {
				t.Fatal(err)
			}
			r.wantCode(c.code)
			for name, state := range p.containers() {
				if state != c.state {
					t.Errorf("%s is %s", name, state)
				}
			}
		})
	}
}
