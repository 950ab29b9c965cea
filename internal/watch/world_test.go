package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/pkg/event"
)

// deadline bounds waiting for something that is to happen.
const deadline = 20 * time.Second

// world is a folder that is watched for a service, and a record of what is asked
// for. Containers are a map from target to content.
type world struct {
	t       *testing.T
	dir     string
	watcher *Watcher
	sink    *event.Recorder
	stop    func()

	mu       sync.Mutex
	files    map[string]string // what a container would hold; folders end with a slash
	calls    []string
	changed  chan struct{} // closed at each call, and made anew
	rebuild  func(services []string) error
	syncFail error
}

func (w *world) note(call string) {
	w.calls = append(w.calls, call)
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) Sync(_ context.Context, service string, files []File) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range files {
		if f.Gone || f.Replace {
			for name := range w.files {
				if name == f.Target || strings.HasPrefix(name, f.Target+"/") {
					delete(w.files, name)
				}
			}
		}
	}
	for _, f := range files {
		info, err := os.Lstat(f.Source)
		if f.Gone || err != nil {
			continue
		}
		switch {
		case info.IsDir():
			w.files[f.Target+"/"] = ""
		case info.Mode()&os.ModeSymlink != 0:
			link, _ := os.Readlink(f.Source)
			w.files[f.Target] = "-> " + link
		default:
			content, _ := os.ReadFile(f.Source)
			w.files[f.Target] = fmt.Sprintf("%o %s", info.Mode().Perm(), content)
		}
	}
	w.note("sync " + service)
	return w.syncFail
}

func (w *world) Rebuild(_ context.Context, services []string) error {
	var err error
	if w.rebuild != nil {
		err = w.rebuild(services)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("rebuild " + strings.Join(services, ","))
	return err
}

func (w *world) Restart(_ context.Context, service string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("restart " + service)
	return nil
}

func (w *world) Exec(_ context.Context, service string, hook types.ServiceHook) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("exec " + service + " " + strings.Join(hook.Command, " "))
	return nil
}

// newWorld makes a folder with files ("name": content) for newly declared rules,
// whose paths are relative to it.
func newWorld(t *testing.T, files map[string]string) *world {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, files: map[string]string{}, changed: make(chan struct{}), sink: &event.Recorder{}}
	for name, content := range files {
		w.write(name, content)
	}
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *world) write(name, content string) {
	w.t.Helper()
	w.must(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	w.must(os.WriteFile(w.path(name), []byte(content), 0o644))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) project(rules map[string][]types.Trigger) *types.Project {
	p := &types.Project{Name: "p", WorkingDir: w.dir, Services: types.Services{}, ComposeFiles: []string{w.path("compose.yaml")}}
	for name, list := range rules {
		list = slices.Clone(list)
		for i := range list {
			list[i].Path = w.path(list[i].Path)
		}
		config := types.ServiceConfig{Name: name, Develop: &types.DevelopConfig{Watch: list}}
		config.Build = &types.BuildConfig{Context: w.dir}
		p.Services[name] = config
	}
	return p
}

// watch runs a Watcher until the test ends.
func (w *world) watch(p *types.Project) {
	w.t.Helper()
	ready := make(chan struct{})
	var err error
	w.watcher, err = New(p, nil, Options{Sink: w.sink, Quiet: 30 * time.Millisecond, Ready: func() { close(ready) }})
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.watcher.Run(ctx, w) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("watching ended with %v", err)
		}
	})
	w.t.Cleanup(w.stop)
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		w.t.Fatalf("watching did not begin: %v", err)
	case <-time.After(deadline):
		w.t.Fatal("watching did not begin")
	}
}

func (w *world) rules(list ...types.Trigger) {
	w.t.Helper()
	w.watch(w.project(map[string][]types.Trigger{"web": list}))
}

// until waits for a condition, which is tried after each call.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	late := time.After(deadline)
	for {
		w.mu.Lock()
		ok, next := holds(), w.changed
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-next:
		case <-late:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("%s: did not come true; files %v, calls %v, told %v", what, w.files, w.calls, w.texts())
		}
	}
}

func (w *world) texts() []string {
	var out []string
	for _, e := range w.sink.Events() {
		out = append(out, e.Text)
	}
	return out
}

// has waits for a file with its content in the container.
func (w *world) has(target, content string) {
	w.t.Helper()
	w.until(target+" has "+content, func() bool { return w.files[target] == content })
}

// lacks waits until nothing is at or below a target.
func (w *world) lacks(target string) {
	w.t.Helper()
	w.until(target+" is gone", func() bool {
		for name := range w.files {
			if name == target || strings.HasPrefix(name, target+"/") {
				return false
			}
		}
		return true
	})
}

// called waits for a call.
func (w *world) called(call string) {
	w.t.Helper()
	w.until(call, func() bool { return slices.Contains(w.calls, call) })
}

func (w *world) never(call string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.Contains(w.calls, call) {
		w.t.Errorf("%s was asked for: %v", call, w.calls)
	}
}

func syncRule(path, target string) types.Trigger {
	return types.Trigger{Path: path, Action: types.WatchActionSync, Target: target}
}
