package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/labels"
)

// realEngine is an adapter to the engine of the tests.
func realEngine(t *testing.T) *Engine {
	t.Helper()
	host := testengine.Require(t).Host
	e, err := New(Options{Host: host, ConfigDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// plainSpec is a container of a project of the test's own that runs a command.
func plainSpec(t *testing.T, command ...string) engine.ContainerSpec {
	t.Helper()
	image := testengine.Busybox(t)
	project := testengine.Project(t)
	spec := engine.ContainerSpec{
		Project: project, Name: project + "-web-1", Image: image, NetworkMode: "none",
		Labels: map[string]string{labels.Project: project, labels.Service: "web", labels.Number: "1"},
	}
	spec.Service.Name = "web"
	spec.Service.Command = types.ShellCommand(command)
	return spec
}

// create creates the container or fails the test.
func create(t *testing.T, e *Engine, spec engine.ContainerSpec) string {
	t.Helper()
	created, err := e.CreateContainer(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return created.ID
}

func TestAContainerLivesThroughItsWholeLifeOnARealEngine(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	spec := plainSpec(t, "sh", "-c", "echo out; echo err >&2; exit 3")
	stream, err := e.Events(ctx, engine.EventFilter{Project: spec.Project})
	if err != nil {
		t.Fatal(err)
	}
	id := create(t, e, spec)
	if err := e.StartContainer(ctx, id); err != nil {
		t.Fatal(err)
	}
	if code, err := e.WaitContainer(ctx, id); err != nil || code != 3 {
		t.Fatalf("code %d, error %v; want 3", code, err)
	}
	var out, errOut bytes.Buffer
	if err := e.Logs(ctx, id, engine.LogOptions{}, &out, &errOut); err != nil {
		t.Fatal(err)
	}
	if out.String() != "out\n" || errOut.String() != "err\n" {
		t.Fatalf("stdout %q, stderr %q", out.String(), errOut.String())
	}
	list, err := e.Containers(ctx, engine.ContainerFilter{Project: spec.Project})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if c := list[0]; c.ExitCode != 3 || c.State != engine.Exited || c.Name != spec.Name || c.ID != id {
		t.Fatalf("listed as %+v", c)
	}
	if err := e.RemoveContainer(ctx, id, engine.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for event := range stream.C {
		actions = append(actions, event.Action)
		if code, ok := event.ExitCode(); event.Action == "die" && (!ok || code != 3) {
			t.Errorf("die carries %d, %t", code, ok)
		}
		if event.Action == "destroy" {
			break
		}
	}
	if got := strings.Join(actions, " "); got != "create start die destroy" {
		t.Errorf("events: %s", got)
	}
}

func TestCopiedFilesKeepOwnerAndModeAndExistingDirectoriesStay(t *testing.T) {
	e := realEngine(t)
	spec := plainSpec(t, "sh", "-c", "stat -c '%a %u %g %n' /etc /run /run/secrets /run/secrets/a /etc/deep /etc/deep/er /etc/deep/er/b; cat /run/secrets/a")
	spec.Files = []engine.File{
		{Target: "/run/secrets/a", Content: []byte("secret\n"), UID: 7, GID: 8, Mode: 0o440},
		{Target: "/etc/deep/er/b", Content: []byte("b"), Mode: 0o444},
	}
	id := create(t, e, spec)
	if err := e.CopyFiles(t.Context(), id, spec.Files); err != nil {
		t.Fatal(err)
	}
	out := runToEnd(t, e, id)
	want := "755 0 0 /etc\n755 0 0 /run\n755 0 0 /run/secrets\n440 7 8 /run/secrets/a\n755 0 0 /etc/deep\n755 0 0 /etc/deep/er\n444 0 0 /etc/deep/er/b\nsecret\n"
	if out != want {
		t.Errorf("got:\n%swant:\n%s", out, want)
	}
}

// runToEnd starts a container and returns what it wrote.
func runToEnd(t *testing.T, e *Engine, id string) string {
	t.Helper()
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := e.WaitContainer(ctx, id); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := e.Logs(t.Context(), id, engine.LogOptions{}, &out, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFilesReachAReadOnlyContainerThroughAnAnonymousVolume(t *testing.T) {
	e := realEngine(t)
	spec := plainSpec(t, "sh", "-c", "cat /run/secrets/a /etc/app/b; touch /x 2>/dev/null || echo read-only")
	spec.Service.ReadOnly = true
	spec.Files = []engine.File{
		{Target: "/run/secrets/a", Content: []byte("one\n"), Mode: 0o444},
		{Target: "/etc/app/b", Content: []byte("two\n"), Mode: 0o444},
	}
	id := create(t, e, spec)
	if err := e.CopyFiles(t.Context(), id, spec.Files); err != nil {
		t.Fatal(err)
	}
	if out := runToEnd(t, e, id); out != "one\ntwo\nread-only\n" {
		t.Errorf("got %q", out)
	}
}

func TestFilesUnderATmpfsAreSeenByTheProcess(t *testing.T) {
	e := realEngine(t)
	spec := plainSpec(t, "sh", "-c", "cat /run/secrets/a")
	spec.Service.Tmpfs = []string{"/run:size=1m"}
	spec.Files = []engine.File{{Target: "/run/secrets/a", Content: []byte("one\n"), Mode: 0o444}}
	id := create(t, e, spec)
	if err := e.CopyFiles(t.Context(), id, spec.Files); err != nil {
		t.Fatal(err)
	}
	if out := runToEnd(t, e, id); out != "one\n" {
		t.Errorf("got %q", out)
	}
}

func TestAMissingContainerIsNotFoundOnEachWayToIt(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	const name = "berth-test-no-such-container"
	_, inspect := e.InspectContainer(ctx, name)
	_, wait := e.WaitContainer(ctx, name)
	_, exec := e.Exec(ctx, name, engine.ExecSpec{Cmd: []string{"true"}}, engine.Streams{})
	for what, err := range map[string]error{
		"inspect": inspect, "wait": wait, "exec": exec,
		"start":  e.StartContainer(ctx, name),
		"attach": e.Attach(ctx, name, engine.AttachOptions{}, engine.Streams{}),
		"logs":   e.Logs(ctx, name, engine.LogOptions{}, nil, nil),
		"remove": e.RemoveContainer(ctx, name, engine.RemoveOptions{}),
	} {
		if !errors.Is(err, engine.ErrNotFound) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	first := plainSpec(t, "sleep", "60")
	first.NetworkMode = "bridge"
	first.Service.Ports = []types.ServicePortConfig{{Target: 80, Published: "18713", HostIP: "127.0.0.1"}}
	if err := e.StartContainer(ctx, create(t, e, first)); err != nil {
		t.Fatal(err)
	}
	second := first
	second.Name += "b"
	err := e.StartContainer(ctx, create(t, e, second))
	if !errors.Is(err, engine.ErrPortTaken) || TakenPort(err) != "127.0.0.1:18713" {
		t.Errorf("error %v, port %q", err, TakenPort(err))
	}
}

func TestNetworksAndVolumesAreMadeFoundAndRemoved(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	project := testengine.Project(t)
	own := map[string]string{labels.Project: project}
	id, err := e.CreateNetwork(ctx, engine.NetworkSpec{Name: project + "_default", Labels: own})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.CreateNetwork(ctx, engine.NetworkSpec{Name: project + "_default", Labels: own}); !errors.Is(err, engine.ErrConflict) {
		t.Errorf("a second network of the name: %v", err)
	}
	if _, err := e.CreateVolume(ctx, engine.VolumeSpec{Name: project + "_data", Labels: own}); err != nil {
		t.Fatal(err)
	}
	networks, err := e.Networks(ctx, project, "bridge")
	if err != nil || len(networks) != 2 {
		t.Errorf("networks %v, %v", networks, err)
	}
	volumes, err := e.Volumes(ctx, "", project+"_data")
	if err != nil || len(volumes) != 1 || volumes[0].Driver != "local" {
		t.Errorf("volumes %v, %v", volumes, err)
	}
	spec := plainSpec(t, "sleep", "60")
	spec.NetworkMode, spec.Networks = "", []engine.Endpoint{{Network: project + "_default"}}
	container := create(t, e, spec)
	if err := e.StartContainer(ctx, container); err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveNetwork(ctx, id); !errors.Is(err, engine.ErrInUse) {
		t.Errorf("removing a used network: %v", err)
	}
	if err := e.RemoveContainer(ctx, container, engine.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.RemoveNetwork(ctx, id), e.RemoveVolume(ctx, project+"_data", false)); err != nil {
		t.Error(err)
	}
}

func TestImagesAreFoundByNameByIDAndByDigest(t *testing.T) {
	e := realEngine(t)
	ref := testengine.Busybox(t)
	one, err := e.InspectImage(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{ref, "docker.io/" + ref, strings.TrimSuffix(ref, ":latest"), one.ID, "berth-test/none:1", "sha256:" + strings.Repeat("0", 64)}
	found, err := e.Images(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names[:4] {
		if found[name].ID != one.ID {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
	if len(found) != 4 {
		t.Errorf("found %d of 4", len(found))
	}
}

func TestExecGivesBothStreamsAndTheExitCode(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	id := create(t, e, plainSpec(t, "sleep", "60"))
	if err := e.StartContainer(ctx, id); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code, err := e.Exec(ctx, id, engine.ExecSpec{Cmd: []string{"sh", "-c", "cat; echo err >&2; exit 7"}},
		engine.Streams{In: strings.NewReader("typed"), Out: &out, Err: &errOut})
	if err != nil || code != 7 || out.String() != "typed" || errOut.String() != "err\n" {
		t.Errorf("code %d, error %v, stdout %q, stderr %q", code, err, out.String(), errOut.String())
	}
	list, err := e.Top(ctx, id, nil)
	if err != nil || len(list.Processes) != 1 {
		t.Errorf("top %+v, %v", list, err)
	}
}

func TestExecRunsAsItIsAsked(t *testing.T) {
	e := realEngine(t)
	_, id := started(t, e, nil)
	var out strings.Builder
	code, err := e.Exec(t.Context(), id, engine.ExecSpec{
		Cmd: []string{"sh", "-c", `echo "$(id -u):$(id -g) $(pwd) $WHO"`}, User: "7:8", WorkingDir: "/tmp", Env: []string{"WHO=me"},
	}, engine.Streams{Out: &out})
	if err != nil || code != 0 || out.String() != "7:8 /tmp me\n" {
		t.Error(out.String(), code, err)
	}
}

func TestBuildKitAnswersOnADialledConnection(t *testing.T) {
	e := realEngine(t)
	conn, err := e.Dial(t.Context(), "/grpc", "h2c", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, 9)
	if _, err := conn.Read(frame); err != nil || frame[3] != 4 {
		t.Errorf("no HTTP/2 settings frame: % x, %v", frame, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

// readFrom is the content of a file in a container.
func readFrom(t *testing.T, e *Engine, id, file string) string {
	t.Helper()
	stream, _, err := e.CopyFrom(t.Context(), id, file)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(stream)
	if _, err := archive.Next(); err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(archive)
	if err := errors.Join(err, stream.Close()); err != nil {
		t.Fatal(err)
	}
	return string(content)
}
