package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/berth-dev/berth/internal/testengine"
)

// program is the built berth on a real engine, in a folder of its own.
type program struct {
	t       *testing.T
	dir     string
	project string
}

func newProgram(t *testing.T, compose string) *program {
	t.Helper()
	t.Parallel()
	testengine.Require(t)
	p := &program{t: t, dir: t.TempDir(), project: testengine.Project(t)}
	content := strings.ReplaceAll(compose, "IMAGE", testengine.Busybox(t))
	if err := os.WriteFile(filepath.Join(p.dir, "compose.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *program) command(args ...string) *exec.Cmd {
	return testengine.Command(p.t, p.dir, []string{"COMPOSE_PROJECT_NAME=" + p.project}, args...)
}

// start starts a command and waits until it has printed a line with the text.
func (p *program) start(text string, args ...string) (c *exec.Cmd, stderr *bytes.Buffer) {
	p.t.Helper()
	c = p.command(args...)
	out, err := c.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	stderr = &bytes.Buffer{}
	c.Stderr = stderr
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			go func() {
				// What follows is of no interest, but must not block berth.
				_, _ = io.Copy(io.Discard, out)
			}()
			return c, stderr
		}
	}
	p.t.Fatalf("berth %v ended without printing %q: %v, %s", args, text, c.Wait(), stderr)
	return nil, nil
}

// end waits for the end of a command and returns its exit code and how long
// that took.
func (p *program) end(c *exec.Cmd) (code int, took time.Duration) {
	p.t.Helper()
	begin := time.Now()
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), time.Since(begin)
}

func (p *program) signal(c *exec.Cmd, sig os.Signal) {
	p.t.Helper()
	if err := c.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// running lists the project's running containers.
func (p *program) running() string {
	p.t.Helper()
	out, err := p.command("ps", "-q").Output()
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// The service ends half a second after a stop signal.
const politeService = `
services:
  web:
    image: IMAGE
    command: sh -c 'trap "sleep 0.5; echo bye; exit 0" TERM; echo ready; while true; do sleep 0.1; done'
`

// The service is deaf to stop signals.
const deafService = `
services:
  web:
    image: IMAGE
    command: sh -c 'trap "" TERM INT; echo ready; while true; do sleep 0.1; done'
    stop_grace_period: 60s
`

func TestSignalsStopAnAttachedUpGracefully(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			p := newProgram(t, politeService)
			c, stderr := p.start("ready", "up")
			p.signal(c, sig)
			code, took := p.end(c)
			if code != 130 || took > 8*time.Second {
				t.Errorf("exit code %d after %v: %s", code, took, stderr)
			}
			if strings.Contains(stderr.String(), "dependency failed") {
				t.Errorf("somebody is blamed: %s", stderr)
			}
			if left := p.running(); left != "" {
				t.Errorf("still running: %s", left)
			}
		})
	}
}

func TestTheSecondInterruptKillsWhatWillNotStop(t *testing.T) {
	p := newProgram(t, deafService)
	c, stderr := p.start("ready", "up")
	p.signal(c, syscall.SIGINT)
	time.Sleep(500 * time.Millisecond)
	p.signal(c, syscall.SIGINT)
	code, took := p.end(c)
	if code != 130 || took > 15*time.Second {
		t.Errorf("exit code %d after %v: %s", code, took, stderr)
	}
	if left := p.running(); left != "" {
		t.Errorf("still running: %s", left)
	}
}

func TestInterruptsEndFollowedLogsAndLeaveTheContainers(t *testing.T) {
	p := newProgram(t, deafService)
	if out, err := p.command("up", "-d").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c, stderr := p.start("ready", "logs", "-f")
	p.signal(c, syscall.SIGINT)
	if code, took := p.end(c); code != 130 || took > 3*time.Second || stderr.Len() > 0 {
		t.Errorf("exit code %d after %v: %s", code, took, stderr)
	}
	if p.running() == "" {
		t.Error("the container was stopped")
	}
}

func TestAClosedOutputEndsFollowedLogsQuietly(t *testing.T) {
	p := newProgram(t, `
services:
  web:
    image: IMAGE
    command: sh -c 'while true; do echo line; sleep 0.05; done'
    stop_signal: SIGKILL
`)
	if out, err := p.command("up", "-d").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := p.command("logs", "-f")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = writer, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if _, err := reader.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	if code, took := p.end(c); code != 141 || took > 5*time.Second || stderr.Len() > 0 {
		t.Errorf("exit code %d after %v: %s", code, took, stderr.String())
	}
}

func TestRunHandsInterruptsOnToItsContainer(t *testing.T) {
	p := newProgram(t, deafService)
	c, stderr := p.start("ready", "run", "--rm", "-T", "web", "sh", "-c", `trap "exit 9" INT; echo ready; while true; do sleep 0.1; done`)
	time.Sleep(200 * time.Millisecond)
	p.signal(c, syscall.SIGINT)
	if code, took := p.end(c); code != 9 || took > 8*time.Second {
		t.Errorf("exit code %d after %v: %s", code, took, stderr)
	}
	if out, err := p.command("ps", "-aq").Output(); err != nil || len(out) > 0 {
		t.Errorf("left over: %s, %v", out, err)
	}
}

func TestAClosedInputEndsTheCommandThatReadsIt(t *testing.T) {
	p := newProgram(t, deafService)
	if out, err := p.command("up", "-d").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := p.command("exec", "-T", "web", "cat")
	c.Stdin = strings.NewReader("to the end")
	out, err := c.Output()
	if err != nil || string(out) != "to the end" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestTheMenuLeavesEverythingRunning(t *testing.T) {
	p := newProgram(t, deafService)
	c := p.command("--progress", "plain", "up", "--menu")
	terminal, err := pty.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() }).Stop()
	lines := bufio.NewScanner(terminal)
	seen := ""
	for lines.Scan() && !strings.HasSuffix(strings.TrimSpace(lines.Text()), "ready") {
		seen += lines.Text() + "\n"
	}
	if !strings.Contains(seen, "Keys: d leaves everything running") {
		t.Errorf("the keys are not told: %s", seen)
	}
	if _, err := terminal.Write([]byte("d")); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // until berth has ended
		seen += lines.Text() + "\n"
	}
	if code, took := p.end(c); code != 0 || took > 3*time.Second {
		t.Errorf("exit code %d after %v: %s", code, took, seen)
	}
	if p.running() == "" {
		t.Error("the container was stopped")
	}
}

func TestAnUnreachableEngineIsOneLine(t *testing.T) {
	testengine.Require(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte("services: {web: {image: x}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := testengine.Run(t, dir, nil, "-H", "unix:///nowhere/docker.sock", "ps")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != 1 || len(lines) != 1 || !strings.Contains(lines[0], "/nowhere/docker.sock") {
		t.Errorf("exit code %d: %q", code, stderr)
	}
}
