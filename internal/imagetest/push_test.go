package imagetest

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

// twoBuilt are services with an image each to push, one of them with more names.
const twoBuilt = `services:
  base: {image: REG/base:1, build: {context: ., dockerfile_inline: FROM BUSYBOX}}
  web:
    image: REG/web:1
    depends_on: [base]
    build: {context: ., dockerfile_inline: "FROM BUSYBOX\nENV A=NAME", tags: ["REG/web:stable", "REG/other:2"]}
  foreign: {image: REG/foreign:1}
  nameless: {build: {context: ., dockerfile_inline: FROM BUSYBOX}}
`

func TestPushSendsEveryNameOfWhatIsBuilt(t *testing.T) {
	t.Parallel()
	f := newFixture(t).write("compose.yaml", twoBuilt)
	f.must("build")
	f.must("push", "web")
	for ref, want := range map[string]bool{"web:1": true, "web:stable": true, "other:2": true, "base:1": false} {
		if name, tag, _ := strings.Cut(ref, ":"); f.inRegistry(name, tag) != want {
			t.Errorf("%s is in the registry: %t", ref, !want)
		}
	}
	f.must("push", "--include-deps", "web")
	if !f.inRegistry("base", "1") {
		t.Error("the dependency was not pushed")
	}
	output := f.must("push")
	f.has(output, "Service foreign Skipped", "Service nameless Skipped", "Image REG/web:1 Pushed")
	if output := f.must("push", "--quiet", "web"); output != "" {
		t.Errorf("push --quiet wrote %q", output)
	}
}

func TestPushShowsLayersAndPassesOverFailuresWhenTold(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.write("compose.yaml", twoBuilt)
	f.fails([]string{"service base: push image REG/base:1: "}, "push", "base")
	f.must("build", "web")
	output := f.must("push", "--ignore-push-failures", "base", "web")
	f.has(output, "Image REG/base:1 Skipped not pushed: ", "Image REG/web:1 Pushed")
	f.must("build")
	layers := 0
	for _, e := range f.events("push", "base") {
		if e.Parent == f.fill("Image REG/base:1") && e.Phase == event.Done {
			layers++
		}
	}
	if layers == 0 {
		t.Error("no layer was told of")
	}
	g.first(6, "/manifests/", broken) // the engine itself tries five times
	f.has(f.must("push", "web"), "Image REG/web:1 Pushed")
}

func TestPushNeedsThePassword(t *testing.T) {
	t.Parallel()
	f := newFixtureAt(t, testengine.PrivateRegistry(t))
	f.write("compose.yaml", twoBuilt)
	f.must("build", "base")
	f.fails([]string{"service base: push image REG/base:1: ", "docker login"}, "push", "base")
	f.login(testengine.RegistryUser, "wrong")
	f.fails([]string{"service base: push image REG/base:1: "}, "push", "base")
	f.login(testengine.RegistryUser, testengine.RegistryPassword)
	f.must("push", "base")
}

func TestBuildPushesWhatItBuilt(t *testing.T) {
	t.Parallel()
	f := newFixture(t).write("compose.yaml", twoBuilt)
	output := f.must("build", "--push", "web", "nameless")
	f.has(output, "Service nameless Skipped not pushed: it has no image name")
	for _, ref := range []string{"web:1", "web:stable", "other:2"} {
		if name, tag, _ := strings.Cut(ref, ":"); !f.inRegistry(name, tag) {
			t.Errorf("%s is not in the registry", ref)
		}
	}
}

func TestDigestsAreThoseOfTheRegistry(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pinned := "REG/app:1@" + f.publish("app", "1", "amd64", 1000).Digest
	f.write("compose.yaml", "services:\n  app: {image: REG/app:1, environment: {A: b}}\n  bare: {image: REG/app:1}\n")
	f.has(f.must("config", "--resolve-image-digests"), "image: "+pinned, "A: b")
	locked := f.must("config", "--lock-image-digests")
	f.has(locked, "image: "+pinned)
	f.lacks(locked, "A: b")
	f.has(f.must("config", "--images"), "REG/app:1\n")
	f.write("locked.yaml", locked)
	f.must("-f", "compose.yaml", "-f", "locked.yaml", "pull", "-q")
	if !f.local(strings.Replace(pinned, ":1@", "@", 1)) {
		t.Error("the pinned image was not pulled")
	}
	f.write("compose.yaml", "services:\n  app: {image: REG/none:1}\n")
	f.fails([]string{"REG/none:1"}, "config", "--resolve-image-digests")
}

func TestImagesListsWhatContainersWereMadeFrom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.tag("BUSYBOX", "REG/named:1")
	f.write("compose.yaml", "services:\n  web: {image: REG/named:1, command: "+loop+", stop_grace_period: 1s}\n")
	f.must("create")
	id := strings.TrimPrefix(f.imageID("REG/named:1"), "sha256:")
	f.has(f.must("images"), "CONTAINER", "REPOSITORY", "PLATFORM", "NAME-web-1", "REG/named", id[:12], "linux/")
	if got := f.must("images", "-q"); strings.TrimSpace(got) != id {
		t.Errorf("images -q wrote %q, want %s", got, id)
	}
	f.has(f.must("images", "--format", "json", "web"), `"ContainerName":"NAME-web-1"`, `"Repository":"REG/named"`, `"Tag":"1"`)
}
