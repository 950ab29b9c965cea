package imagetest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine/docker"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

// loop is a command that runs until it is told to end.
const loop = `["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]`

// offer puts a busybox into the registry under the name, and takes the name off
// the engine.
func (f *fixture) offer(source, ref string) {
	f.t.Helper()
	f.tag(source, ref)
	f.write("offer.yaml", fmt.Sprintf("services:\n  offer: {image: %q, build: .}\n", ref))
	f.must("-f", "offer.yaml", "push", "-q")
	f.drop(ref)
}

// use writes a project of one service on the image with more keys.
func (f *fixture) use(keys string) {
	f.t.Helper()
	f.write("compose.yaml", "services:\n  web:\n    image: REG/app:1\n    command: "+loop+"\n    stop_grace_period: 2s\n"+keys)
}

func TestPullPoliciesDecideWhetherTheRegistryIsAsked(t *testing.T) {
	t.Parallel()
	testengine.Images(t)
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.offer(testengine.BusyboxOne, "REG/app:1")
	asked := func(args ...string) int {
		g.on(func(*http.Request) fault { return none })
		f.must(append(args, "up", "-d")...)
		return g.count("/v2/app/")
	}
	f.use("    pull_policy: never\n")
	f.fails([]string{`services.web.image: image REG/app:1 is not here and its pull policy is "never"`}, "up", "-d")
	f.use("    pull_policy: missing\n")
	if first, second := asked(), asked(); first == 0 || second != 0 {
		t.Errorf("policy missing: %d and %d requests: the registry is asked only while the image is not here", first, second)
	}
	f.use("    pull_policy: always\n")
	if first, second := asked(), asked(); first == 0 || second == 0 {
		t.Errorf("policy always: %d and %d requests: the registry is asked each time", first, second)
	}
	f.use("    pull_policy: every_1h\n")
	// The engine has not been told before when the image was pulled.
	asked()
	if n := asked(); n != 0 {
		t.Errorf("policy every_1h: %d requests right after a pull", n)
	}
	for _, policy := range []string{"daily", "weekly", "every_2d"} {
		f.use("    pull_policy: " + policy + "\n")
		if n := asked(); n != 0 {
			t.Errorf("policy %s: %d requests for an image of this moment", policy, n)
		}
	}
	f.use("    pull_policy: every_1s\n")
	time.Sleep(1500 * time.Millisecond) // the image must be older than that
	if asked() == 0 {
		t.Error("policy every_1s: an image that is older is not asked for")
	}
	f.use("    pull_policy: every_whenever\n")
	f.fails([]string{"pull_policy"}, "up", "-d")
}

func TestTheCommandsPolicyWinsOverTheServices(t *testing.T) {
	t.Parallel()
	testengine.Images(t)
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.offer(testengine.BusyboxOne, "REG/app:1")
	f.use("    pull_policy: always\n")
	f.fails([]string{"services.web.image", "never"}, "up", "-d", "--pull", "never")
	output := f.must("up", "-d", "--quiet-pull", "--pull", "missing")
	f.has(output, "Image REG/app:1 Pulled")
	before := f.containerImage("web")
	f.offer2(testengine.BusyboxTwo, "REG/app:1")
	f.must("up", "-d", "--pull", "missing")
	if f.containerImage("web") != before {
		t.Error("--pull missing pulled an image that is here")
	}
	f.must("up", "-d", "--pull", "always")
	if f.containerImage("web") == before {
		t.Error("--pull always kept the old image")
	}
	g.on(func(*http.Request) fault { return broken })
	f.use("    pull_policy: every_1s\n")
	time.Sleep(1500 * time.Millisecond) // the image must be older than that
	output = f.must("up", "-d")
	f.has(output, "Image REG/app:1 Skipped not pulled: ")
}

// offer2 puts another image into the registry and leaves the engine's own name
// where it is.
func (f *fixture) offer2(source, ref string) {
	f.t.Helper()
	kept := f.imageID(ref)
	f.offer(source, ref)
	f.tag(kept, ref)
}

func TestAnImageThatCanBeBuiltIsPulledFirstAndBuiltOtherwise(t *testing.T) {
	t.Parallel()
	testengine.Images(t)
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.write("Dockerfile", "FROM BUSYBOX\nENV MADE=here\n")
	f.use("    build: .\n")
	output := f.must("up", "-d")
	f.has(output, "Image REG/app:1 Skipped built here, as it cannot be pulled: ", "Image REG/app:1 Built")
	built := f.containerImage("web")
	g.on(func(*http.Request) fault { return none })
	f.must("up", "-d")
	if g.count("") != 0 || f.containerImage("web") != built {
		t.Error("an image that is here was asked for or built again")
	}
	f.must("down", "-t", "1")
	f.offer(testengine.BusyboxOne, "REG/app:1")
	output = f.must("up", "-d")
	f.has(output, "Image REG/app:1 Pulled")
	f.lacks(output, "Built")
	f.must("down", "-t", "1")
	f.drop("REG/app:1")
	f.use("    build: .\n    pull_policy: build\n")
	g.on(func(*http.Request) fault { return none })
	f.must("up", "-d")
	if g.count("") != 0 {
		t.Error("policy build asked the registry")
	}
	f.must("down", "-t", "1")
	f.drop("REG/app:1")
	f.must("up", "-d", "--no-build", "--pull", "missing")
}

func TestOldImagesAreRemovedWhenUpIsToldTo(t *testing.T) {
	t.Parallel()
	testengine.Busybox(t)
	f := newFixture(t)
	f.write("compose.yaml", "services:\n  web:\n    build: .\n    command: "+loop+"\n    stop_grace_period: 2s\n")
	f.write("Dockerfile", "FROM BUSYBOX\nENV ROUND="+f.name+"1\n")
	f.must("up", "-d")
	first := f.containerImage("web")
	f.write("Dockerfile", "FROM BUSYBOX\nENV ROUND="+f.name+"2\n")
	f.must("up", "-d", "--build")
	second := f.containerImage("web")
	if second == first || !f.local(first) {
		t.Fatalf("the first image was not kept: %s, %s", first, second)
	}
	f.write("Dockerfile", "FROM BUSYBOX\nENV ROUND="+f.name+"3\n")
	f.has(f.upPruning(), "Image "+strings.TrimPrefix(second, "sha256:")[:12]+" Removed")
	if f.local(second) || !f.local(f.containerImage("web")) {
		t.Error("the old image is still there, or the new one is not")
	}
	third := f.containerImage("web")
	f.tag(third, "NAME-kept:1")
	f.write("Dockerfile", "FROM BUSYBOX\nENV ROUND="+f.name+"4\n")
	f.upPruning()
	if !f.local(third) {
		t.Error("an image with another name was removed")
	}
	testengine.Delete(t, "/images/"+first+"?force=1")
}

// upPruning is `up --build --prune-images`; it gives the statuses of images.
func (f *fixture) upPruning() string {
	f.t.Helper()
	recorder := &event.Recorder{}
	a := app.New(app.Options{
		Engine: func() (app.Engine, error) {
			return docker.New(docker.Options{Host: testengine.Require(f.t).Host, ConfigDir: f.config})
		},
		Sink: recorder, Environ: f.environ(), WorkDir: f.dir, Version: "test",
		Build: app.BuildDisplay{Mode: "quiet", Out: io.Discard},
	})
	_, err := a.Up(f.t.Context(), app.UpRequest{Project: app.ProjectOptions{Name: f.name}, Build: true, PruneImages: true})
	if err != nil {
		f.t.Fatal(err)
	}
	var lines []string
	for _, e := range recorder.Events() {
		lines = append(lines, e.ID()+" "+string(e.Status))
	}
	return strings.Join(lines, "\n")
}

func TestDownRemovesImagesAsAsked(t *testing.T) {
	t.Parallel()
	testengine.Busybox(t)
	f := newFixture(t)
	f.tag("BUSYBOX", "REG/named:1")
	f.write("compose.yaml", `services:
  own: {build: {context: ., dockerfile_inline: FROM BUSYBOX}, command: `+loop+`, stop_grace_period: 1s}
  named: {image: REG/named:1, command: `+loop+`, stop_grace_period: 1s}
`)
	f.must("up", "-d")
	f.must("down", "--rmi", "local")
	if f.local("NAME-own:latest") || !f.local("REG/named:1") {
		t.Error("--rmi local removes the images without a name of their own")
	}
	f.must("up", "-d")
	f.must("down", "--rmi", "all")
	if f.local("NAME-own:latest") || f.local("REG/named:1") {
		t.Error("--rmi all removes all images")
	}
}

func TestAnImageThatOthersUseOutlivesDown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := newFixtureAt(t, f.registry)
	// An image of its own, so that this name is the only one.
	f.write("compose.yaml", "services:\n  web: {image: REG/shared:1, build: {context: ., dockerfile_inline: \"FROM BUSYBOX\\nENV A=NAME\"}, command: "+loop+", stop_grace_period: 1s}\n")
	other.write("compose.yaml", "services:\n  web: {image: REG/shared:1, command: "+loop+", stop_grace_period: 1s}\n")
	f.must("build")
	f.must("up", "-d")
	other.must("up", "-d")
	output, _ := f.run("down", "--rmi", "all")
	f.has(output, "REG/shared:1")
	if !f.local("REG/shared:1") || testengine.Exists(t, "networks", f.name+"_default") {
		t.Error("the image of another project's container must stay, and all else go")
	}
}
