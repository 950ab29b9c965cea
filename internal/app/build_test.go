package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/berth-dev/berth/internal/app"
)

func TestABuildAsksForTheEnginesVersionOnce(t *testing.T) {
	b := newBench(t)
	if err := os.WriteFile(filepath.Join(b.dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := b.app("name: once\nservices:\n  web: {build: .}\n")
	// The engine in memory has no builder: the build itself fails.
	if _, err := a.Up(t.Context(), app.UpRequest{Build: true}); err == nil {
		t.Error("an engine without a builder has built")
	}
	if n := b.e.Count("Info"); n != 1 {
		t.Errorf("the engine was asked %d times for its version, want once", n)
	}
}
