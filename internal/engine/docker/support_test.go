package docker

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/labels"
)

// supportDir holds one Compose file for each group of keys. Its service "web"
// is created on the engine; x-container is what the engine must then show,
// x-environment, x-aliases, x-networks, x-volumes and x-files the same for
// what needs another look, and x-create-only the reason why it cannot start.
const supportDir = "testdata/support"

// TestTheEngineShowsWhatTheFileAsks creates what each file asks for, compares
// the engine's own description with what the file expects, and lets the
// take-over comparison find no difference, before the start and after it.
func TestTheEngineShowsWhatTheFileAsks(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(supportDir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			showSupport(t, filepath.Base(file))
		})
	}
}

// support is one file of supportDir, loaded for a project of its own.
type support struct {
	project *types.Project
	spec    engine.ContainerSpec
}

func showSupport(t *testing.T, name string) {
	e := realEngine(t)
	loaded := loadSupport(t, name)
	loaded.createResources(t, e)
	spec := loaded.spec
	id := create(t, e, spec)
	loaded.check(t, e, id)
	sameAfterwards(t, e, spec, id)
	if loaded.project.Extensions["x-create-only"] != nil {
		return
	}
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	sameAfterwards(t, e, spec, id)
	if err := e.StopContainer(t.Context(), id, engine.StopOptions{Timeout: new(time.Duration)}); err != nil {
		t.Fatal(err)
	}
	sameAfterwards(t, e, spec, id)
}

// sameAfterwards wants the comparison to find nothing.
func sameAfterwards(t *testing.T, e *Engine, spec engine.ContainerSpec, id string) {
	t.Helper()
	changes, err := e.Compare(t.Context(), spec, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		t.Errorf("the comparison finds %+v", change)
	}
}

// loadSupport copies a file with its neighbours and loads it.
func loadSupport(t *testing.T, name string) support {
	t.Helper()
	testengine.Images(t)
	project := testengine.Project(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(supportDir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("${IMAGE}", testengine.BusyboxImage, "${HEALTHY}", testengine.HealthyImage, "${PROJECT}", project,
		"${DIR}", dir, "${PLATFORM}", "linux/"+runtime.GOARCH).Replace(string(content))
	if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName(project), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return support{project: loaded, spec: specOf(t, loaded, "web")}
}

// specOf resolves a service as berth's desired state does, for one container.
func specOf(t *testing.T, project *types.Project, name string) engine.ContainerSpec {
	t.Helper()
	service, err := project.GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	spec := engine.ContainerSpec{
		Project: project.Name, Service: service, Name: project.Name + "-" + name + "-1", Image: service.Image,
		NetworkMode: service.NetworkMode, IPCMode: service.Ipc, PIDMode: service.Pid,
		Labels: map[string]string{labels.Project: project.Name, labels.Service: name, labels.Number: "1", labels.WorkingDir: project.WorkingDir},
	}
	if service.ContainerName != "" {
		spec.Name = service.ContainerName
	}
	maps.Copy(spec.Labels, service.Labels)
	for index, key := range service.NetworksByPriority() {
		endpoint := engine.Endpoint{Network: project.Networks[key].Name, Config: service.Networks[key], Aliases: []string{spec.Name, name}}
		if endpoint.Config != nil {
			endpoint.Aliases = append(endpoint.Aliases, endpoint.Config.Aliases...)
		}
		if index == 0 {
			endpoint.MacAddress = service.MacAddress
		}
		spec.Networks = append(spec.Networks, endpoint)
	}
	for _, volume := range service.Volumes {
		if named, ok := project.Volumes[volume.Source]; ok {
			volume.Source = named.Name
		}
		spec.Mounts = append(spec.Mounts, volume)
	}
	return spec
}

// createResources creates the project's networks and volumes.
func (s support) createResources(t *testing.T, e *Engine) {
	t.Helper()
	for _, config := range s.project.Networks {
		own := map[string]string{labels.Project: s.project.Name}
		maps.Copy(own, config.Labels)
		if _, err := e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: config.Name, Config: config, Labels: own}); err != nil {
			t.Fatal(err)
		}
	}
	for _, config := range s.project.Volumes {
		own := map[string]string{labels.Project: s.project.Name}
		maps.Copy(own, config.Labels)
		if _, err := e.CreateVolume(t.Context(), engine.VolumeSpec{Name: config.Name, Config: config, Labels: own}); err != nil {
			t.Fatal(err)
		}
	}
}

// check compares what the engine shows with the x- sections.
func (s support) check(t *testing.T, e *Engine, id string) {
	t.Helper()
	shown := testengine.Inspect(t, id)
	expected := s.project.Extensions
	contains(t, "container", shown, expected["x-container"])
	if environment := expected["x-environment"]; environment != nil {
		list := shown["Config"].(map[string]any)["Env"].([]any)
		for _, entry := range environment.([]any) {
			if !slices.Contains(list, entry) {
				t.Errorf("environment %v lacks %v", list, entry)
			}
		}
	}
	if aliases := expected["x-aliases"]; aliases != nil {
		endpoint := shown["NetworkSettings"].(map[string]any)["Networks"].(map[string]any)[s.spec.Networks[0].Network]
		for _, alias := range aliases.([]any) {
			if !slices.Contains(endpoint.(map[string]any)["Aliases"].([]any), alias) {
				t.Errorf("aliases lack %v", alias)
			}
		}
	}
	s.checkResources(t, e, expected)
	if files := expected["x-files"]; files != nil {
		for file, want := range files.(map[string]any) {
			if got := readFrom(t, e, id, file); got != want {
				t.Errorf("%s holds %q, not %q", file, got, want)
			}
		}
	}
}

// checkResources compares networks and volumes as berth's lists give them.
func (s support) checkResources(t *testing.T, e *Engine, expected types.Extensions) {
	t.Helper()
	networks, err := e.Networks(t.Context(), s.project.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range networks {
		key := strings.TrimPrefix(network.Name, s.project.Name+"_")
		if want, ok := expected["x-networks"].(map[string]any); ok && want[key] != nil {
			contains(t, "network "+key, reparse(t, withoutTags(network)), want[key])
		}
	}
	volumes, err := e.Volumes(t.Context(), s.project.Name)
	if err != nil {
		t.Fatal(err)
	}
	for _, volume := range volumes {
		key := strings.TrimPrefix(volume.Name, s.project.Name+"_")
		if want, ok := expected["x-volumes"].(map[string]any); ok && want[key] != nil {
			contains(t, "volume "+key, reparse(t, volume), want[key])
		}
	}
}

// withoutTags makes a network's fields appear under their Go names.
func withoutTags(n engine.Network) map[string]any {
	var pools []map[string]any
	for _, pool := range n.IPAM.Config {
		pools = append(pools, map[string]any{
			"Subnet": pool.Subnet, "Gateway": pool.Gateway, "IPRange": pool.IPRange, "AuxiliaryAddresses": pool.AuxiliaryAddresses,
		})
	}
	return map[string]any{
		"Driver": n.Driver, "EnableIPv6": n.EnableIPv6, "Attachable": n.Attachable, "Internal": n.Internal,
		"Options": n.Options, "Labels": n.Labels,
		"IPAM": map[string]any{"Driver": n.IPAM.Driver, "Options": n.IPAM.Options, "Config": pools},
	}
}

// reparse turns a value into what JSON decoding gives.
func reparse(t *testing.T, value any) any {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var result any
	if err := json.Unmarshal(content, &result); err != nil {
		t.Fatal(err)
	}
	return result
}

// contains wants each key of the expected maps; lists must be whole, their
// elements may hold more keys.
func contains(t *testing.T, path string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case nil:
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %v, not %v", path, got, want)
			return
		}
		for key, value := range want {
			contains(t, path+"."+key, object[key], value)
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			t.Errorf("%s is %v, not %v", path, got, want)
			return
		}
		for index, value := range want {
			contains(t, fmt.Sprintf("%s[%d]", path, index), list[index], value)
		}
	default:
		if printNumber(got) != printNumber(want) {
			t.Errorf("%s is %v, not %v", path, got, want)
		}
	}
}

// printNumber prints whole numbers of any type alike.
func printNumber(value any) string {
	if number, ok := value.(float64); ok {
		return fmt.Sprintf("%.0f", number)
	}
	return fmt.Sprint(value)
}
