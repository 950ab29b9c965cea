package dropin

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

// patience bounds a command line. It is generous: small machines run many
// tests at the same time.
const patience = 90 * time.Second

// front is a way to reach Compose from a shell. Lines of the tests are written
// with the first one and rewritten for the others.
type front string

const (
	plugin     front = "docker compose" // through the Docker CLI
	standalone front = "docker-compose" // berth under that name
)

// spell puts the front's words into a line.
func (f front) spell(line string) string {
	return strings.ReplaceAll(line, string(plugin), string(f))
}

// fronts runs a test once for each way to call berth, at the same time.
func fronts(t *testing.T, test func(t *testing.T, f front)) {
	t.Helper()
	t.Parallel()
	for _, f := range []front{plugin, standalone} {
		t.Run(strings.ReplaceAll(string(f), " ", "_"), func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

// shell is a person or a script at a prompt.
type shell struct {
	t     *testing.T
	front front
	// dir is the working directory.
	dir string
	// env is the whole environment.
	env []string
	// project is what the shell's COMPOSE_PROJECT_NAME says.
	project string
	// config is the folder of the Docker CLI's configuration.
	config string
}

// newShell installs berth as a user would and opens a shell in a folder with a
// copy of testdata/NAME. The project is of this test alone.
func newShell(t *testing.T, f front, name string, env ...string) *shell {
	t.Helper()
	if f == plugin {
		requireDocker(t)
	}
	s := &shell{t: t, front: f, dir: t.TempDir(), project: testengine.Project(t), config: t.TempDir()}
	bin := t.TempDir()
	link(t, filepath.Join(bin, "docker-compose"))
	link(t, filepath.Join(s.config, "cli-plugins", "docker-compose"))
	if name != "" {
		if err := os.CopyFS(s.dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, entry := range testengine.Environ(t) {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			entry = "PATH=" + bin + string(os.PathListSeparator) + value
		}
		s.env = append(s.env, entry)
	}
	s.env = append(s.env, "DOCKER_CONFIG="+s.config, "COMPOSE_PROJECT_NAME="+s.project)
	s.env = append(s.env, env...)
	return s
}

// cliVersion is the Docker CLI's major version.
func (s *shell) cliVersion() int {
	s.t.Helper()
	major, _, _ := strings.Cut(strings.TrimPrefix(s.must("docker --version"), "Docker version "), ".")
	version, err := strconv.Atoi(major)
	if err != nil {
		s.t.Fatalf("the Docker CLI's version: %v", err)
	}
	return version
}

// requireDocker skips the test where there is no Docker CLI.
func requireDocker(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skipf("needs the Docker CLI, to which berth is a plugin (Debian's package docker.io or docker-cli): %v", err)
	}
}

// link makes path a link to the berth under test.
func link(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(testengine.Berth(t), path); err != nil {
		t.Fatal(err)
	}
}

// write makes a file in the working directory.
func (s *shell) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// result is what became of a line.
type result struct {
	stdout, stderr string
	code           int
}

// run runs one line with sh to its end, without a terminal and with an empty
// input.
func (s *shell) run(line string) result {
	s.t.Helper()
	command, stdout, stderr := s.command(line)
	return s.finish(command, stdout, stderr)
}

// must is run for a line that has to succeed; it returns its output.
func (s *shell) must(line string) string {
	s.t.Helper()
	r := s.run(line)
	if r.code != 0 {
		s.t.Fatalf("$ %s\nexit code %d\n%s%s", s.front.spell(line), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// interrupt runs a line until its output shows the text, then interrupts its
// whole process group, as Ctrl-C and a cancelled CI job do.
func (s *shell) interrupt(line, until string) result {
	s.t.Helper()
	command, stdout, stderr := s.command(line)
	ended := make(chan struct{})
	go func() {
		if shows(stdout, stderr, until, ended) {
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGINT) // it may have ended by itself
		}
	}()
	defer close(ended)
	return s.finish(command, stdout, stderr)
}

// shows waits until one of the screens shows the text, and tells whether it did
// before the end.
func shows(stdout, stderr *screen, text string, ended <-chan struct{}) bool {
	for !strings.Contains(stdout.String()+stderr.String(), text) {
		select {
		case <-ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return true
}

// command starts a line in a process group of its own.
func (s *shell) command(line string) (command *exec.Cmd, stdout, stderr *screen) {
	s.t.Helper()
	stdout, stderr = &screen{}, &screen{}
	command = exec.CommandContext(s.t.Context(), "sh", "-c", s.front.spell(line))
	command.Dir, command.Env = s.dir, s.env
	command.Stdout, command.Stderr = stdout, stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	if err := command.Start(); err != nil {
		s.t.Fatalf("$ %s: %v", line, err)
	}
	return command, stdout, stderr
}

// finish waits for a line's end. One that hangs is killed and fails the test.
func (s *shell) finish(command *exec.Cmd, stdout, stderr *screen) result {
	s.t.Helper()
	timer := time.AfterFunc(patience, func() { _ = command.Cancel() }) // the wait tells what came of it
	err := command.Wait()
	late := !timer.Stop()
	var exit *exec.ExitError
	if late || err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("$ %s\n%v (killed after %s: %t)\n%s%s", command.Args[2], err, patience, late, stdout, stderr)
	}
	code := command.ProcessState.ExitCode()
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal()) // as a shell says it
	}
	return result{stdout.String(), stderr.String(), code}
}

// screen keeps what is written to it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps p.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String is everything so far.
func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
