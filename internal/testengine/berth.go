package testengine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// BinaryVariable names an environment variable with the path of a berth that
// is built already; `make test` sets it, so that no test package links its own.
const BinaryVariable = "BERTH_TEST_BINARY"

// runTimeout ends a berth that hangs before the test binary's own limit hides
// which command it was.
const runTimeout = 5 * time.Minute

// built makes the binary once per test process.
var built = sync.OnceValues(build)

// Berth returns the path of the berth program, built from this source tree.
func Berth(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatalf("build berth for %s: %v", t.Name(), err)
	}
	return path
}

// Command returns a berth command that is ready to start in dir, with env
// ("KEY=value") on top of a clean environment: the engine of the tests, and no
// COMPOSE_* variable of the person who runs them. It is killed when the test
// ends.
func Command(t testing.TB, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), Berth(t), args...)
	command.Dir = dir
	command.Env = append(Environ(t), env...)
	return command
}

// Run runs berth to its end and returns what it wrote and its exit code. A
// program that cannot start, is killed or takes over five minutes fails the
// test.
func Run(t testing.TB, dir string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	command := Command(t, dir, env, args...)
	command.Stdout, command.Stderr = &out, &errOut
	timer := time.AfterFunc(runTimeout, func() { _ = command.Cancel() })
	err := command.Run()
	late := !timer.Stop()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("berth %s: %v (over its %s: %t)\n%s%s", strings.Join(args, " "), err, runTimeout, late, out.String(), errOut.String())
	}
	return out.String(), errOut.String(), command.ProcessState.ExitCode()
}

// Environ is the environment in which tests run berth: this process's own
// without COMPOSE_* and DOCKER_* variables, with DOCKER_HOST set to the
// engine of the tests.
func Environ(t testing.TB) []string {
	t.Helper()
	engine := Require(t)
	var environ []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "COMPOSE_") && !strings.HasPrefix(entry, "DOCKER_") {
			environ = append(environ, entry)
		}
	}
	return append(environ, "DOCKER_HOST="+engine.Host)
}

// build compiles cmd/berth into the shared folder of the tests. Go leaves the
// file alone when nothing changed, so only the first process pays. The copy
// under its own name keeps a running test's binary when the source changes.
func build() (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" {
		return path, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "berth.lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	binary := filepath.Join(dir, "berth"+executableSuffix(runtime.GOOS))
	if err := goBuild(root, binary, "./cmd/berth"); err != nil {
		return "", err
	}
	return pin(binary)
}

// pin links the binary under a name made of its content's age and size, and
// removes the pins of last hour and before.
func pin(binary string) (string, error) {
	info, err := os.Stat(binary)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(filepath.Dir(binary), fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size()))
	pinned := filepath.Join(dir, filepath.Base(binary))
	if _, err := os.Stat(pinned); err == nil {
		return pinned, nil
	}
	if err := removeOldPins(filepath.Dir(binary)); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return pinned, os.Link(binary, pinned)
}

// removeOldPins removes folders of pins that are over an hour old: no test
// run takes that long.
func removeOldPins(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !entry.IsDir() || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// goBuild compiles one package statically, with extra environment.
func goBuild(dir, output, pkg string, env ...string) error {
	command := exec.Command("go", "build", "-trimpath", "-o", output, pkg)
	command.Dir = dir
	command.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if message, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", pkg, err, bytes.TrimSpace(message))
	}
	return nil
}

// Root is the folder of go.mod, upwards from the working directory,
// which `go test` sets to the tested package's folder.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory: run the tests from the source tree")
		}
	}
}

// sharedDir is one folder per user for what test processes share.
func sharedDir() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("berth-test-%d", os.Getuid()))
	return dir, os.MkdirAll(dir, 0o700)
}

// executableSuffix is what a program's file name ends with on the system.
func executableSuffix(goos string) string {
	if goos == "windows" {
		return ".exe"
	}
	return ""
}
