package docker

import (
	"archive/tar"
	"bytes"
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

// started creates and starts a container that sleeps.
func started(t *testing.T, e *Engine, edit func(*engine.ContainerSpec)) (engine.ContainerSpec, string) {
	t.Helper()
	spec := plainSpec(t, "sleep", "60")
	if edit != nil {
		edit(&spec)
	}
	id := create(t, e, spec)
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return spec, id
}

// execOutput is what a command prints in a container.
func execOutput(t *testing.T, e *Engine, id string, command ...string) string {
	t.Helper()
	var out strings.Builder
	if _, err := e.Exec(t.Context(), id, engine.ExecSpec{Cmd: command}, engine.Streams{Out: &out, Err: &out}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestNamespacesAndVolumesOfAnotherContainerAreShared(t *testing.T) {
	e := realEngine(t)
	first, firstID := started(t, e, func(s *engine.ContainerSpec) {
		s.IPCMode = "shareable"
		s.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Target: "/shared"}}
	})
	execOutput(t, e, firstID, "sh", "-c", "echo here >/shared/file")
	second, id := started(t, e, func(s *engine.ContainerSpec) {
		s.NetworkMode, s.IPCMode, s.PIDMode = "container:"+first.Name, "container:"+first.Name, "container:"+first.Name
		s.VolumesFrom = []string{first.Name + ":ro"}
	})
	if got := execOutput(t, e, id, "cat", "/shared/file"); got != "here\n" {
		t.Error(got)
	}
	host := testengine.Inspect(t, id)["HostConfig"].(map[string]any)
	for key, prefix := range map[string]string{"NetworkMode": "container:", "PidMode": "container:", "IpcMode": "container:"} {
		if mode := host[key].(string); mode != prefix+firstID && mode != prefix+first.Name {
			t.Errorf("%s is %s", key, mode)
		}
	}
	sameAfterwards(t, e, second, id)
}

func TestLinksReachTheOtherContainerByTheirAlias(t *testing.T) {
	e := realEngine(t)
	project := testengine.Project(t)
	network := project + "_default"
	if _, err := e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: network, Labels: map[string]string{labels.Project: project}}); err != nil {
		t.Fatal(err)
	}
	join := func(s *engine.ContainerSpec) {
		s.NetworkMode, s.Networks = "", []engine.Endpoint{{Network: network, Aliases: []string{s.Name, "web"}}}
	}
	target, _ := started(t, e, join)
	spec, id := started(t, e, func(s *engine.ContainerSpec) {
		join(s)
		s.Links = []string{target.Name + ":database"}
		s.Networks[0].Links = s.Links
	})
	if got := execOutput(t, e, id, "nslookup", "database"); !strings.Contains(got, "Address") {
		t.Error(got)
	}
	networks := testengine.Inspect(t, id)["NetworkSettings"].(map[string]any)["Networks"].(map[string]any)
	if links := networks[network].(map[string]any)["Links"].([]any); links[0] != target.Name+":database" {
		t.Error(links)
	}
	sameAfterwards(t, e, spec, id)
}

func TestALinkOnTheEnginesBridgeIsAHostEntry(t *testing.T) {
	e := realEngine(t)
	target, _ := started(t, e, func(s *engine.ContainerSpec) { s.NetworkMode = "bridge" })
	spec, id := started(t, e, func(s *engine.ContainerSpec) {
		s.NetworkMode, s.Links = "bridge", []string{target.Name + ":database"}
	})
	if got := execOutput(t, e, id, "cat", "/etc/hosts"); !strings.Contains(got, "database") {
		t.Error(got)
	}
	sameAfterwards(t, e, spec, id)
}

func TestAnAnonymousVolumeTakenOverIsNoDifference(t *testing.T) {
	e := realEngine(t)
	spec, id := started(t, e, func(s *engine.ContainerSpec) {
		s.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Target: "/data"}}
	})
	detail, err := e.InspectContainer(t.Context(), id)
	if err != nil || len(detail.Mounts) != 1 {
		t.Fatal(detail.Mounts, err)
	}
	next := spec
	next.Name += "b"
	next.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Source: detail.Mounts[0].Name, Target: "/data"}}
	id = create(t, e, next)
	sameAfterwards(t, e, spec, id)
}

func TestPauseKillRenameResizeAndStatsWorkOnARealEngine(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	spec, id := started(t, e, nil)
	for name, step := range map[string]func() error{
		"rename":  func() error { return e.RenameContainer(ctx, id, spec.Name+"x") },
		"restart": func() error { return e.RestartContainer(ctx, id, engine.StopOptions{Timeout: new(time.Duration)}) },
	} {
		if err := step(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.PauseContainer(ctx, id); err != nil {
		t.Fatal(err)
	}
	list, err := e.Containers(ctx, engine.ContainerFilter{Names: []string{spec.Name + "x"}})
	if err != nil || len(list) != 1 || list[0].State != engine.Paused || !list[0].IsRunning() {
		t.Error(list, err)
	}
	if err := e.UnpauseContainer(ctx, id); err != nil {
		t.Fatal(err)
	}
	samples := 0
	if err := e.Stats(ctx, id, false, func(s engine.Stats) error { samples++; return nil }); err != nil || samples != 1 {
		t.Error(samples, err)
	}
	if err := e.KillContainer(ctx, id, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	if code, err := e.WaitContainer(ctx, id); err != nil || code != 137 {
		t.Error(code, err)
	}
}

func TestATerminalIsAttachedResizedAndDetached(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	spec := plainSpec(t, "sh", "-c", "read line; stty size; echo got $line")
	spec.TTY, spec.Interactive = true, true
	id := create(t, e, spec)
	in, typed := io.Pipe()
	var out strings.Builder
	done := make(chan error, 1)
	attached := make(chan struct{})
	sizes := make(chan engine.Size, 1)
	sizes <- engine.Size{Rows: 31, Columns: 77}
	go func() {
		done <- e.Attach(ctx, id, engine.AttachOptions{Stdin: true, Ready: func() { close(attached) }}, engine.Streams{In: in, Out: &out, TTY: true, Resize: sizes})
	}()
	<-attached
	if err := e.StartContainer(ctx, id); err != nil {
		t.Fatal(err)
	}
	waitSize(t, e, id, "31 77")
	if _, err := typed.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "31 77\r\n") || !strings.Contains(got, "got hello\r\n") {
		t.Errorf("%q", got)
	}
}

// waitSize waits until the container's terminal has a size.
func waitSize(t *testing.T, e *Engine, id, want string) {
	t.Helper()
	for range 100 {
		if strings.TrimSpace(execOutput(t, e, id, "sh", "-c", "stty size </dev/console")) == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the terminal never became %s", want)
}

func TestCommitExportAndCopyTravelAsArchives(t *testing.T) {
	e := realEngine(t)
	ctx := t.Context()
	_, id := started(t, e, nil)
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	if err := errors.Join(writer.WriteHeader(&tar.Header{Name: "note", Size: 2, Mode: 0o640}), writeAll(writer, "hi"), writer.Close()); err != nil {
		t.Fatal(err)
	}
	if err := e.CopyTo(ctx, id, "/tmp", &archive, false); err != nil {
		t.Fatal(err)
	}
	stat, err := e.StatPath(ctx, id, "/tmp/note")
	if err != nil || stat.Size != 2 || stat.Mode.Perm() != 0o640 {
		t.Error(stat, err)
	}
	if got := readFrom(t, e, id, "/tmp/note"); got != "hi" {
		t.Error(got)
	}
	if _, err := e.StatPath(ctx, id, "/none"); !errors.Is(err, engine.ErrNotFound) {
		t.Error(err)
	}
	export, err := e.Export(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, export); n < 1000 || errors.Join(err, export.Close()) != nil {
		t.Error(n, err)
	}
	image, err := e.Commit(ctx, id, engine.CommitOptions{Changes: []string{"ENV A=1"}, Comment: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveImage(ctx, image, true); err != nil {
		t.Error(err)
	}
}

func writeAll(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

func TestAnImageIsBuiltByTheClassicBuilder(t *testing.T) {
	e := realEngine(t)
	ref := testengine.Busybox(t)
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	file := "FROM " + ref + "\nARG WHO\nENV WHO=$WHO\n"
	if err := errors.Join(writer.WriteHeader(&tar.Header{Name: "Dockerfile", Size: int64(len(file)), Mode: 0o644}), writeAll(writer, file), writer.Close()); err != nil {
		t.Fatal(err)
	}
	who := "me"
	var out strings.Builder
	id, err := e.ClassicBuild(t.Context(), &archive, types.BuildConfig{Dockerfile: "Dockerfile", Args: types.MappingWithEquals{"WHO": &who}}, 0, &out)
	if err != nil || !strings.Contains(out.String(), "Step 2/3") {
		t.Fatal(id, out.String(), err)
	}
	if err := e.RemoveImage(t.Context(), id, true); err != nil {
		t.Error(err)
	}
}
