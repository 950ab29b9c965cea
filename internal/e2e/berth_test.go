package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

// patience bounds everything that is waited for; engines on small machines are
// slow.
const patience = 60 * time.Second

// loop is a shell command that runs until it is told to end, and says so.
const loop = `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done`

// project is a project of one test.
type project struct {
	t    *testing.T
	name string
	dir  string
}

// newProject writes a Compose file; IMAGE stands for a busybox.
func newProject(t *testing.T, services string) project {
	t.Helper()
	p := project{t: t, name: testengine.Project(t), dir: t.TempDir()}
	p.write("compose.yaml", services)
	return p
}

func (p project) write(name, text string) {
	p.t.Helper()
	text = strings.ReplaceAll(text, "IMAGE", testengine.Busybox(p.t))
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// run runs berth to its end.
func (p project) run(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	return testengine.Run(p.t, p.dir, nil, append([]string{"-p", p.name}, args...)...)
}

// must runs berth, which must succeed, and returns what it wrote.
func (p project) must(args ...string) string {
	p.t.Helper()
	stdout, stderr, code := p.run(args...)
	if code != 0 {
		p.t.Fatalf("berth %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// command is a berth that has not been started.
func (p project) command(args ...string) *exec.Cmd {
	p.t.Helper()
	return testengine.Command(p.t, p.dir, nil, append([]string{"-p", p.name}, args...)...)
}

// process is a berth that runs.
type process struct {
	t       *testing.T
	command *exec.Cmd
	output  *screen // both of its outputs
	ended   chan struct{}
}

// start starts berth with its outputs on a screen.
func (p project) start(args ...string) *process {
	p.t.Helper()
	command := p.command(args...)
	out := &screen{}
	command.Stdout, command.Stderr = out, out
	return launch(p.t, command, out)
}

func launch(t *testing.T, command *exec.Cmd, out *screen) *process {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	r := &process{t: t, command: command, output: out, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		_ = command.Wait() // its exit code is looked at by code
	}()
	return r
}

// signal sends a signal.
func (r *process) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.command.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// waitFor waits until the screen shows the text.
func (r *process) waitFor(text string) {
	r.t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(r.output.String(), text) {
		select {
		case <-r.ended:
			if !strings.Contains(r.output.String(), text) {
				r.t.Fatalf("it ended with code %d and has not shown %q:\n%s", r.command.ProcessState.ExitCode(), text, r.output)
			}
		case <-deadline:
			r.t.Fatalf("it has not shown %q:\n%s", text, r.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// code waits for the end and returns the exit code.
func (r *process) code() int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("it does not end:\n%s", r.output)
	}
	return r.command.ProcessState.ExitCode()
}

// wantCode waits for the end with this exit code.
func (r *process) wantCode(code int) {
	r.t.Helper()
	if got := r.code(); got != code {
		r.t.Errorf("exit code %d, want %d:\n%s", got, code, r.output)
	}
}

// screen keeps what is written to it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// containers lists the project's containers by name with their states, as the
// engine tells them.
func (p project) containers() map[string]string {
	p.t.Helper()
	out := map[string]string{}
	for _, c := range testengine.List(p.t, "/containers/json", "com.docker.compose.project="+p.name) {
		name := c["Names"].([]any)[0].(string)
		out[strings.TrimPrefix(name, "/"+p.name+"-")] = c["State"].(string)
	}
	return out
}

// inOrder checks that the texts appear one after the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("no %q in its place in:\n%s", part, text)
			return
		}
		rest = after
	}
}
