package app_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// oneOff runs a one-off command and returns what it wrote.
func (h *holding) oneOff(ctx context.Context, r app.RunRequest, c app.Control) (out string, end upEnd) {
	var written, failed bytes.Buffer
	code, err := h.app.Run(ctx, r, engine.Streams{Out: &written, Err: &failed, In: strings.NewReader("")}, c)
	return written.String() + failed.String(), upEnd{code, err}
}

func TestAOneOffCommandLeavesTheServicesOwnContainersAlone(t *testing.T) {
	held(t, chain, func(h *holding) {
		if _, err := h.app.Up(h.Context(), app.UpRequest{Services: []string{"web"}, Scale: map[string]int{"web": 2}}); err != nil {
			h.Fatal(err)
		}
		before := h.states()
		out, end := h.oneOff(h.Context(), app.RunRequest{Service: "web", Command: []string{"sh", "-c", "echo hi; exit 9"}, Remove: true}, app.Control{})
		if out != "hi\n" || end.code != 9 || end.err != nil {
			h.Errorf("%q, %+v", out, end)
		}
		if after := h.states(); after != before {
			h.Errorf("states %s, before %s", after, before)
		}
	})
}

func TestAOneOffCommandThatCannotStartIsRemoved(t *testing.T) {
	held(t, chain, func(h *holding) {
		h.engine.SetScript("web", enginetest.Script{StartError: `OCI runtime create failed: exec: "nope": executable file not found in $PATH: unknown`})
		_, end := h.oneOff(h.Context(), app.RunRequest{Service: "web", NoDeps: true, Remove: true}, app.Control{})
		var coded interface{ ExitCode() int }
		if !errors.As(end.err, &coded) || coded.ExitCode() != 127 {
			h.Errorf("got %+v", end)
		}
		if got := end.err.Error(); got != `service web: exec: "nope": executable file not found in $PATH` {
			h.Errorf("got %s", got)
		}
		h.wantStates("")
	})
}

func TestAnInterruptedOneOffIsStoppedAndRemoved(t *testing.T) {
	for _, phase := range []string{"while it runs", "before it starts"} {
		t.Run(phase, func(t *testing.T) {
			held(t, chain, func(h *holding) {
				ctx, cancel := context.WithCancel(h.Context())
				if phase == "while it runs" {
					time.AfterFunc(time.Minute, cancel)
				} else {
					h.engine.FailOn(func(c enginetest.Call) error {
						if c.Method == "CreateContainer" {
							cancel()
						}
						return nil
					})
				}
				_, end := h.oneOff(ctx, app.RunRequest{Service: "web", NoDeps: true, Remove: true}, app.Control{})
				if !errors.Is(end.err, context.Canceled) {
					h.Errorf("got %+v", end)
				}
				h.wantStates("")
			})
		})
	}
}

func TestADeafOneOffIsStoppedSomeTimeAfterTheInterrupt(t *testing.T) {
	held(t, chain, func(h *holding) {
		h.engine.SetScript("web", enginetest.Script{IgnoreTerm: true})
		signals := make(chan string)
		go func() {
			time.Sleep(time.Minute)
			signals <- "SIGTERM"
		}()
		began := time.Now()
		_, end := h.oneOff(h.Context(), app.RunRequest{Service: "web", NoDeps: true, Remove: true}, app.Control{Signals: signals})
		if end.code != 137 || end.err != nil || time.Since(began) > time.Minute+15*time.Second {
			h.Errorf("got %+v after %s", end, time.Since(began))
		}
		h.wantStates("")
	})
}
