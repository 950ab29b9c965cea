package app_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
)

// offering is a provider that offers one variable.
type offering struct{}

func (offering) Provide(context.Context, string, string, engine.Provider, string) (map[string]string, error) {
	return map[string]string{"DB_URL": "db://here"}, nil
}

func (offering) ModelEnv(context.Context, *types.Project) (map[string][]string, error) {
	return nil, nil
}

func (offering) PrepareModels(context.Context, *types.Project) error { return nil }

func TestAOneOffCommandGetsWhatProvidersOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.New(enginetest.WithImage("busybox:latest"))
		defer e.Close()
		dir := t.TempDir()
		compose := `
name: p
services:
  db: {provider: {type: cloud}}
  web: {image: "busybox:latest", depends_on: [db]}
`
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(compose), 0o600); err != nil {
			t.Fatal(err)
		}
		a := app.New(app.Options{
			Engine: func() (app.Engine, error) { return e, nil }, WorkDir: dir, LockDir: t.TempDir(), Provider: offering{},
		})
		h := &holding{T: t, engine: e, app: a}
		out, end := h.oneOff(t.Context(), app.RunRequest{Service: "web", Command: []string{"sh", "-c", "echo $DB_URL"}, Remove: true}, app.Control{})
		if out != "db://here\n" || end.code != 0 || end.err != nil {
			t.Errorf("%q, %+v", out, end)
		}
		if _, end := h.oneOff(t.Context(), app.RunRequest{Service: "db"}, app.Control{}); end.err == nil {
			t.Error("a service without containers has run a command")
		}
	})
}
