package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/internal/watch"
	"github.com/berth-dev/berth/pkg/event"
)

const stays = "init: true\n    stop_grace_period: 1s\n    command: sleep 1000\n"

func TestWatchKeepsAllReplicasInStep(t *testing.T) {
	w := newWatching(t, map[string]string{
		"src/a": "1", "src/sub/b": "1", "src/node_modules/x": "1",
		"compose.yaml": `services:
  web:
    image: ` + testengine.BusyboxImage + `
    ` + stays + `    user: "1000:1001"
    scale: 2
    develop:
      watch:
        - {path: src, action: sync, target: /app/, ignore: [node_modules/], initial_sync: true}
`})
	w.start(app.WatchRequest{})
	for _, c := range []string{"web-1", "web-2"} {
		w.gives(c, "cat /app/a /app/sub/b", "11")
		w.gives(c, "ls /app", "a\nsub")
	}
	w.must(os.Chmod(filepath.Join(w.dir, "src/a"), 0o750))
	w.write("src/new/deep/c", "2")
	w.must(os.Symlink("a", filepath.Join(w.dir, "src/link")))
	w.must(os.RemoveAll(filepath.Join(w.dir, "src/sub")))
	w.write("src/node_modules/x", "2")
	for _, c := range []string{"web-1", "web-2"} {
		w.gives(c, "cat /app/new/deep/c; readlink /app/link; stat -c '%a %u:%g' /app /app/a /app/new/deep", "2a\n755 1000:1001\n750 1000:1001\n755 1000:1001")
		w.gives(c, "ls /app", "a\nlink\nnew")
	}
	close(w.control)
	if err := <-w.ended; err != nil {
		t.Errorf("after detaching: %v", err)
	}
	w.ended <- nil
	if !w.inspect("web-1").IsRunning() {
		t.Error("the container does not run any more")
	}
}

func TestWatchRestartsAndRunsCommands(t *testing.T) {
	w := newWatching(t, map[string]string{
		"conf/c": "1", "hook/h": "1", "only/o": "1",
		"compose.yaml": `services:
  web:
    image: ` + testengine.BusyboxImage + `
    ` + stays + `    develop:
      watch:
        - {path: conf, action: sync+restart, target: /conf}
        - {path: only, action: restart}
        - path: hook
          action: sync+exec
          target: /hook
          exec: {command: [sh, -c, 'echo "seen $$X" && cp /hook/h /seen'], environment: {X: y}}
  other:
    image: ` + testengine.BusyboxImage + `
    ` + stays})
	w.start(app.WatchRequest{})
	w.write("hook/h", "2")
	w.gives("web-1", "cat /seen", "2")
	w.tells("seen y")
	before := w.inspect("web-1")
	w.write("conf/c", "2")
	w.tells(`Service "web" restarted`)
	after := w.inspect("web-1")
	if before.ID != after.ID || !after.StartedAt.After(before.StartedAt) {
		t.Errorf("it is %s since %s, was %s since %s", after.ID, after.StartedAt, before.ID, before.StartedAt)
	}
	w.gives("web-1", "cat /conf/c", "2")
	w.write("only/o", "2")
	w.until("the restart", func() bool { return w.inspect("web-1").StartedAt.After(after.StartedAt) })
	w.gives("web-1", "ls /only || echo none", "ls: /only: No such file or directory\nnone")
}

func TestWatchRebuildsReplacesAndCleansUp(t *testing.T) {
	w := newWatching(t, map[string]string{
		"Dockerfile": "FROM " + testengine.BusyboxImage + "\nCOPY version /version\nCOPY passwd /etc/passwd\nUSER dev\n",
		"version":    "1", "passwd": "root:x:0:0::/:/bin/sh\ndev:x:1234:1235::/:/bin/sh\n",
		"src/a": "1", "out/b": "1", ".dockerignore": "out\n",
		"compose.yaml": `services:
  web:
    build: {context: ., network: none}
    ` + stays + `    develop:
      watch:
        - {path: version, action: rebuild}
        - {path: src, action: sync, target: /src, initial_sync: true}
        - {path: out, action: rebuild}
`})
	w.start(app.WatchRequest{Prune: true, Quiet: true})
	before := w.inspect("web-1")
	w.tells(`is excluded by the .dockerignore of service "web": changes there do nothing (services.web.develop.watch[2])`)
	w.gives("web-1", "cat /version; stat -c %u:%g /src/a", "11234:1235")
	w.write("out/b", "2")
	w.write("version", "2")
	w.tells(`Service "web" rebuilt`)
	w.gives("web-1", "cat /version /src/a", "21")
	after := w.inspect("web-1")
	if after.ID == before.ID || after.ImageID == before.ImageID {
		t.Errorf("it is still %s of %s", after.ID, after.ImageID)
	}
	w.until("the old image is removed", func() bool { return !testengine.Exists(t, "images", before.ImageID) })
}

func TestWatchAttendsToContainersThatComeLater(t *testing.T) {
	w := newWatching(t, map[string]string{
		"src/a": "1",
		"compose.yaml": `services:
  web:
    image: ` + testengine.BusyboxImage + `
    ` + stays + `    develop: {watch: [{path: src, action: sync, target: /app, initial_sync: true}]}
`})
	w.start(app.WatchRequest{NoUp: true})
	_, err := w.app.Up(t.Context(), app.UpRequest{Project: w.options()})
	w.must(err)
	w.gives("web-1", "cat /app/a", "1")
	_, err = w.app.Up(t.Context(), app.UpRequest{Project: w.options(), ForceRecreate: true})
	w.must(err)
	w.gives("web-1", "cat /app/a", "1")
}

func TestWatchRemovesNothingWhereItCannotAndSaysSo(t *testing.T) {
	w := newWatching(t, map[string]string{
		"src/a": "1", "done/b": "1",
		"compose.yaml": `services:
  bare:
    image: ` + testengine.AppImage + `
    stop_grace_period: 1s
    develop: {watch: [{path: src, action: sync, target: /data}]}
  done:
    image: ` + testengine.BusyboxImage + `
    command: "true"
    develop: {watch: [{path: done, action: sync+restart, target: /data}]}
`})
	w.start(app.WatchRequest{})
	w.until("the service has ended", func() bool { return w.inspect("done-1").State == engine.Exited })
	before := w.inspect("done-1").StartedAt
	w.must(os.Remove(filepath.Join(w.dir, "src/a")))
	w.tells("/data/a cannot be removed: the image of " + w.name + "-bare-1 has no rm; rebuild the service to be rid of it")
	w.must(os.Remove(filepath.Join(w.dir, "done/b")))
	w.tells("/data/b cannot be removed: " + w.name + "-done-1 is exited")
	w.until("the restart", func() bool { return w.inspect("done-1").StartedAt.After(before) })
}

func TestWatchReachesVolumesOfReadOnlyContainers(t *testing.T) {
	w := newWatching(t, map[string]string{
		"src/a": "1",
		"compose.yaml": `services:
  web:
    image: ` + testengine.BusyboxImage + `
    read_only: true
    ` + stays + `    volumes: [data:/data]
    develop: {watch: [{path: src, action: sync, target: /data/app, initial_sync: true}]}
volumes: {data: {}}
`})
	w.start(app.WatchRequest{})
	w.gives("web-1", "cat /data/app/a", "1")
	w.write("src/d/b", "2")
	w.gives("web-1", "cat /data/app/d/b", "2")
}

func TestARehearsedWatchTellsWhatItWouldDoAndDoesNothing(t *testing.T) {
	w := newWatching(t, map[string]string{
		"Dockerfile": "FROM " + testengine.BusyboxImage + "\n", "src/a": "1", "src/b": "1", "conf/c": "1", "hook/h": "1",
		"compose.yaml": `services:
  web:
    build: {context: ., network: none}
    ` + stays + `    develop:
      watch:
        - {path: src, action: sync, target: /app, initial_sync: true}
        - {path: conf, action: sync+restart, target: /conf}
        - {path: hook, action: sync+exec, target: /hook, exec: {command: [touch, /seen]}}
        - {path: Dockerfile, action: rebuild}
`})
	_, err := w.app.Up(t.Context(), app.UpRequest{Project: w.options()})
	w.must(err)
	before := w.inspect("web-1")
	w.start(app.WatchRequest{DryRun: true, Prune: true})
	w.tells("Would copy " + filepath.Join(w.dir, "src/b") + " to web:/app/b")
	w.must(os.Remove(filepath.Join(w.dir, "src/a")))
	w.tells("Would remove web:/app/a")
	w.write("hook/h", "2")
	w.tells("Would run in web: touch /seen")
	w.write("conf/c", "2")
	w.tells(`Service "web" restarted`)
	w.write("Dockerfile", "FROM "+testengine.BusyboxImage+"\nENV X=y\n")
	w.tells(`Service "web" rebuilt`)
	for _, e := range w.told.Events() {
		if happened := e.Kind == event.KindNotice && strings.Contains(e.Text, "web"); happened && !e.DryRun {
			t.Errorf("told as if it had happened: %s", e.Text)
		}
	}
	after := w.inspect("web-1")
	if after.ID != before.ID || !after.StartedAt.Equal(before.StartedAt) {
		t.Errorf("it is %s since %s, was %s since %s", after.ID, after.StartedAt, before.ID, before.StartedAt)
	}
	w.gives("web-1", "ls -d /app /conf /hook /seen 2>/dev/null; echo none", "none")
}

func TestWatchWithNothingToWatchIsRefusedBeforeAnythingIsDone(t *testing.T) {
	w := newWatching(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: " + testengine.BusyboxImage + "\n"})
	request := app.WatchRequest{Project: w.options()}
	for _, err := range []error{w.app.Watch(t.Context(), request, app.Control{}), w.app.CheckWatch(t.Context(), request)} {
		if !errors.Is(err, watch.ErrNothingToWatch) {
			t.Errorf("got %v", err)
		}
	}
	if n := len(testengine.List(t, "/containers/json", "com.docker.compose.project="+w.name)); n != 0 {
		t.Errorf("%d containers were made", n)
	}
}

func TestWatchBesideAnAttachedUpKeepsItsOutputFlowing(t *testing.T) {
	w := newWatching(t, map[string]string{
		"Dockerfile": "FROM " + testengine.BusyboxImage + "\nCOPY version /version\n", "version": "first", "src/a": "1",
		"compose.yaml": `services:
  web:
    build: {context: ., network: none}
    init: true
    stop_grace_period: 1s
    command: sh -c 'echo "version $$(cat /version)"; sleep 1000'
    develop: {watch: [{path: version, action: rebuild}, {path: src, action: sync, target: /src, initial_sync: true}]}
`})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out lines
	var watched sync.WaitGroup
	control := app.Control{Attaching: func([]logs.Source) {
		watched.Go(func() {
			if err := w.app.Watch(ctx, app.WatchRequest{Project: w.options(), NoUp: true, Quiet: true, Prune: true}, app.Control{}); err != nil {
				t.Errorf("watch ended with %v", err)
			}
		})
	}}
	ended := make(chan error, 1)
	code := 0
	go func() {
		var err error
		code, err = w.app.UpAttached(ctx, app.UpRequest{Project: w.options()}, app.AttachRequest{}, &out, control)
		ended <- err
	}()
	w.until("the first version speaks", func() bool { return strings.Contains(out.String(), "version first") })
	w.gives("web-1", "cat /src/a", "1")
	w.write("version", "second")
	w.until("the second version speaks", func() bool { return strings.Contains(out.String(), "version second") })
	w.gives("web-1", "cat /src/a", "1")
	interrupt()
	if err := <-ended; err != nil || code != 130 {
		t.Errorf("up ended with %d, %v", code, err)
	}
	watched.Wait()
	if strings.Contains(w.texts(), "waiting") {
		t.Errorf("it waited for itself:\n%s", w.texts())
	}
}
