package watch

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/pkg/event"
)

func TestInitialSyncCopiesWhatTheRulesAccept(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1", "src/d/b": "1", "src/node_modules/x": "1", "other/c": "1"})
	rule := syncRule("src", "/app")
	rule.InitialSync, rule.Ignore = true, []string{"node_modules"}
	w.rules(rule, syncRule("other", "/other"))
	w.watcher.InitialSync("web", "unknown")
	w.has("/app/a", "644 1")
	w.has("/app/d/b", "644 1")
	w.has("/app/d/", "")
	w.lacks("/app/node_modules")
	w.lacks("/other")
}

func TestChangesDuringARebuildWaitForItAndReachTheNewContainer(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1", "go.mod": "1"})
	begun, goOn := make(chan struct{}), make(chan struct{})
	w.rebuild = func([]string) error {
		begun <- struct{}{}
		<-goOn
		return nil
	}
	w.watch(w.project(map[string][]types.Trigger{
		"web":   {{Path: "go.mod", Action: types.WatchActionRebuild}, {Path: "src", Action: types.WatchActionSyncRestart, Target: "/app"}},
		"other": {syncRule("src", "/other")},
	}))
	w.write("go.mod", "2")
	<-begun
	w.write("src/a", "2")
	w.has("/other/a", "644 2") // other services are not held up
	w.never("sync web")
	close(goOn)
	w.has("/app/a", "644 2")
	if i, j := slices.Index(w.calls, "rebuild web"), slices.Index(w.calls, "sync web"); i > j {
		t.Errorf("files were copied to a container about to be replaced: %v", w.calls)
	}
}

func TestServicesThatChangeTogetherAreRebuiltTogether(t *testing.T) {
	w := newWorld(t, map[string]string{"lib/a": "1"})
	rule := []types.Trigger{{Path: "lib", Action: types.WatchActionRebuild}}
	w.watch(w.project(map[string][]types.Trigger{"b": rule, "a": rule, "c": rule}))
	w.write("lib/a", "2")
	w.called("rebuild a,b,c")
}

func TestAFailureIsToldAndWatchingGoesOn(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1", "go.mod": "1"})
	w.rebuild = func([]string) error { return errors.New("no such base image") }
	w.rules(types.Trigger{Path: "go.mod", Action: types.WatchActionRebuild}, syncRule("src", "/app"))
	w.syncFail = errors.New("disk full")
	w.write("src/a", "2")
	w.called("sync web")
	w.write("go.mod", "2")
	w.called("rebuild web")
	w.write("src/a", "3")
	w.has("/app/a", "644 3")
	w.stop()
	told := strings.Join(w.texts(), "\n")
	for _, want := range []string{`service "web": sync: disk full`, "rebuild: no such base image"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q was not told: %s", want, told)
		}
	}
}

func TestMistakesInTheRulesAreRefusedWithTheirPlace(t *testing.T) {
	for text, config := range map[string]types.ServiceConfig{
		`can't watch service "web" with action rebuild without a build context: add build to it, or choose another action (services.web.develop.watch[0])`: {
			Develop: &types.DevelopConfig{Watch: []types.Trigger{{Path: "/x", Action: types.WatchActionRebuild}}},
		},
		`can't watch service "web" with action sync+exec without a command: add exec.command (services.web.develop.watch[0])`: {
			Develop: &types.DevelopConfig{Watch: []types.Trigger{{Path: "/x", Action: types.WatchActionSyncExec, Target: "/y"}}},
		},
		`can't watch service "web": a provider runs it, it has no container (services.web.develop.watch[0])`: {
			Provider: &types.ServiceProviderConfig{},
			Develop:  &types.DevelopConfig{Watch: []types.Trigger{{Path: "/x", Action: types.WatchActionRestart}}},
		},
		`can't watch service "web": ignore: pattern "[a": syntax error in pattern (services.web.develop.watch[0])`: {
			Develop: &types.DevelopConfig{Watch: []types.Trigger{{Path: "/x", Action: types.WatchActionRestart, Ignore: []string{"[a"}}}},
		},
		"none of the selected services is configured for watch, consider setting a 'develop' section": {},
	} {
		config.Name = "web"
		_, err := New(&types.Project{Services: types.Services{"web": config}}, nil, Options{})
		if err == nil || err.Error() != text {
			t.Errorf("got  %v\nwant %s", err, text)
		}
	}
}

func TestOnlyTheNamedServicesAreWatched(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1"})
	rule := []types.Trigger{syncRule("src", "/app")}
	p := w.project(map[string][]types.Trigger{"a": rule, "b": rule})
	watcher, err := New(p, []string{"b"}, Options{})
	w.must(err)
	if len(watcher.services) != 1 || watcher.services[0].name != "b" {
		t.Errorf("watched are %v", watcher.services)
	}
	p.Services["c"] = types.ServiceConfig{Name: "c"}
	if _, err := New(p, []string{"c"}, Options{}); !errors.Is(err, ErrNothingToWatch) {
		t.Errorf("a service without rules: %v", err)
	}
}

func TestABindMountedPathIsLeftOutWithAWarning(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1"})
	p := w.project(map[string][]types.Trigger{"web": {syncRule("src", "/app"), {Path: "src", Action: types.WatchActionRestart}}})
	svc := p.Services["web"]
	svc.Volumes = []types.ServiceVolumeConfig{{Type: types.VolumeTypeBind, Source: w.dir, Target: "/host"}}
	p.Services["web"] = svc
	w.watch(p)
	w.write("src/a", "2")
	w.called("restart web")
	w.never("sync web")
	if e := w.sink.Events()[0]; e.Kind != event.KindWarning || !strings.Contains(e.Text, "bind mounted") {
		t.Errorf("told %v", e)
	}
}

func TestTargetsAreAbsolute(t *testing.T) {
	for _, c := range [][3]string{
		{"/srv", "app", "/srv/app"}, {"", "app/", "/app/"}, {"/srv", "/x/../y/", "/y/"}, {"/srv", ".", "/srv"}, {"", "/", "/"},
	} {
		if got := absoluteTarget(c[0], c[1]); got != c[2] {
			t.Errorf("target %q in %q is %q, want %q", c[1], c[0], got, c[2])
		}
	}
}

func TestAnArchiveKeepsModesTimesAndLinks(t *testing.T) {
	w := newWorld(t, map[string]string{"d/run": "text"})
	w.must(os.Chmod(w.path("d/run"), 0o750))
	when := time.Unix(1_600_000_000, 0)
	w.must(os.Chtimes(w.path("d/run"), when, when))
	w.must(os.Symlink("run", w.path("d/link")))
	var buf bytes.Buffer
	skipped, err := Archive(&buf, "/srv", []File{
		{Source: w.path("d"), Target: "/srv/d"},
		{Source: w.path("d/link"), Target: "/srv/d/link"},
		{Source: w.path("d/run"), Target: "/srv/d/run"},
		{Source: w.path("d/gone"), Target: "/srv/d/gone"},
		{Target: "/srv/d/old", Gone: true},
	}, Owner{UID: 5, GID: 6})
	w.must(err)
	if skipped != nil {
		t.Errorf("skipped %v", skipped)
	}
	var got []string
	for r := tar.NewReader(&buf); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		w.must(err)
		got = append(got, h.Name+" "+h.Linkname)
		if h.Uid != 5 || h.Gid != 6 {
			t.Errorf("%s belongs to %d:%d", h.Name, h.Uid, h.Gid)
		}
		if h.Name == "d/run" && (h.Mode != 0o750 || !h.ModTime.Equal(when)) {
			t.Errorf("mode %o, time %s", h.Mode, h.ModTime)
		}
	}
	if want := []string{"d/ ", "d/link run", "d/run "}; !slices.Equal(got, want) {
		t.Errorf("archive of %q, want %q", got, want)
	}
}
