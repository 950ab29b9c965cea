//go:build record

package docker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/labels"
)

// TestRecord writes the recordings of testdata/recorded anew, from the engine
// of the tests: go test -tags record -run TestRecord ./internal/engine/docker
func TestRecord(t *testing.T) {
	e := realEngine(t)
	testengine.Images(t)
	version := "20.10"
	for _, name := range []string{"full", "plain", "host"} {
		state, spec := recordedSpec(t, name)
		if err := (support{state: state, spec: spec}).createResources(t.Context(), e); err != nil {
			t.Fatal(err)
		}
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
		for _, network := range state.Networks {
			_ = e.RemoveNetwork(t.Context(), network.Spec.Name)
		}
		for _, volume := range state.Volumes {
			_ = e.RemoveVolume(t.Context(), volume.Spec.Name, true)
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
