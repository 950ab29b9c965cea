//go:build unix

package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/pkg/event"
)

// world is a machine with nothing but a PATH and a Docker CLI of its own.
type world struct {
	t      *testing.T
	dir    string
	events event.Recorder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	for _, dir := range []string{"bin", "docker/cli-plugins", "work"} {
		if err := os.MkdirAll(filepath.Join(w.dir, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// program writes a shell script that notes its arguments in calls and then does
// what body says.
func (w *world) program(path, body string) {
	w.t.Helper()
	script := "#!/bin/sh\necho \"$(basename \"$0\") $*\" >>" + w.path("calls") + "\n" + body
	if err := os.WriteFile(w.path(path), []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		w.t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// runner knows no plugins of the machine the test runs on.
func (w *world) runner(environ ...string) *Runner {
	r := New(Options{
		Environ: append([]string{"PATH=" + w.path("bin") + ":/usr/bin:/bin", "DOCKER_CONFIG=" + w.path("docker")}, environ...),
		WorkDir: w.path("work"), Sink: &w.events,
	})
	r.systemDirs = nil
	return r
}

// calls are the command lines that programs were called with.
func (w *world) calls() []string {
	w.t.Helper()
	text, err := os.ReadFile(w.path("calls"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// told are the texts of events, with their kind.
func (w *world) told() []string {
	var out []string
	for _, e := range w.events.Events() {
		out = append(out, strings.TrimSpace(string(e.Kind)+" "+e.Name+" "+string(e.Status)+" "+e.Text))
	}
	return out
}
