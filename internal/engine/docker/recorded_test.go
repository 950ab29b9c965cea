package docker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
)

// recordedDir holds Compose files and, as <name>-<engine version>.json, what
// an engine showed of the containers made of them. Those of newer engines were
// made of the recorded ones by hand, after the API's history of changes.
// record_test.go makes them anew.
const recordedDir = "testdata/recorded"

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
func recordedSpec(t *testing.T, name string) (*desired.State, engine.ContainerSpec) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(recordedDir, name+".yaml")}, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, err := desired.Build(project, desired.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return state, specOf(t, state, "web")
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
