package watch

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

func TestAChangedFileArrivesWithItsMode(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1"})
	w.rules(syncRule("src", "/app"))
	w.write("src/a", "2")
	w.has("/app/a", "644 2")
	w.must(os.Chmod(w.path("src/a"), 0o755))
	w.has("/app/a", "755 2")
	if !slices.Contains(w.texts(), `Syncing service "web" after 1 change was detected`) {
		t.Errorf("told %q", w.texts())
	}
}

func TestADeletedFileAndADeletedFolderAreRemoved(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1", "src/d/e/f": "1", "src/d/g": "1"})
	w.rules(syncRule("src", "/app"))
	w.files = map[string]string{"/app/a": "", "/app/d/e/f": "", "/app/d/g": "", "/app/own": ""}
	w.must(os.Remove(w.path("src/a")))
	w.lacks("/app/a")
	w.must(os.RemoveAll(w.path("src/d")))
	w.lacks("/app/d")
	w.has("/app/own", "")
}

func TestARenamedFolderMovesAndIsWatchedUnderItsNewName(t *testing.T) {
	w := newWorld(t, map[string]string{"src/old/deep/f": "1"})
	w.rules(syncRule("src", "/app"))
	w.files["/app/old/deep/f"] = "644 1"
	w.must(os.Rename(w.path("src/old"), w.path("src/new")))
	w.has("/app/new/deep/f", "644 1")
	w.lacks("/app/old")
	w.write("src/new/deep/f", "2")
	w.has("/app/new/deep/f", "644 2")
	w.must(os.Rename(w.path("src/new"), w.path("elsewhere")))
	w.lacks("/app/new")
}

func TestANewFolderIsWatchedAtOnceWithAllInIt(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1"})
	w.rules(syncRule("src", "/app"))
	for i := range 20 {
		w.write(fmt.Sprintf("src/x/y%d/z/file", i), "1")
	}
	for i := range 20 {
		w.has(fmt.Sprintf("/app/x/y%d/z/file", i), "644 1")
	}
	w.write("src/x/y7/z/later", "1")
	w.has("/app/x/y7/z/later", "644 1")
	w.must(os.Mkdir(w.path("src/empty"), 0o755))
	w.has("/app/empty/", "")
}

func TestAnEditorThatSavesByRenamingIsOneChangeOfTheFile(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1"})
	w.rules(syncRule("src", "/app"))
	w.files["/app/a"] = "644 1"
	w.must(os.Rename(w.path("src/a"), w.path("src/a~")))
	w.write("src/.a.swp", "swap")
	w.write("src/tmp-1", "2")
	w.must(os.Rename(w.path("src/tmp-1"), w.path("src/a")))
	w.must(os.Remove(w.path("src/a~")))
	w.has("/app/a", "644 2")
	w.write("src/marker", "")
	w.has("/app/marker", "644 ")
	w.lacks("/app/a~")
	w.lacks("/app/.a.swp")
	w.lacks("/app/tmp-1")
}

func TestASingleFileIsWatchedOverRenamesAndItsAbsence(t *testing.T) {
	w := newWorld(t, map[string]string{"conf/app.conf": "1", "conf/other": "1"})
	w.rules(syncRule("conf/app.conf", "/etc/app.conf"), syncRule("conf/late", "/etc/late/"))
	w.write("conf/new", "2")
	w.must(os.Rename(w.path("conf/new"), w.path("conf/app.conf")))
	w.has("/etc/app.conf", "644 2")
	w.must(os.Remove(w.path("conf/app.conf")))
	w.lacks("/etc/app.conf")
	w.write("conf/app.conf", "3")
	w.has("/etc/app.conf", "644 3")
	w.write("conf/late", "1")
	w.has("/etc/late/late", "644 1")
	w.lacks("/etc/other")
}

func TestAPathThatGoesAndComesBackIsWatchedAgain(t *testing.T) {
	w := newWorld(t, map[string]string{"top/src/a": "1", "top/src/d/b": "1"})
	w.rules(syncRule("top/src", "/app"))
	w.files = map[string]string{"/app/a": "", "/app/d/b": "", "/app/own": ""}
	w.must(os.RemoveAll(w.path("top")))
	w.lacks("/app/a")
	w.lacks("/app/d")
	w.has("/app/own", "") // the target itself is not removed
	w.write("top/src/c", "1")
	w.has("/app/c", "644 1")
	w.write("top/src/c", "2")
	w.has("/app/c", "644 2")
}

func TestASymbolicLinkArrivesAsALink(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1", "out/b": "1"})
	w.rules(syncRule("src", "/app"))
	w.must(os.Symlink("a", w.path("src/link")))
	w.must(os.Symlink(w.path("out"), w.path("src/out")))
	w.has("/app/link", "-> a")
	w.has("/app/out", "-> "+w.path("out"))
	w.lacks("/app/out/b")
}

func TestAFileInPlaceOfAFolderReplacesIt(t *testing.T) {
	w := newWorld(t, map[string]string{"src/x/y": "1"})
	w.rules(syncRule("src", "/app"))
	w.files["/app/x/y"] = "644 1"
	w.must(os.RemoveAll(w.path("src/x")))
	w.write("src/x", "file")
	w.has("/app/x", "644 file")
	w.lacks("/app/x/y")
	w.must(os.Remove(w.path("src/x")))
	w.write("src/x/z", "1")
	w.has("/app/x/z", "644 1")
	w.until("the file is gone", func() bool { _, ok := w.files["/app/x"]; return !ok })
}

func TestIgnoreIncludeAndDockerignoreAreObeyed(t *testing.T) {
	w := newWorld(t, map[string]string{
		".dockerignore": "**/*.log\n!keep.log\nsrc/secret\n", "src/a.go": "1", "src/node_modules/x.go": "1", "src/sub/b.go": "1",
	})
	rule := syncRule("src", "/app")
	rule.Ignore = []string{"node_modules/", "/gen/*", "!gen/kept.go"}
	rule.Include = []string{"**/*.go", "**/*.log"}
	root := syncRule("keep.log", "/keep.log")
	w.rules(rule, root)
	for _, name := range []string{
		"src/node_modules/x.go", "src/node_modules/deep/y.go", "src/a.txt", "src/a.log", "src/secret/s.go",
		"src/gen/no.go", "src/.git/z.go", "src/#x.go#",
	} {
		w.write(name, "2")
	}
	w.write("src/gen/kept.go", "2")
	w.write("keep.log", "2")
	w.write("src/sub/b.go", "2")
	w.write("src/a.go", "2")
	w.has("/app/a.go", "644 2")
	w.has("/app/sub/b.go", "644 2")
	w.has("/app/gen/kept.go", "644 2")
	w.has("/keep.log", "644 2")
	for name := range w.files {
		if !slices.Contains([]string{"/app/a.go", "/app/sub/b.go", "/app/gen/kept.go", "/keep.log"}, name) {
			t.Errorf("%s should not have come", name)
		}
	}
	// A folder is no match of the include patterns, but what it held is.
	w.must(os.RemoveAll(w.path("src/sub")))
	w.lacks("/app/sub/b.go")
}

func TestTheDockerfileAndTheComposeFileAreNotCopied(t *testing.T) {
	w := newWorld(t, map[string]string{"Dockerfile": "FROM scratch", "compose.yaml": "services: {}"})
	w.rules(syncRule(".", "/app"), types.Trigger{Path: "Dockerfile", Action: types.WatchActionRebuild})
	w.write("Dockerfile", "FROM other")
	w.write("compose.yaml", "name: x")
	w.write("a", "1")
	w.called("rebuild web")
	w.has("/app/a", "644 1")
	w.lacks("/app/Dockerfile")
	w.lacks("/app/compose.yaml")
}

func TestEachActionAsksForWhatItSays(t *testing.T) {
	w := newWorld(t, map[string]string{"a/f": "1", "b/f": "1", "c/f": "1"})
	w.watch(w.project(map[string][]types.Trigger{
		"one":   {{Path: "a", Action: types.WatchActionRestart}},
		"two":   {{Path: "b", Action: types.WatchActionSyncRestart, Target: "/b"}},
		"three": {{Path: "c", Action: types.WatchActionSyncExec, Target: "/c", Exec: types.ServiceHook{Command: []string{"app", "reload"}}}},
	}))
	w.write("a/f", "2")
	w.called("restart one")
	w.write("b/f", "2")
	w.called("restart two")
	w.write("c/f", "2")
	w.called("exec three app reload")
	w.never("sync one")
	w.has("/b/f", "644 2")
	w.has("/c/f", "644 2")
	if i, j := slices.Index(w.calls, "sync two"), slices.Index(w.calls, "restart two"); i < 0 || i > j {
		t.Errorf("the restart comes before the files: %v", w.calls)
	}
}

func TestManyFilesAtOnceArriveAllInFewRequests(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1"})
	w.rules(syncRule("src", "/app"))
	const folders, each = 40, 50
	for i := range folders {
		for j := range each {
			w.write(fmt.Sprintf("src/d%d/f%d", i, j), "1")
		}
	}
	w.until("all have arrived", func() bool {
		n := 0
		for name := range w.files {
			if !strings.HasSuffix(name, "/") {
				n++
			}
		}
		return n == folders*each
	})
	if len(w.calls) > 20 {
		t.Errorf("%d requests for one burst of changes", len(w.calls))
	}
}

func TestChangesThatNeverCeaseAreActedOnWithinTheLimit(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1"})
	w.rules(syncRule("src", "/app"))
	end := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			case <-tick.C:
				w.write("src/a", fmt.Sprint(i))
			}
		}
	})
	w.called("sync web")
	close(end)
	writing.Wait()
}

func TestFoldersLeftOutAreNotWatched(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1", "src/node_modules/deep/x": "1", "src/.git/objects/y": "1"})
	rule := syncRule("src", "/app")
	rule.Ignore = []string{"node_modules"}
	p := w.project(map[string][]types.Trigger{"web": {rule}})
	watcher, err := New(p, nil, Options{})
	w.must(err)
	tree, err := newTree(watcher.roots(), watcher.accepts, watcher.prunes, func(string) {})
	w.must(err)
	defer func() { w.must(tree.fs.Close()) }()
	for _, name := range tree.fs.WatchList() {
		if strings.Contains(name, "node_modules") || strings.Contains(name, ".git") {
			t.Errorf("%s is watched", name)
		}
	}
}

func TestEventsThatTheSystemDroppedAreMadeUpFor(t *testing.T) {
	w := newWorld(t, map[string]string{"src/same": "1", "src/changed": "1", "src/gone/x": "1"})
	p := w.project(map[string][]types.Trigger{"web": {syncRule("src", "/app")}})
	watcher, err := New(p, nil, Options{})
	w.must(err)
	tree, err := newTree(watcher.roots(), watcher.accepts, watcher.prunes, func(string) {})
	w.must(err)
	defer func() { w.must(tree.fs.Close()) }()
	w.write("src/changed", "22")
	w.write("src/new/y", "1")
	w.must(os.RemoveAll(w.path("src/gone")))
	w.must(tree.rescan()) // no event has been read
	var got []string
	for _, c := range tree.batch() {
		got = append(got, fmt.Sprintf("%s %d-%d", strings.TrimPrefix(c.path, w.dir), c.before, c.now))
	}
	want := []string{"/src/changed 1-1", "/src/gone 2-0", "/src/gone/x 1-0", "/src/new 0-2", "/src/new/y 0-1"}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

func TestAFolderThatTakesThePlaceOfAnotherIsWatched(t *testing.T) {
	w := newWorld(t, map[string]string{"src/a": "1", "next/b": "1"})
	w.must(os.Mkdir(w.path("src/current"), 0o755))
	w.rules(syncRule("src", "/app"))
	w.must(syscall.Rename(w.path("next"), w.path("src/current"))) // the os package's refuses to
	w.has("/app/current/b", "644 1")
	w.write("src/current/b", "2")
	w.has("/app/current/b", "644 2")
}

func TestAPathThroughASymbolicLinkIsTheSamePath(t *testing.T) {
	w := newWorld(t, map[string]string{"real/src/a": "1", "real/.dockerignore": "src/skip\n"})
	w.must(os.Symlink("real", w.path("link")))
	p := w.project(map[string][]types.Trigger{"web": {syncRule("link/src", "/app")}})
	svc := p.Services["web"]
	svc.Build.Context = w.path("link")
	w.watch(p)
	w.write("real/src/skip", "1")
	w.write("real/src/a", "2")
	w.has("/app/a", "644 2")
	w.lacks("/app/skip")
}
