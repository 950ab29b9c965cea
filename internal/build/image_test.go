package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/crypto/ssh/agent"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

// busybox begins a Dockerfile.
const busybox = "FROM " + testengine.BusyboxImage + "\n"

// thisEngine are options that know the engine of the tests; without them Run
// takes it for a new one and uses the frontend in the engine.
func thisEngine(t testing.TB) Options {
	t.Helper()
	return Options{Engine: engine.Info{APIVersion: testengine.Require(t).APIVersion}}
}

// single is a target whose Dockerfile is given, with steps that need no network.
func single(t testing.TB, service, dockerfile string, files ...string) Target {
	t.Helper()
	contents := map[string]string{"Dockerfile": dockerfile}
	for i := 0; i < len(files); i += 2 {
		contents[files[i]] = files[i+1]
	}
	made := target(t, service, write(t, contents))
	made.Build.Network = "none"
	return made
}

// built builds one target and returns the display; a failure ends the test.
func built(t testing.TB, o Options, wanted ...Target) string {
	t.Helper()
	_, shown, err := run(t, o, wanted...)
	if err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	return shown
}

// expect fails the test unless the display has every text.
func expect(t testing.TB, shown string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			t.Errorf("%q is not in:\n%s", text, shown)
		}
	}
}

func TestBothFrontendsBuildTheSameDockerfile(t *testing.T) {
	dockerfile := "ARG TAG=latest\nFROM berth-test/busybox:$TAG AS first\nWORKDIR /w\nCOPY . .\nRUN cat name > /out\nFROM berth-test/busybox:$TAG\nCOPY --from=first /out /out\nENV A=b\nCMD [\"cat\", \"/out\"]\n"
	for name, o := range map[string]Options{"engine": {}, "own": thisEngine(t)} {
		t.Run(name, func(t *testing.T) {
			wanted := single(t, "front-"+name, dockerfile, "name", "value")
			built(t, o, wanted)
			config := inspect(t, wanted.Tags[0])["Config"].(map[string]any)
			if cmd := config["Cmd"].([]any); len(cmd) != 2 || cmd[1] != "/out" {
				t.Errorf("Cmd is %v", cmd)
			}
		})
	}
}

func TestModernDockerfilesBuildOnOldEngines(t *testing.T) {
	wanted := single(t, "modern", busybox+"RUN <<END\necho one\necho two\nEND\nCOPY <<END /text\nhere\nEND\nCOPY --link Dockerfile /linked\nRUN cat /text && test -f /linked\n")
	o := thisEngine(t)
	o.NoCache = true
	expect(t, built(t, o, wanted), "one", "two", "here")
}

func TestRunStepsSeeSecretsHostsAndNetwork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{"engine": {}, "own": thisEngine(t)} {
		t.Run(name, func(t *testing.T) {
			wanted := single(t, "steps-"+name, busybox+"RUN --mount=type=secret,id=a --mount=type=secret,id=b wc -c /run/secrets/a /run/secrets/b; cat /etc/hosts; ls /sys/class/net | tr '\\n' ,\n")
			wanted.Secrets = []Secret{{ID: "a", Value: "four"}, {ID: "b", File: file}}
			wanted.Build.ExtraHosts = types.HostsList{"elsewhere": {"192.0.2.7"}}
			o.NoCache = true
			expect(t, built(t, o, wanted), "4 /run/secrets/a", "11 /run/secrets/b", "192.0.2.7\telsewhere", " lo,")
			wanted.Build.Network = "host"
			expect(t, built(t, o, wanted), "docker0,") // the engine's own bridge
		})
	}
}

func TestRunStepsReachTheAgentAndNamedKeys(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(agent.NewKeyring(), conn)
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
	wanted := single(t, "ssh", busybox+"RUN --mount=type=ssh test -S \"$SSH_AUTH_SOCK\"\nRUN --mount=type=ssh,id=deploy test -S \"$SSH_AUTH_SOCK\"\n")
	wanted.Build.SSH = types.SSHConfig{{ID: "default"}}
	o := thisEngine(t)
	o.NoCache = true
	o.SSH = []string{"deploy=" + socket}
	built(t, o, wanted)
	t.Setenv("SSH_AUTH_SOCK", "")
	_, _, err = run(t, o, wanted)
	if err == nil || !strings.HasPrefix(err.Error(), "services.ssh.build.ssh: default: no agent is running") {
		t.Errorf("without an agent: %v", err)
	}
}

func TestServicesWithSecretsOfOneNameGetTheirOwn(t *testing.T) {
	dockerfile := busybox + "ARG WHO\nRUN --mount=type=secret,id=key test \"$(cat /run/secrets/key)\" = \"$WHO\"\n"
	var targets []Target
	for _, who := range []string{"one", "two"} {
		wanted := single(t, "secret-"+who, dockerfile)
		wanted.Build.Args = types.MappingWithEquals{"WHO": &who}
		wanted.Secrets = []Secret{{ID: "key", Value: who}}
		targets = append(targets, wanted)
	}
	built(t, Options{NoCache: true}, targets...)
}

func TestInlineDockerfileUsesTheContext(t *testing.T) {
	wanted := target(t, "inline", write(t, map[string]string{"data": "abc", "Dockerfile": "not this one"}))
	wanted.Build.Network = "none"
	wanted.Build.DockerfileInline = busybox + "COPY data /\nRUN grep -q abc /data\n"
	built(t, Options{}, wanted)
	built(t, thisEngine(t), wanted)
}

func TestDockerfileMayLieOutsideTheContext(t *testing.T) {
	wanted := target(t, "outside", write(t, map[string]string{"data": "abc", "skip": "x"}))
	wanted.Build.Network = "none"
	outside := write(t, map[string]string{
		"my.dockerfile":              busybox + "COPY . /all\nRUN test -f /all/data && test ! -e /all/skip\n",
		"my.dockerfile.dockerignore": "skip\n",
	})
	wanted.Build.Dockerfile = filepath.Join(outside, "my.dockerfile")
	built(t, Options{}, wanted)
	built(t, thisEngine(t), wanted)
}

func TestAdditionalContextsAreFoldersImagesAndServices(t *testing.T) {
	base := single(t, "base", busybox+"RUN echo from base > /base\n")
	user := single(t, "user", "FROM base\nCOPY --from=folder extra /\nRUN --mount=from=picture,target=/m test -f /m/bin/busybox && cat /base /extra\n")
	user.Build.AdditionalContexts = types.Mapping{
		"base": "service:base", "folder": write(t, map[string]string{"extra": "from folder"}),
		"picture": "docker-image://" + testengine.BusyboxImage,
	}
	user.DependsOn = []string{"base"}
	o := thisEngine(t)
	o.NoCache = true
	expect(t, built(t, o, user, base), "from base", "from folder")
}

func TestAServiceMayBuildFromTheImageOfAnother(t *testing.T) {
	base := single(t, "zbase", busybox+"RUN sleep 0.3; date +%s%N > /stamp\n")
	user := single(t, "auser", "FROM "+base.Tags[0]+"\nRUN cat /stamp\n")
	built(t, Options{NoCache: true}, user, base)
}

func TestNoCacheFilterBuildsOnlyTheNamedStageAgain(t *testing.T) {
	wanted := single(t, "filter", busybox+"RUN echo > /a\nFROM berth-test/busybox AS two\nRUN echo > /b\nCOPY --from=0 /a /a\n")
	built(t, Options{}, wanted)
	wanted.Build.NoCacheFilter = types.StringList{"two"}
	shown := built(t, Options{}, wanted)
	expect(t, shown, "CACHED")
	if strings.Contains(shown, "] RUN echo > /b\n#6 CACHED") {
		t.Errorf("stage two came from the cache:\n%s", shown)
	}
}

func TestPlatformIsThatOfTheService(t *testing.T) {
	wanted := single(t, "arm", "FROM scratch\nCOPY Dockerfile /\n")
	wanted.Platforms = []string{"linux/arm64"}
	built(t, thisEngine(t), wanted)
	if arch := inspect(t, wanted.Tags[0])["Architecture"]; arch != "arm64" {
		t.Errorf("architecture is %v", arch)
	}
	wanted.Platforms = []string{"linux/arm64", "linux/amd64"}
	_, _, err := run(t, Options{Engine: engine.Info{APIVersion: "1.41"}}, wanted)
	if err == nil || !strings.Contains(err.Error(), "services.arm.build.platforms: ") {
		t.Errorf("two platforms: %v", err)
	}
}

func TestInlineCacheIsWrittenAndRead(t *testing.T) {
	wanted := single(t, "cache", busybox+"RUN echo > /a\n")
	wanted.Build.CacheTo = types.StringList{"type=inline"}
	wanted.Build.CacheFrom = types.StringList{wanted.Tags[0]}
	built(t, Options{}, wanted)
	expect(t, built(t, thisEngine(t), wanted), "importing cache manifest from "+wanted.Tags[0])
}

func TestContextMayBeAnArchiveAtAURLOrOnStandardInput(t *testing.T) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	dockerfile := busybox + "COPY Dockerfile /copy\n"
	err := errors.Join(
		writer.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}),
		second(writer.Write([]byte(dockerfile))), writer.Close())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(archive.Bytes())
	}))
	defer server.Close()
	for name, o := range map[string]Options{"engine": {}, "own": thisEngine(t)} {
		built(t, o, target(t, "url-"+name, server.URL+"/context.tar"))
		o.Stdin = bytes.NewReader(archive.Bytes())
		built(t, o, target(t, "stdin-"+name, "-"))
		o.Stdin = strings.NewReader(busybox + "LABEL piped=yes\n")
		wanted := target(t, "piped-"+name, "-")
		built(t, o, wanted)
	}
}

func TestContextMayBeAGitRepository(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	dir := write(t, map[string]string{"sub/Dockerfile": busybox + "COPY data /\n", "sub/data": "x"})
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", "."}, {"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "x"}, {"update-server-info"},
	} {
		command := exec.Command(git, args...)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	server := httptest.NewServer(http.StripPrefix("/repo.git", http.FileServer(http.Dir(filepath.Join(dir, ".git")))))
	defer server.Close()
	built(t, thisEngine(t), target(t, "git", server.URL+"/repo.git#main:sub"))
	inline := target(t, "git-inline", server.URL+"/repo.git#main")
	inline.Build.DockerfileInline = busybox + "COPY sub/data /\n"
	built(t, Options{}, inline)
	built(t, thisEngine(t), inline)
}

func TestFailureNamesTheLineAndShowsIt(t *testing.T) {
	for name, c := range map[string]struct{ dockerfile, where, text string }{
		"step":    {busybox + "RUN true\nRUN echo shown && false\n", "Dockerfile:3", "RUN echo shown && false"},
		"parse":   {busybox + "BOGUS x\n", "Dockerfile:2", "BOGUS x"},
		"missing": {busybox + "\n\nCOPY nothere /\n", "Dockerfile:4", "COPY nothere /"},
	} {
		t.Run(name, func(t *testing.T) {
			wanted := single(t, "broken-"+name, c.dockerfile)
			o := thisEngine(t)
			o.Display.Mode = "quiet"
			_, shown, err := run(t, o, wanted)
			var failure *Error
			if !errors.As(err, &failure) {
				t.Fatalf("error is %v", err)
			}
			if failure.Where != c.where {
				t.Errorf("where is %q, want %q", failure.Where, c.where)
			}
			if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "build broken-"+name+": "+c.where+": ") {
				t.Errorf("error is %q", err)
			}
			expect(t, shown, ">>> "+c.text)
			if name == "step" {
				expect(t, shown, "shown\n")
			}
		})
	}
}

func TestCancelStopsTheBuildInTheEngine(t *testing.T) {
	testengine.Busybox(t)
	wanted := single(t, "cancel", busybox+"RUN echo begun && sleep 4242\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := thisEngine(t)
	o.NoCache = true
	o.Display.Mode = "json"
	o.Sink = event.SinkFunc(func(e event.Event) {
		if e.Text == "begun" {
			cancel()
		}
	})
	start := time.Now()
	_, err := Run(ctx, newHijacker(t), []Target{wanted}, o)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	deadline := time.Now().Add(5 * time.Second)
	for running(t, "sleep 4242") {
		if time.Now().After(deadline) {
			t.Fatal("the step still runs")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// running tells whether a process of this machine has the command line.
func running(t testing.TB, command string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " ")) == command {
			return true
		}
	}
	return false
}

func TestCheckFindsWhatIsWrongWithADockerfile(t *testing.T) {
	testengine.Busybox(t)
	wanted := single(t, "check", "FROM berth-test/busybox as stage\nMAINTAINER me\n")
	found, err := Check(t.Context(), newHijacker(t), []Target{wanted}, thisEngine(t))
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, finding := range found {
		rules = append(rules, finding.Rule+"@"+finding.Where)
	}
	if got := strings.Join(rules, " "); got != "FromAsCasing@Dockerfile:1 MaintainerDeprecated@Dockerfile:2" {
		t.Errorf("found %s", got)
	}
}

func TestCheckNeedsNoImageThatIsYetToBeBuilt(t *testing.T) {
	base := single(t, "check-base", "FROM scratch\nCOPY . /\n")
	named := single(t, "check-named", "FROM base\nCOPY --from=base / /\n")
	named.Build.AdditionalContexts = types.Mapping{"base": "service:check-base"}
	named.DependsOn = []string{"check-base"}
	implied := single(t, "check-implied", "FROM "+base.Tags[0]+"\n")
	found, err := Check(t.Context(), newHijacker(t), []Target{base, named, implied}, thisEngine(t))
	if err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
	if named.Build.AdditionalContexts["base"] != "service:check-base" {
		t.Error("the target was changed")
	}
}

func TestEachImageHasItsOwnExportInTheDisplay(t *testing.T) {
	shown := built(t, thisEngine(t), single(t, "export-one", "FROM scratch\nCOPY . /\n"), single(t, "export-two", "FROM scratch\nCOPY . /x\n"))
	expect(t, shown, "[export-one] exporting to image", "[export-two] exporting to image")
}
