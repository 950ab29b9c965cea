package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine/enginetest"
)

// independent is a project of n services that do not depend on each other.
func independent(n int, image func(i int) string) string {
	var b strings.Builder
	b.WriteString("name: bench\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  s%d:\n    image: %s\n", i, image(i))
	}
	return b.String()
}

func oneImage(int) string     { return "busybox:latest" }
func imageOfOwn(i int) string { return fmt.Sprintf("image-%d:latest", i) }
func newApp(t *testing.T, e *enginetest.Engine, dir, compose string) *app.App {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(compose), 0o600); err != nil {
		t.Fatal(err)
	}
	return app.New(app.Options{
		Engine: func() (app.Engine, error) { return e, nil }, WorkDir: dir, Version: "test",
	})
}

// cost is what a step asked of the engine.
type cost struct{ requests, chain int }

// measure runs steps one after the other, each as a process of its own, and
// returns what the last one asked of the engine.
func measure(t *testing.T, n int, image func(int) string, steps ...func(context.Context, *app.App) error) cost {
	t.Helper()
	var got cost
	synctest.Test(t, func(t *testing.T) {
		options := []enginetest.Option{enginetest.Tick(time.Millisecond)}
		for i := range n {
			options = append(options, enginetest.WithImage(image(i)))
		}
		e := enginetest.New(options...)
		defer e.Close()
		dir := t.TempDir()
		for _, step := range steps {
			e.ResetCalls()
			if err := step(t.Context(), newApp(t, e, dir, independent(n, image))); err != nil {
				t.Fatal(err)
			}
			got = cost{requests: len(e.Calls()), chain: len(e.LongestChain())}
			if e.Count("Ping") == 0 { // a process of its own would negotiate first
				got.requests++
				got.chain++
			}
			if t.Failed() || testing.Verbose() {
				t.Logf("%d services: %+v, chain %v", n, got, e.LongestChain())
			}
		}
	})
	return got
}

func up(ctx context.Context, a *app.App) error {
	_, err := a.Up(ctx, app.UpRequest{})
	return err
}

func ps(ctx context.Context, a *app.App) error {
	_, err := a.Ps(ctx, app.PsRequest{})
	return err
}

func stop(ctx context.Context, a *app.App) error { return a.Stop(ctx, app.ServicesRequest{}) }
func down(ctx context.Context, a *app.App) error { return a.Down(ctx, app.DownRequest{}) }

func TestRequestsPerOperationStayWithinTheirBounds(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		for _, c := range []struct {
			name  string
			image func(int) string
			steps []func(context.Context, *app.App) error
			most  cost
		}{
			{"a fresh up", oneImage, []func(context.Context, *app.App) error{up}, cost{2*n + 6, 6}},
			{"a fresh up of different images", imageOfOwn, []func(context.Context, *app.App) error{up}, cost{2*n + 6, 6}},
			{"a no-op up", oneImage, []func(context.Context, *app.App) error{up, up}, cost{5, 3}},
			{"a no-op up of different images", imageOfOwn, []func(context.Context, *app.App) error{up, up}, cost{5, 3}},
			{"ps", oneImage, []func(context.Context, *app.App) error{up, ps}, cost{2, 2}},
			{"stop", oneImage, []func(context.Context, *app.App) error{up, stop}, cost{n + 2, 3}},
			{"down", oneImage, []func(context.Context, *app.App) error{up, down}, cost{2*n + 4, 5}},
		} {
			t.Run(fmt.Sprintf("%s with %d services", c.name, n), func(t *testing.T) {
				got := measure(t, n, c.image, c.steps...)
				if got.requests > c.most.requests || got.chain > c.most.chain {
					t.Errorf("took %d requests in a chain of %d, want at most %d in a chain of %d",
						got.requests, got.chain, c.most.requests, c.most.chain)
				}
			})
		}
	}
}
