package desired

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/labels"
)

// everyKey are files that together use every key of a service.
const everyKey = "../engine/docker/testdata/support/*.yaml"

func TestEveryKeyOfAServiceComesBackFromItsRevision(t *testing.T) {
	files, err := filepath.Glob(everyKey)
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := project.Load(t.Context(), project.Options{WorkDir: dir, Environ: []string{"IMAGE=image", "SECRET=s"}, NoConsistency: true})
		if err != nil {
			continue // it needs files of its own, which others do not
		}
		for name, service := range loaded.Project.Services {
			seen++
			before, err := canonical(service, nil)
			if err != nil {
				t.Fatal(err)
			}
			restored, err := project.Restore(t.Context(), name, before.Service, before.Hooks)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			after, err := canonical(restored, nil)
			if err != nil {
				t.Fatal(err)
			}
			if changes, err := before.Diff(after); err != nil || len(changes) > 0 {
				t.Errorf("%s: service %s comes back with %v, %v", file, name, changes, err)
			}
			if string(before.Hooks) != string(after.Hooks) {
				t.Errorf("%s: the hooks of %s come back as %s, were %s", file, name, after.Hooks, before.Hooks)
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d services were compared", seen)
	}
}

func TestAContainerRemembersTheLastTenRevisions(t *testing.T) {
	var list []Revision
	for n := 12; n > 0; n-- {
		list = append(list, Revision{Number: n, Made: time.Unix(int64(n), 0).UTC(), Image: "web", ImageID: "sha256:1", Spec: Canonical{
			Version: 1, Service: []byte(`{"image":"web:` + strings.Repeat("v", n) + `"}`),
		}})
	}
	packed, err := EncodeHistory(list)
	if err != nil {
		t.Fatal(err)
	}
	got := HistoryOf(engine.Container{Labels: map[string]string{labels.History: packed}})
	if len(got) != 10 || got[0].Number != 12 || got[9].Number != 3 || !got[0].Made.Equal(list[0].Made) {
		t.Errorf("remembered are %v", got)
	}
	if got[9].Reference() != "web:vvv" {
		t.Errorf("the image of revision 3 is %s", got[9].Reference())
	}
	for _, broken := range []string{"", "?", packed[:20]} {
		if list := HistoryOf(engine.Container{Labels: map[string]string{labels.History: broken}}); list != nil {
			t.Errorf("%q gives %v", broken, list)
		}
	}
}
