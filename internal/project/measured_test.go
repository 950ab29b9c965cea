package project_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"

	"github.com/berth-dev/berth/internal/project"
)

// elsewhere is a remote loader that answers with files of a folder.
type elsewhere struct{ dir string }

func (e elsewhere) Accept(name string) bool { return strings.HasPrefix(name, "far:") }
func (e elsewhere) Load(_ context.Context, name string) (string, error) {
	return filepath.Join(e.dir, strings.TrimPrefix(name, "far:")), nil
}
func (e elsewhere) Dir(name string) string { return e.dir }

func TestRemoteFilesAreMeasuredBeforeTheyAreLoaded(t *testing.T) {
	far, near := t.TempDir(), t.TempDir()
	bomb := "services:\n  a: {image: x}\nx-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		prev := string(rune('0' + i - 1))
		bomb += "x-" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.Repeat("*a"+prev+", ", 9) + "*a" + prev + "]\n"
	}
	for name, text := range map[string]string{"bomb.yaml": bomb, "fine.yaml": "services:\n  web: {image: nginx}\n",
		"casts.yaml": "services:\n  web: {image: nginx, command: " + strings.Repeat("x", 100000) + "}\n"} {
		if err := os.WriteFile(filepath.Join(far, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(text string) (*project.Loaded, error) {
		if err := os.WriteFile(filepath.Join(near, "compose.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return project.Load(t.Context(), project.Options{
			WorkDir: near, ProjectName: "p", Remote: []loader.ResourceLoader{elsewhere{far}},
		})
	}
	if _, err := load("include: ['far:casts.yaml']\n"); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("what is done by key is also done for keys that only the remote file has: %v", err)
	}
	if _, err := load("include: ['far:fine.yaml']\n"); err != nil {
		t.Errorf("a harmless file: %v", err)
	}
	_, err := load("include: ['far:bomb.yaml']\n")
	if err == nil || !strings.Contains(err.Error(), "bomb.yaml") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v, want one line that names the file", err)
	}
}
