package imagetest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
)

// label is a label of a local image.
func (f *fixture) label(ref, key string) string {
	f.t.Helper()
	var image struct {
		Config struct{ Labels map[string]string }
	}
	testengine.Get(f.t, "/images/"+f.fill(ref)+"/json", &image)
	return image.Config.Labels[key]
}

func TestUpBuildsWhatItIsToldTo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("compose.yaml", "services:\n  web: {build: ., command: "+loop+", stop_grace_period: 1s}\n")
	f.write("Dockerfile", "FROM BUSYBOX\nLABEL round=NAME1\n")
	f.fails([]string{"services.web.build: its image has not been built, and --no-build forbids it"}, "up", "-d", "--no-build")
	f.must("create")
	if f.label("NAME-web", "round") != f.name+"1" {
		t.Error("create did not build what was missing")
	}
	f.write("Dockerfile", "FROM BUSYBOX\nLABEL round=NAME2\n")
	for _, c := range []struct {
		args  []string
		round string
	}{
		{[]string{"up", "-d"}, "1"}, {[]string{"up", "-d", "--no-build"}, "1"}, {[]string{"run", "--rm", "web", "true"}, "1"},
		{[]string{"run", "--rm", "--build", "web", "true"}, "2"},
	} {
		f.must(c.args...)
		if got := f.label("NAME-web", "round"); got != f.name+c.round {
			t.Errorf("after %v the image is of round %s", c.args, got)
		}
	}
	for i, args := range [][]string{{"create", "--build"}, {"up", "-d", "--build"}} {
		round := "NAME" + string(rune('3'+i))
		f.write("Dockerfile", "FROM BUSYBOX\nLABEL round="+round+"\n")
		f.must(args...)
		if f.label("NAME-web", "round") != f.fill(round) || f.containerImage("web") != f.imageID("NAME-web") {
			t.Errorf("%v did not build and use the new image", args)
		}
	}
	f.fails([]string{"--build", "--no-build"}, "up", "-d", "--build", "--no-build")
}

func TestAFailingBuildChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("compose.yaml", "services:\n  web: {build: ., command: "+loop+", stop_grace_period: 1s}\n")
	f.write("Dockerfile", "FROM BUSYBOX\nLABEL round=1\n")
	f.must("up", "-d")
	before := testengine.Inspect(t, f.name+"-web-1")["Id"]
	f.write("Dockerfile", "FROM BUSYBOX\nLABEL round=2\nRUN echo saying why; exit 7\n")
	f.write("compose.yaml", "services:\n  web: {build: ., command: "+loop+", stop_grace_period: 1s, networks: [new]}\nnetworks: {new: {}}\n")
	output := f.fails([]string{"build web: Dockerfile:3: ", "exit code: 7", ">>> RUN echo saying why; exit 7", "saying why"}, "up", "-d", "--build")
	f.lacks(output, "Creating", "Stopping")
	if testengine.Inspect(t, f.name+"-web-1")["Id"] != before || testengine.Exists(t, "networks", f.name+"_new") {
		t.Error("the failing build changed the project")
	}
}

func TestServicesShareImagesThatOneOfThemBuilds(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.write("Dockerfile", "FROM BUSYBOX\nLABEL round=NAME\n")
	f.write("compose.yaml", `services:
  a: {image: "NAME-own:1", pull_policy: missing, command: `+loop+`, stop_grace_period: 1s}
  b: {image: "NAME-own:1", pull_policy: build, build: ., command: `+loop+`, stop_grace_period: 1s}
  c: {image: "NAME-own:1", pull_policy: build, build: ., command: `+loop+`, stop_grace_period: 1s}
`)
	g.on(func(*http.Request) fault { return none })
	output := f.must("up", "-d")
	if n := strings.Count(output, f.fill("Image NAME-own:1 Built")); n != 1 {
		t.Errorf("one image for two services was built %d times:\n%s", n, output)
	}
	if f.containerImage("a") != f.containerImage("b") || f.containerImage("b") != f.containerImage("c") {
		t.Error("services with one image name have different images")
	}
	f.lacks(output, "warning")
	f.write("compose.yaml", `services:
  b: {image: "NAME-own:1", build: .}
  c: {image: "NAME-own:1", build: {context: ., args: {A: b}}}
`)
	f.has(f.must("build"), "warning: services b and c build different images of the same name NAME-own:1")
}

func TestAServiceMayStandOnTheImageOfAnother(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("compose.yaml", `services:
  app:
    build: {context: ., dockerfile_inline: "FROM base\nLABEL from=base", additional_contexts: {base: "service:zbase"}}
    command: `+loop+`
    stop_grace_period: 1s
  named:
    build: {context: ., dockerfile_inline: "FROM NAME-zbase"}
  zbase:
    build: {context: ., dockerfile_inline: "FROM BUSYBOX\nLABEL made=NAME"}
    command: "true"
`)
	f.must("build")
	for _, service := range []string{"app", "named"} {
		if f.label("NAME-"+service, "made") != f.name {
			t.Errorf("%s does not stand on the image of zbase", service)
		}
	}
	f.drop("NAME-zbase")
	f.drop("NAME-app")
	f.must("up", "-d", "app") // zbase is no dependency, but its image is needed
	if !f.local("NAME-zbase") {
		t.Error("the image of zbase was not built")
	}
}

func TestFlagsOfBuild(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("Dockerfile", "FROM BUSYBOX\nARG WORD=none\nARG ENVIRON\nLABEL word=$WORD environ=$ENVIRON\nRUN head -c 8 /dev/urandom | od -x > /chance\n")
	f.write("compose.yaml", "services:\n  dep: {build: {context: ., args: {WORD: dep}}}\n  web: {build: ., depends_on: [dep]}\n  plain: {image: BUSYBOX}\n")
	f.env = []string{"ENVIRON=outside"}
	f.must("build", "--build-arg", "WORD=given", "--build-arg", "ENVIRON", "web")
	if f.label("NAME-web", "word") != "given" || f.label("NAME-web", "environ") != "outside" || f.local("NAME-dep") {
		t.Error("--build-arg was not obeyed, or a dependency was built unasked")
	}
	first := f.imageID("NAME-web")
	f.must("build", "--build-arg", "WORD=given", "--build-arg", "ENVIRON", "web")
	if f.imageID("NAME-web") != first {
		t.Error("nothing changed, and yet the image did")
	}
	f.must("build", "--no-cache", "--build-arg", "WORD=given", "--build-arg", "ENVIRON", "web")
	if f.imageID("NAME-web") == first {
		t.Error("--no-cache took the cache")
	}
	f.must("build", "--with-dependencies", "web")
	if f.label("NAME-dep", "word") != "dep" {
		t.Error("--with-dependencies did not build the dependency")
	}
	f.lacks(f.must("build", "--quiet", "--no-cache", "web"), "RUN")
	f.has(f.must("build", "--memory", "512m", "web"), "warning: --memory has no effect")
	f.has(f.must("build", "plain"), "No services to build")
	f.fails([]string{"no such service"}, "build", "nobody")
}

func TestBuildsAreCheckedAndPrintedWithoutBuilding(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("Dockerfile", "FROM BUSYBOX\nCMD echo hi\nCMD echo ho\n")
	f.write("compose.yaml", "services:\n  web: {build: ., image: REG/web:1}\n")
	f.fails([]string{"service web: Dockerfile:", "MultipleInstructionsDisallowed"}, "build", "--check")
	stdout, stderr, code := testengine.Run(t, f.dir, f.environ(), "-p", f.name, "build", "--print", "--push")
	var bake struct {
		Target map[string]struct{ Tags, Output []string }
	}
	if err := json.Unmarshal([]byte(stdout), &bake); err != nil || code != 0 {
		t.Fatalf("%v, exit code %d: %s%s", err, code, stdout, stderr)
	}
	if tags := bake.Target["web"].Tags; len(tags) != 1 || tags[0] != f.fill("REG/web:1") {
		t.Errorf("tags %v", tags)
	}
	if f.local("REG/web:1") {
		t.Error("--check or --print built the image")
	}
	f.write("Dockerfile", "FROM BUSYBOX\nCMD [\"echo\"]\n")
	f.has(f.must("build", "--check"), "Check complete, no warnings found")
}

func TestBuildersSSHKeysAndAttestationsThatCannotBe(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("Dockerfile", "FROM BUSYBOX\n")
	f.write("compose.yaml", "services:\n  web: {build: .}\n")
	f.fails([]string{"--builder nowhere: no such builder (known: default)"}, "build", "--builder", "nowhere")
	f.must("build", "--builder", "default")
	f.fails([]string{"ssh", "nokey"}, "build", "--ssh", "id="+f.dir+"/nokey")
	if testengine.Require(t).AtLeast("1.42") {
		return
	}
	f.has(f.must("build", "--provenance", "true", "--sbom", "true"),
		"services.web.build.provenance has no effect", "services.web.build.sbom has no effect")
}

func TestBuildPullAsksForNewBases(t *testing.T) {
	t.Parallel()
	testengine.Images(t)
	f := newFixture(t)
	f.offer(testengine.BusyboxTwo, "REG/base:1")
	f.tag(testengine.BusyboxOne, "REG/base:1")
	f.write("compose.yaml", "services:\n  web: {build: {context: ., dockerfile_inline: \"FROM REG/base:1\\nRUN cp /etc/berth-test-version /v\\nLABEL v=NAME\"}, command: cat /v}\n")
	f.must("build")
	if output := f.must("run", "--rm", "web"); !strings.Contains(output, "1\n") {
		t.Errorf("built on the base that is not here: %q", output)
	}
	f.must("build", "--pull")
	if output := f.must("run", "--rm", "web"); !strings.Contains(output, "2\n") {
		t.Errorf("--pull built on the old base: %q", output)
	}
}

func TestAnInterruptedBuildEndsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("Dockerfile", "FROM BUSYBOX\nRUN echo under way; sleep 3600.125\n")
	f.write("compose.yaml", "services:\n  web: {build: .}\n")
	command := testengine.Command(t, f.dir, f.environ(), "-p", f.name, "build")
	there := make(chan struct{})
	command.Stdout = &trigger{word: "under way", seen: there}
	took := interrupt(t, command, there)
	if code := command.ProcessState.ExitCode(); code != 130 || took > 10*time.Second {
		t.Errorf("exit code %d after %s, want 130 at once", code, took)
	}
}
