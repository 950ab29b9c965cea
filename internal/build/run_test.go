package build

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

// imagePrefix is in the name of every image these tests make.
const imagePrefix = "berth-build-test/"

// write puts files into a new folder and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// target is a target that builds service from dir. Its image goes when the
// test ends.
func target(t testing.TB, service, dir string) Target {
	t.Helper()
	tag := imagePrefix + service + ":test"
	t.Cleanup(func() { remove(t, tag) })
	return Target{Service: service, Build: types.BuildConfig{Context: dir}, Tags: []string{tag}}
}

// run builds targets on the engine and returns what was shown.
func run(t testing.TB, o Options, targets ...Target) (map[string]Result, string, error) {
	t.Helper()
	testengine.Busybox(t)
	var shown bytes.Buffer
	if o.Display.Mode == "" {
		o.Display.Mode = "plain"
	}
	o.Display.Out = &shown
	results, err := Run(t.Context(), newHijacker(t), targets, o)
	forget(t, results)
	return results, shown.String(), err
}

// forget removes images when the test ends, also those that lost their names to
// a later build.
func forget(t testing.TB, results map[string]Result) {
	t.Helper()
	t.Cleanup(func() {
		for _, result := range results {
			remove(t, result.ImageID)
		}
	})
}

// inspect returns the engine's description of an image.
func inspect(t testing.TB, ref string) map[string]any {
	t.Helper()
	var image map[string]any
	testengine.Get(t, "/images/"+ref+"/json", &image)
	return image
}

func TestBuildMakesAnImageWithArgsTargetLabelsAndTags(t *testing.T) {
	dir := write(t, map[string]string{
		"Dockerfile": "ARG BASE=scratch\nFROM $BASE AS one\nARG COLOUR=red\nLABEL colour=$COLOUR\nCOPY greeting /\nFROM one AS two\nLABEL stage=two\nFROM two\nLABEL stage=three\n",
		"greeting":   "hello",
	})
	wanted := target(t, "demo", dir)
	colour := "blue"
	wanted.Build.Args = types.MappingWithEquals{"COLOUR": &colour}
	wanted.Build.Target = "two"
	wanted.Build.Labels = types.Labels{"mine": "yes"}
	wanted.Labels = map[string]string{labelService: "demo"}
	wanted.Tags = append(wanted.Tags, imagePrefix+"demo:second")
	t.Cleanup(func() { remove(t, imagePrefix+"demo:second") })
	var events event.Recorder
	results, shown, err := run(t, Options{Sink: &events}, wanted)
	if err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	image := inspect(t, wanted.Tags[0])
	if image["Id"] != results["demo"].ImageID {
		t.Errorf("the engine's ID is %v, the result says %q", image["Id"], results["demo"].ImageID)
	}
	labels := image["Config"].(map[string]any)["Labels"].(map[string]any)
	for key, value := range map[string]string{"colour": "blue", "stage": "two", "mine": "yes", labelService: "demo"} {
		if labels[key] != value {
			t.Errorf("label %s is %v, want %s", key, labels[key], value)
		}
	}
	if second := inspect(t, wanted.Tags[1]); second["Id"] != image["Id"] {
		t.Errorf("the second tag is %v", second["Id"])
	}
	var statuses []event.Status
	for _, e := range events.Events() {
		statuses = append(statuses, e.Status)
	}
	if !slices.Equal(statuses, []event.Status{event.Building, event.Built}) {
		t.Errorf("statuses: %v", statuses)
	}
	if !strings.Contains(shown, "[demo one 1/1] COPY greeting /") {
		t.Errorf("the display does not name the step:\n%s", shown)
	}
}
