package docker

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/labels"
)

// supportDir holds one Compose file for each group of keys. berth's own loader
// and desired state make of it what the engine is asked for. Its service "web"
// is created last; a service "other", if there is one, runs before. What the
// engine must then show stands in the x- sections, which support_check_test.go
// explains.
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
			testSupport(t, filepath.Base(file))
		})
	}
}

func testSupport(t *testing.T, name string) {
	e := realEngine(t)
	loaded, err := loadSupport(t, name, supportEdit{})
	if err != nil {
		t.Fatal(err)
	}
	made := loaded.make(t, e)
	for _, problem := range loaded.check(t, e, made) {
		t.Error(problem)
	}
	if made.err != nil {
		return
	}
	sameAfterwards(t, e, loaded.spec, made.id)
	if loaded.expected["x-create-only"] != nil {
		return
	}
	if err := e.StartContainer(t.Context(), made.id); err != nil {
		t.Fatal(err)
	}
	sameAfterwards(t, e, loaded.spec, made.id)
	if err := e.StopContainer(t.Context(), made.id, engine.StopOptions{Timeout: new(time.Duration)}); err != nil {
		t.Fatal(err)
	}
	sameAfterwards(t, e, loaded.spec, made.id)
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

// support is one file of supportDir, resolved for a project of its own.
type support struct {
	state    *desired.State
	spec     engine.ContainerSpec
	expected types.Extensions
}

// supportEdit changes a file before it is used: its text, or what was loaded.
type supportEdit struct {
	text   func(string) string
	loaded func(*types.Project)
}

// loadSupport copies a file with its neighbours, loads it as berth does and
// works out what the engine is to have.
func loadSupport(t *testing.T, name string, edit supportEdit) (support, error) {
	t.Helper()
	testengine.Images(t)
	own := testengine.Project(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(supportDir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := fillSupport(t, string(content), own, dir)
	if edit.text != nil {
		text = edit.text(text)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := project.Load(t.Context(), project.Options{
		Files: []string{file}, ProjectName: own, WorkDir: dir, AllResources: true, Environ: []string{"BERTH_SUPPORT=from the environment"},
	})
	if err != nil {
		return support{}, err
	}
	if edit.loaded != nil {
		edit.loaded(loaded.Project)
	}
	contents, err := contentsOf(loaded)
	if err != nil {
		return support{}, err
	}
	state, err := desired.Build(loaded.Project, desired.Options{Contents: contents, AllResources: true})
	if err != nil {
		return support{}, err
	}
	return support{state: state, spec: specOf(t, state, "web"), expected: loaded.Project.Extensions}, nil
}

// fillSupport writes into a file what depends on the machine and the run.
func fillSupport(t *testing.T, text, own, dir string) string {
	t.Helper()
	var info struct{ CgroupVersion string }
	testengine.Get(t, "/info", &info)
	// The one that the engine does not use anyway.
	cgroup := "host"
	if info.CgroupVersion == "1" {
		cgroup = "private"
	}
	return strings.NewReplacer("${IMAGE}", testengine.BusyboxImage, "${HEALTHY}", testengine.HealthyImage, "${PROJECT}", own,
		"${DIR}", dir, "${PLATFORM}", "linux/"+runtime.GOARCH, "${CGROUP}", cgroup).Replace(text)
}

// contentsOf reads configs and secrets.
func contentsOf(loaded *project.Loaded) (desired.Contents, error) {
	read, err := loaded.Contents()
	contents := desired.Contents{Configs: map[string][]byte{}, Secrets: map[string][]byte{}}
	for at, content := range read {
		if at.Kind == "config" {
			contents.Configs[at.Name] = content
		} else {
			contents.Secrets[at.Name] = content
		}
	}
	return contents, err
}

// specOf is the first container of a service, with references to services
// replaced by names of their first containers, as plans do.
func specOf(t *testing.T, state *desired.State, name string) engine.ContainerSpec {
	t.Helper()
	service, ok := state.Service(name)
	if !ok {
		t.Fatalf("no service %s", name)
	}
	spec := service.Replica(1)
	container := func(of string) string {
		other, ok := state.Service(of)
		if !ok {
			return of
		}
		return other.ContainerName(state.Project, 1)
	}
	for _, mode := range []*string{&spec.NetworkMode, &spec.IPCMode, &spec.PIDMode} {
		if of, ok := strings.CutPrefix(*mode, types.ServicePrefix); ok {
			*mode = containerPrefix + container(of)
		}
	}
	spec.VolumesFrom = slices.Clone(spec.VolumesFrom)
	for index, from := range spec.VolumesFrom {
		of, mode, _ := strings.Cut(strings.TrimPrefix(from, containerPrefix), ":")
		spec.VolumesFrom[index] = strings.TrimSuffix(container(of)+":"+mode, ":")
	}
	return spec
}

// made is what became of a file on the engine.
type made struct {
	id       string
	warnings []string
	err      error
}

// make creates the resources, the service "other" and the service "web".
func (s support) make(t *testing.T, e *Engine) made {
	t.Helper()
	s.makeExternal(t)
	if err := s.createResources(t.Context(), e); err != nil {
		return made{err: err}
	}
	if _, ok := s.state.Service("other"); ok {
		if err := e.StartContainer(t.Context(), create(t, e, specOf(t, s.state, "other"))); err != nil {
			t.Fatal(err)
		}
	}
	created, err := e.CreateContainer(t.Context(), s.spec)
	if err == nil && len(s.spec.Files) > 0 {
		err = e.CopyFiles(t.Context(), created.ID, s.spec.Files)
	}
	return made{created.ID, created.Warnings, err}
}

// makeExternal makes what x-external lists. The label is for the clean-up.
func (s support) makeExternal(t *testing.T) {
	t.Helper()
	for _, pair := range sortedPairs(s.expected["x-external"]) {
		own := map[string]string{labels.Project: s.state.Project, "org.example.origin": "elsewhere"}
		testengine.Post(t, "/"+pair.key+"/create", map[string]any{"Name": pair.value, "Labels": own}, nil)
	}
}

// createResources creates the project's networks and volumes.
func (s support) createResources(ctx context.Context, e *Engine) error {
	for _, network := range s.state.Networks {
		if network.External {
			continue
		}
		if _, err := e.CreateNetwork(ctx, network.Spec); err != nil {
			return err
		}
	}
	for _, volume := range s.state.Volumes {
		if volume.External {
			continue
		}
		if _, err := e.CreateVolume(ctx, volume.Spec); err != nil {
			return err
		}
	}
	return nil
}

// withoutText takes a key of the service "web" out of a file's text.
func withoutText(key string) func(string) string {
	block := regexp.MustCompile(`(?m)^    ` + regexp.QuoteMeta(key) + `:.*\n(?:      .*\n)*`)
	return func(text string) string {
		at := strings.Index(text, "\n  web:")
		return text[:at] + block.ReplaceAllString(text[at:], "")
	}
}

// sortedPairs are a map's entries in the order of their keys.
func sortedPairs(object any) []struct {
	key   string
	value any
} {
	entries, _ := object.(map[string]any)
	var pairs []struct {
		key   string
		value any
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		pairs = append(pairs, struct {
			key   string
			value any
		}{key, entries[key]})
	}
	return pairs
}
