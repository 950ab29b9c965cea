package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/docker"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

// watchDeadline bounds waiting for something that is to happen.
const watchDeadline = 60 * time.Second

// watching is a project on the real engine that is being watched.
type watching struct {
	t       *testing.T
	name    string
	dir     string
	engine  *docker.Engine
	app     *app.App
	told    *event.Recorder
	control chan struct{} // closed: detach
	ended   chan error
}

// newWatching writes files ("name": content), compose.yaml among them, into a
// folder of its own.
func newWatching(t *testing.T, files map[string]string) *watching {
	t.Helper()
	real := testengine.Require(t)
	testengine.Images(t)
	e, err := docker.New(docker.Options{Host: real.Host, ConfigDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{t: t, dir: t.TempDir(), engine: e, told: &event.Recorder{}, control: make(chan struct{}), ended: make(chan error, 1)}
	t.Cleanup(func() { // last of all, when the containers have gone
		err := e.RemoveImage(context.Background(), w.name+"-web:latest", false)
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			t.Error(err)
		}
		w.must(e.Close())
	})
	w.name = testengine.Project(t)
	for file, content := range files {
		w.write(file, content)
	}
	w.app = app.New(app.Options{
		Engine: func() (app.Engine, error) { return e, nil }, WorkDir: w.dir, Sink: w.told, LockDir: t.TempDir(),
		Version: "test", Build: app.BuildDisplay{Mode: "quiet", Out: &bytes.Buffer{}},
	})
	return w
}

func (w *watching) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watching) write(name, content string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.must(os.MkdirAll(filepath.Dir(path), 0o755))
	w.must(os.WriteFile(path, []byte(content), 0o644))
}

func (w *watching) options() app.ProjectOptions { return app.ProjectOptions{Name: w.name} }

// start watches until the test ends, and returns once all is watched.
func (w *watching) start(r app.WatchRequest) {
	w.t.Helper()
	r.Project = w.options()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { w.ended <- w.app.Watch(ctx, r, app.Control{Detach: w.control}) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-w.ended; err != nil {
			w.t.Errorf("watch ended with %v", err)
		}
	})
	w.t.Cleanup(stop)
	w.until("watch begins", func() bool {
		select {
		case err := <-w.ended:
			w.ended <- nil
			w.t.Fatalf("watch ended with %v; told:\n%s", err, w.texts())
		default:
		}
		return strings.Contains(w.texts(), "Watch enabled")
	})
}

func (w *watching) texts() string {
	var b strings.Builder
	for _, e := range w.told.Events() {
		fmt.Fprintln(&b, e.Kind, e.Name, e.Status, e.Text)
	}
	return b.String()
}

// until waits for something to come true.
func (w *watching) until(what string, holds func() bool) {
	w.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.After(watchDeadline)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("%s: did not come true; told:\n%s", what, w.texts())
		}
	}
}

// tells waits for a text among the events.
func (w *watching) tells(text string) {
	w.t.Helper()
	w.until(text, func() bool { return strings.Contains(w.texts(), text) })
}

// run runs a shell command in a container and returns what it wrote.
func (w *watching) run(container, command string) string {
	w.t.Helper()
	var out bytes.Buffer
	_, err := w.engine.Exec(w.t.Context(), w.name+"-"+container, engine.ExecSpec{Cmd: []string{"sh", "-c", command}, User: "0"},
		engine.Streams{Out: &out, Err: &out})
	if err != nil && !errors.Is(err, engine.ErrConflict) && !errors.Is(err, engine.ErrNotFound) { // it is being restarted
		w.t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

// gives waits until a command in a container writes a text.
func (w *watching) gives(container, command, want string) {
	w.t.Helper()
	got := ""
	defer func() {
		if w.t.Failed() {
			w.t.Logf("%s: %s gave %q, want %q", container, command, got, want)
		}
	}()
	w.until(command, func() bool {
		got = w.run(container, command)
		return got == want
	})
}

func (w *watching) inspect(container string) engine.ContainerDetail {
	w.t.Helper()
	detail, err := w.engine.InspectContainer(w.t.Context(), w.name+"-"+container)
	w.must(err)
	return detail
}
