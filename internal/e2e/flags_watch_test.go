package e2e

import (
	"strings"
	"syscall"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

const rebuilt = `
services:
  web:
    build: .
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    develop: {watch: [{path: version, action: rebuild}]}
`

// newWatched is a project that is built anew when the file version changes.
func newWatched(t *testing.T) project {
	t.Helper()
	p := newProject(t, rebuilt)
	p.write("Dockerfile", "FROM IMAGE\nCOPY version /version\nRUN echo a step of the build; echo "+p.name+"\n")
	p.write("version", "1")
	return p
}

func TestWatchStartsNothingWithNoUp(t *testing.T) {
	t.Parallel()
	p := newWatched(t)
	watch := p.start("watch", "--no-up")
	watch.waitFor("Watch enabled")
	watch.signal(syscall.SIGINT)
	watch.wantCode(130)
	if states := p.containers(); len(states) > 0 {
		t.Errorf("it has started %v", states)
	}
}

func TestWatchHidesBuildsWithQuietAndKeepsOldImagesWithoutPrune(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags        []string
		shows, keeps bool
	}{{nil, true, false}, {[]string{"--quiet", "--prune=false"}, false, true}} {
		p := newWatched(t)
		defer p.must("down", "--rmi", "local")
		watch := p.start(append([]string{"--progress", "plain", "watch"}, c.flags...)...)
		watch.waitFor("Watch enabled")
		old, _ := testengine.Inspect(t, p.name+"-web-1")["Image"].(string)
		p.write("version", "2")
		watch.waitFor("Container " + p.name + "-web-1 Recreated")
		watch.waitFor("rebuilt")
		watch.signal(syscall.SIGINT)
		watch.wantCode(130)
		if shows := strings.Contains(watch.output.String(), "RUN echo a step"); shows != c.shows {
			t.Errorf("watch %v shows the build: %t\n%s", c.flags, shows, watch.output)
		}
		if kept := testengine.Exists(t, "images", old); kept != c.keeps {
			t.Errorf("watch %v keeps the image of before: %t", c.flags, kept)
		} else if kept {
			testengine.Delete(t, "/images/"+old)
		}
	}
}
