package imagetest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

func TestAnImageIsPulledOnceHoweverManyServicesUseIt(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.publish("one", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  a: {image: REG/one:1}\n  b: {image: REG/one:1}\n  c: {image: REG/one:1}\n")
	g.first(0, "", none)
	f.must("pull")
	if n := g.count("GET /v2/one/blobs"); n != 2 {
		t.Errorf("%d blobs were fetched, want the layer and the configuration", n)
	}
	if !f.local("REG/one:1") {
		t.Error("the image is not there")
	}
}

func TestPullsRunSideBySideUpToALimit(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	var services strings.Builder
	services.WriteString("services:\n")
	for i := range 6 {
		name := fmt.Sprintf("side%d", i)
		f.publish(name, "1", "amd64", 1000)
		fmt.Fprintf(&services, "  %s: {image: REG/%s:1}\n", name, name)
	}
	f.write("compose.yaml", services.String())
	for _, c := range []struct {
		args []string
		most int
	}{{[]string{"pull", "-q"}, 4}, {[]string{"--parallel", "2", "pull", "-q"}, 2}} {
		var mu sync.Mutex
		now, most := 0, 0
		// Each pull asks one thing after the other, so questions at the same time
		// are pulls at the same time.
		g.on(func(r *http.Request) fault {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return none
			}
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(200 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return none
		})
		f.must(c.args...)
		if most != c.most {
			t.Errorf("%v: %d pulls at a time, want %d", c.args, most, c.most)
		}
	}
}

func TestLayersReportTheirProgress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.publish("layers", "1", "amd64", 3<<20, 1000)
	f.write("compose.yaml", "services:\n  a: {image: REG/layers:1}\n")
	done := map[string]bool{}
	downloading := false
	for _, e := range f.events("pull") {
		if e.Parent == "" {
			continue
		}
		if e.Parent != f.fill("Image REG/layers:1") || e.Name == "1" {
			t.Errorf("part %q of %q", e.Name, e.Parent)
		}
		downloading = downloading || e.Status == "Downloading" && e.Total > 0
		if e.Phase == event.Done {
			done[e.Name] = true
		}
	}
	if len(done) != 2 || !downloading {
		t.Errorf("layers that ended: %v; bytes were told: %t", done, downloading)
	}
}

func TestQuietPullsSayNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.publish("quiet", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  a: {image: REG/quiet:1}\n")
	if output := f.must("pull", "--quiet"); output != "" {
		t.Errorf("pull --quiet wrote %q", output)
	}
}

func TestAPassingFailureOfTheRegistryIsTriedAgain(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.publish("flaky", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  web: {image: REG/flaky:1}\n")
	g.first(2, "/manifests/", broken)
	output := f.must("pull")
	f.has(output, "warning: pull REG/flaky:1 failed, trying again in 500ms", "Image REG/flaky:1 Pulled")
}

func TestALayerWhoseConnectionDropsComesInTheEnd(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.publish("cut", "1", "amd64", 500_000)
	f.write("compose.yaml", "services:\n  web: {image: REG/cut:1}\n")
	g.first(2, "/blobs/", cut) // one is the configuration, too small to be cut
	f.must("pull")
	if n := g.count("GET /v2/cut/blobs"); n < 3 {
		t.Errorf("%d fetches of blobs: nothing was cut", n)
	}
	if !f.local("REG/cut:1") {
		t.Error("the image is not there")
	}
}

func TestARegistryThatStaysBrokenIsAnErrorAfterAFewTries(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.write("compose.yaml", "services:\n  web: {image: REG/broken:1}\n")
	g.first(1000, "/manifests/", broken)
	output := f.fails([]string{"service web: pull image REG/broken:1: ", "500 Internal Server Error"}, "pull")
	if n := strings.Count(output, "trying again"); n != 3 {
		t.Errorf("tried again %d times, want 3:\n%s", n, output)
	}
}

func TestAMissingImageIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.publish("here", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  there: {image: REG/here:1}\n  web: {image: REG/none:1}\n")
	output := f.fails([]string{"service web: pull image REG/none:1: ", "manifest unknown"}, "pull")
	f.lacks(output, "trying again")
	output = f.must("pull", "--ignore-pull-failures")
	f.has(output, "Image REG/none:1 Skipped not pulled: ", "Image REG/here:1 Pulled")
	f.fails([]string{"service web: pull image REG/none:1: "}, "up", "-d")
	if list := testengine.List(t, "/containers/json", "com.docker.compose.project="+f.name); len(list) > 0 {
		t.Errorf("an up without its images made %d containers", len(list))
	}
}

func TestPlatformsAreAskedFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.publishIndex("multi", "1", "amd64", "arm64")
	f.write("compose.yaml", "services:\n  web: {image: REG/multi:1, platform: linux/arm64}\n")
	f.must("pull")
	f.isFor("REG/multi:1", "arm64")
	f.env = append(f.env, "DOCKER_DEFAULT_PLATFORM=linux/amd64")
	f.write("compose.yaml", "services:\n  web: {image: REG/multi:1}\n")
	f.must("pull")
	f.isFor("REG/multi:1", "amd64")
	f.write("compose.yaml", "services:\n  web: {image: REG/multi:1, platform: linux/s390x}\n")
	f.fails([]string{"service web: pull image REG/multi:1: ", "no matching manifest for linux/s390x"}, "pull")
}

// An image for another platform is as good as none.
func TestAnImageForAnotherPlatformIsPulledOrBuiltAnew(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.publishIndex("multi", "1", "amd64", "arm64")
	f.write("compose.yaml", "services:\n  web: {image: REG/multi:1, command: x}\n")
	f.must("create")
	f.isFor("REG/multi:1", "amd64")
	f.write("compose.yaml", "services:\n  web: {image: REG/multi:1, command: x, platform: linux/arm64}\n")
	f.fails([]string{"services.web.image: image REG/multi:1 is here for linux/amd64 only, and may neither be pulled nor built for linux/arm64"},
		"create", "--pull", "never")
	f.must("create")
	f.isFor("REG/multi:1", "arm64")
	f.lacks(f.must("create"), "Pulling")

	f.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
	f.write("compose.yaml", "services:\n  web: {image: REG/own:1, build: ., command: x, pull_policy: build}\n  other: {build: ., command: x}\n")
	f.env = append(f.env, "DOCKER_DEFAULT_PLATFORM=linux/arm64")
	f.must("create")
	f.isFor("REG/own:1", "arm64")
	f.isFor(f.name+"-other", "arm64")
	f.env = append(f.env, "DOCKER_DEFAULT_PLATFORM=linux/amd64")
	f.must("create")
	f.isFor(f.name+"-other", "amd64")
	f.lacks(f.must("create", "other"), "Building")
}

// isFor checks the architecture of an image on the engine.
func (f *fixture) isFor(ref, architecture string) {
	f.t.Helper()
	var image struct{ Architecture string }
	testengine.Get(f.t, "/images/"+f.fill(ref)+"/json", &image)
	if image.Architecture != architecture {
		f.t.Errorf("%s is for %s, want %s", ref, image.Architecture, architecture)
	}
}

func TestPullFollowsDependenciesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.publish("dep", "1", "amd64", 1000)
	f.publish("app", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  dep: {image: REG/dep:1}\n  app: {image: REG/app:1, depends_on: [dep]}\n")
	f.must("pull", "app")
	if f.local("REG/dep:1") {
		t.Error("the dependency was pulled too")
	}
	f.must("pull", "--include-deps", "app")
	if !f.local("REG/dep:1") {
		t.Error("the dependency was not pulled")
	}
}

func TestPullLeavesOutWhatIsHereOrCanBeBuilt(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.publish("app", "1", "amd64", 1000)
	f.write("compose.yaml", `services:
  app: {image: REG/app:1}
  own: {image: REG/own:1, build: {context: ., dockerfile_inline: FROM BUSYBOX}}
  kept: {image: REG/kept:1, pull_policy: never}
  nameless: {build: {context: ., dockerfile_inline: FROM BUSYBOX}}
`)
	output := f.must("pull", "--ignore-buildable")
	f.has(output, "Service own Skipped Image can be built", "Service kept Skipped its pull_policy is never", "Image REG/app:1 Pulled")
	if n := g.count("/v2/own/"); n != 0 {
		t.Errorf("%d questions about an image that can be built", n)
	}
	output = f.must("pull")
	f.has(output, "Image REG/own:1 Skipped not pulled: ", "can be built: berth build own")
	g.first(0, "", none)
	output = f.must("pull", "--policy", "missing", "app")
	f.has(output, "Service app Skipped Image is already present locally")
	if n := g.count(""); n != 0 {
		t.Errorf("%d requests for an image that is here", n)
	}
	f.must("pull", "--policy", "always", "app")
	if g.count("/v2/app/manifests") == 0 {
		t.Error("policy always did not ask the registry")
	}
}

func TestCredentialsOfTheConfigurationOpenARegistry(t *testing.T) {
	t.Parallel()
	f := newFixtureAt(t, testengine.PrivateRegistry(t))
	f.publish("secret", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  web: {image: REG/secret:1}\n")
	output := f.fails([]string{"service web: pull image REG/secret:1: ", "no basic auth credentials", "docker login"}, "pull")
	f.lacks(output, "trying again")
	f.login(testengine.RegistryUser, "wrong")
	output = f.fails([]string{"service web: pull image REG/secret:1: ", "unauthorized"}, "pull")
	f.lacks(output, "trying again", "wrong")
	f.login(testengine.RegistryUser, testengine.RegistryPassword)
	f.must("pull")
}

func TestACredentialHelperIsAsked(t *testing.T) {
	t.Parallel()
	f := newFixtureAt(t, testengine.PrivateRegistry(t))
	f.publish("secret", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  web: {image: REG/secret:1}\n")
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nread host\necho '{\"ServerURL\":\"%s\",\"Username\":\"%s\",\"Secret\":\"%s\"}'\n",
		f.registry, testengine.RegistryUser, testengine.RegistryPassword)
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-berthtest"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	f.env = []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}
	f.configure(map[string]any{"credHelpers": map[string]string{f.registry: "berthtest"}})
	f.must("pull")
}

// login writes a user into config.json.
func (f *fixture) login(user, password string) {
	f.t.Helper()
	f.configure(map[string]any{"auths": map[string]any{f.registry: map[string]string{"username": user, "password": password}}})
}

func (f *fixture) configure(content any) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.config, "config.json"), encode(f.t, content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func TestAnInterruptedPullEndsAtOnce(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	f := newFixtureAt(t, g.address)
	f.publish("slow", "1", "amd64", 1000)
	f.write("compose.yaml", "services:\n  web: {image: REG/slow:1}\n")
	reached := make(chan struct{})
	once := sync.OnceFunc(func() { close(reached) })
	g.on(func(r *http.Request) fault {
		if strings.Contains(r.URL.Path, "/blobs/") {
			once()
			return stalled
		}
		return none
	})
	command := testengine.Command(t, f.dir, f.environ(), "-p", f.name, "pull")
	took := interrupt(t, command, reached)
	if code := command.ProcessState.ExitCode(); code != 130 || took > 5*time.Second {
		t.Errorf("exit code %d after %s, want 130 at once", code, took)
	}
}

// interrupt starts a command, sends SIGINT once it has got there, and gives the
// time it takes to end.
func interrupt(t *testing.T, command *exec.Cmd, there <-chan struct{}) time.Duration {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-there:
	case <-time.After(time.Minute):
		t.Error("it does not get there")
	}
	begin := time.Now()
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // its exit code is looked at by the caller
	return time.Since(begin)
}
