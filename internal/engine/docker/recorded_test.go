package docker

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/labels"
)

// recordedDir holds Compose files and, as <name>-<engine version>.json, what
// an engine showed of the containers made of them. Those of newer engines were
// made of the recorded ones by hand, after the API's history of changes.
const recordedDir = "testdata/recorded"

// record makes the recordings anew, on the engine of the tests:
// go test -run TestRecord ./internal/engine/docker -record
var record = flag.Bool("record", false, "write testdata/recorded anew from the engine")

// recording is what an engine showed.
type recording struct {
	API       string
	Container container.InspectResponse
	Image     recordedImage
	Facts     recordedFacts
}

// recordedImage and recordedFacts are imageDefaults and engineFacts in JSON.
type recordedImage struct {
	Names, Command, Entrypoint, Environment, Volumes, Exposed []string
	User, WorkingDir, StopSignal                              string
	Labels                                                    map[string]string
	Health                                                    *container.HealthConfig
}

type recordedFacts struct{ LogDriver, Runtime, CgroupVersion string }

// recordedSpec is the specification of a recorded Compose file.
func recordedSpec(t *testing.T, name string) (*types.Project, engine.ContainerSpec) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(recordedDir, name+".yaml")}, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project, specOf(t, project, "web")
}

// loadRecording reads what an engine showed.
func loadRecording(t *testing.T, file string) (observed, string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return observed{
		container: r.Container,
		image: imageDefaults{
			names: r.Image.Names, user: r.Image.User, workingDir: r.Image.WorkingDir, stopSignal: r.Image.StopSignal,
			command: r.Image.Command, entrypoint: r.Image.Entrypoint, environment: r.Image.Environment, volumes: r.Image.Volumes,
			labels: r.Image.Labels, exposed: r.Image.Exposed, health: r.Image.Health,
		},
		facts: engineFacts{logDriver: r.Facts.LogDriver, runtime: r.Facts.Runtime, cgroupVersion: r.Facts.CgroupVersion},
	}, r.API
}

// compareRecorded compares a specification with a recording.
func compareRecorded(t *testing.T, spec engine.ContainerSpec, file string) []engine.Change {
	t.Helper()
	got, api := loadRecording(t, file)
	want, err := newCreateRequest(spec, surroundings{api: api, readFile: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	return compareContainer(spec, want, got)
}

func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	e := realEngine(t)
	testengine.Images(t)
	version := "20.10"
	for _, name := range []string{"full", "plain", "host"} {
		project, spec := recordedSpec(t, name)
		loaded := support{project: project, spec: spec}
		loaded.createResources(t, e)
		id := create(t, e, spec)
		if name != "host" {
			if err := e.StartContainer(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		writeRecording(t, e, id, filepath.Join(recordedDir, name+"-"+version+".json"))
		if err := e.RemoveContainer(t.Context(), id, engine.RemoveOptions{Force: true, Volumes: true}); err != nil {
			t.Fatal(err)
		}
		for _, network := range project.Networks {
			_ = e.RemoveNetwork(t.Context(), network.Name)
		}
		for _, volume := range project.Volumes {
			_ = e.RemoveVolume(t.Context(), volume.Name, true)
		}
	}
}

func writeRecording(t *testing.T, e *Engine, id, file string) {
	t.Helper()
	detail, err := e.InspectContainer(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	image, err := e.imageDefaults(t.Context(), detail.ImageID)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := e.engineFacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw := string(detail.Raw)
	var shown map[string]any
	if err := json.Unmarshal([]byte(raw), &shown); err != nil {
		t.Fatal(err)
	}
	delete(shown, "GraphDriver")
	shown["Config"].(map[string]any)["Labels"].(map[string]any)[labels.WorkingDir] = "/srv/project"
	content, err := json.MarshalIndent(map[string]any{
		"API": e.cli.ClientVersion(), "Container": shown,
		"Image": recordedImage{
			Names: image.names, User: image.user, WorkingDir: image.workingDir, StopSignal: image.stopSignal,
			Command: image.command, Entrypoint: image.entrypoint, Environment: image.environment, Volumes: image.volumes,
			Labels: image.labels, Exposed: image.exposed, Health: image.health,
		},
		"Facts": recordedFacts{facts.logDriver, facts.runtime, facts.cgroupVersion},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(content, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestNothingDiffersInWhatAnEngineShowsOfTheSameFile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(recordedDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), "-")
		_, spec := recordedSpec(t, name)
		for _, change := range compareRecorded(t, spec, file) {
			t.Errorf("%s: %+v", filepath.Base(file), change)
		}
	}
}
