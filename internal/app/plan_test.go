package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/lock"
	"github.com/berth-dev/berth/pkg/event"
)

// bench is a project on an engine in memory.
type bench struct {
	t   *testing.T
	e   *enginetest.Engine
	dir string
}

func newBench(t *testing.T, images ...string) *bench {
	t.Helper()
	b := &bench{t: t, e: enginetest.New(enginetest.WithImage(images...)), dir: t.TempDir()}
	t.Cleanup(func() { _ = b.e.Close() })
	return b
}

// app is a process of its own on the project with these files.
func (b *bench) app(compose string) *app.App { return newApp(b.t, b.e, b.dir, compose) }

// telling is app with somebody who listens.
func (b *bench) telling(compose string, sink event.Sink) *app.App {
	b.app(compose) // writes the files
	return app.New(app.Options{
		Engine: func() (app.Engine, error) { return b.e, nil }, WorkDir: b.dir, Version: "test", Sink: sink,
	})
}

// failCopies makes the engine refuse copies into one container.
func (b *bench) failCopies(id string, err error) {
	b.e.FailOn(func(c enginetest.Call) error {
		if c.Method == "CopyTo" && slices.Contains(c.Args, id) {
			return err
		}
		return nil
	})
}

func (b *bench) up(compose string) {
	b.t.Helper()
	if _, err := b.app(compose).Up(b.t.Context(), app.UpRequest{}); err != nil {
		b.t.Fatal(err)
	}
}

// plan makes a plan and sees that making it changed nothing.
func (b *bench) plan(compose string, r app.UpRequest) app.PlanResult {
	b.t.Helper()
	b.e.ResetCalls()
	result, err := b.app(compose).Plan(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		b.t.Errorf("planning sent requests that change something: %v", calls)
	}
	return result
}

const shop = `name: shop
services:
  db:
    image: db
    volumes: [data:/data]
    environment: {PASSWORD: one, MODE: a}
  web:
    image: web
    depends_on: [db]
    networks: [front]
networks: {front: {}}
volumes: {data: {}}
`

// actions lists a plan's steps that stand for themselves.
func actions(p app.PlanResult) string {
	var out []string
	for _, s := range p.Steps {
		if !s.Part {
			out = append(out, s.Action+" "+s.Name)
		}
	}
	return strings.Join(out, ", ")
}

func TestAPlanChangesNothingAndSaysWhatItFound(t *testing.T) {
	b := newBench(t, "db", "web")
	fresh := b.plan(shop, app.UpRequest{})
	if !fresh.Changes || !strings.Contains(actions(fresh), "create shop-db-1") {
		t.Errorf("a fresh plan is %s", actions(fresh))
	}
	b.up(shop)
	if p := b.plan(shop, app.UpRequest{}); p.Changes || len(p.Steps) != 0 || len(p.Same) != 2 {
		t.Errorf("after up the plan is %s", actions(p))
	}
	changed := strings.Replace(strings.Replace(shop, "PASSWORD: one", "PASSWORD: two", 1), "MODE: a", "MODE: b", 1)
	p := b.plan(changed, app.UpRequest{})
	if actions(p) != "recreate shop-db-1" {
		t.Fatalf("the plan is %s", actions(p))
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(`{"path":"environment.MODE","old":"a","new":"b"}`)) ||
		!bytes.Contains(text, []byte(`{"path":"environment.PASSWORD","old":"","new":"","secret":true}`)) ||
		bytes.Contains(text, []byte(`"two"`)) {
		t.Errorf("changes are %s", text)
	}
}

func TestAPlanSeesWhatHappenedBehindItsBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		drift func(*bench, map[string]engine.ContainerDetail) error
		want  string
	}{
		{"stopped", func(b *bench, by map[string]engine.ContainerDetail) error {
			return b.e.KillContainer(b.t.Context(), by["shop-web-1"].ID, "SIGKILL")
		}, "start shop-web-1"},
		{"removed", func(b *bench, by map[string]engine.ContainerDetail) error {
			return b.e.RemoveContainer(b.t.Context(), by["shop-web-1"].ID, engine.RemoveOptions{Force: true})
		}, "create shop-web-1"},
		{"disconnected", func(b *bench, by map[string]engine.ContainerDetail) error {
			return b.e.DisconnectNetwork(b.t.Context(), by["shop-web-1"].Networks["shop_front"].NetworkID, by["shop-web-1"].ID, true)
		}, "connect shop-web-1"},
		{"image moved", func(b *bench, _ map[string]engine.ContainerDetail) error {
			b.e.AddImage(engine.Image{Tags: []string{"web:latest"}, Labels: map[string]string{"build": "2"}})
			return nil
		}, "recreate shop-web-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "db", "web")
			b.up(shop)
			by := map[string]engine.ContainerDetail{}
			for _, k := range b.e.Snapshot().Containers {
				by[k.Name] = k
			}
			if err := c.drift(b, by); err != nil {
				t.Fatal(err)
			}
			p := b.plan(shop, app.UpRequest{})
			if !p.Changes || actions(p) != c.want {
				t.Errorf("the plan is %q, want %q", actions(p), c.want)
			}
		})
	}
}

func TestAContainerWhoseNamespaceWasStartedAnewBehindItsBackIsRestarted(t *testing.T) {
	const vpn = "name: shop\nservices:\n  db: {image: db}\n  web: {image: web, network_mode: 'service:db'}\n"
	b := newBench(t, "db", "web")
	b.up(vpn)
	if p := b.plan(vpn, app.UpRequest{}); p.Changes {
		t.Errorf("at first the plan is %q", actions(p))
	}
	if err := b.e.RestartContainer(t.Context(), "shop-db-1", engine.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if p := b.plan(vpn, app.UpRequest{}); actions(p) != "restart shop-web-1" {
		t.Errorf("the plan is %q", actions(p))
	}
}

func TestTheJSONOfPlansFitsTheDocumentedSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "plan.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, "db", "web")
	check := func(p app.PlanResult) {
		t.Helper()
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	check(b.plan(shop, app.UpRequest{}))
	b.up(shop)
	check(b.plan(shop, app.UpRequest{}))
	check(b.plan(shop, app.UpRequest{ForceRecreate: true, Scale: map[string]int{"web": 3}}))
	check(b.plan(strings.Replace(shop, "front: {}", "front: {internal: true}", 1), app.UpRequest{}))
	check(b.plan(strings.Replace(shop, "image: web", "image: elsewhere\n    restart: always", 1), app.UpRequest{}))
	check(b.plan(strings.Replace(shop, "front: {}", "front: {external: true, name: nowhere}", 1), app.UpRequest{}))
}

func TestASavedPlanIsAppliedExactlyOrRefused(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	changed := strings.Replace(shop, "MODE: a", "MODE: b", 1)
	file := filepath.Join(t.TempDir(), "plan.json")
	save := func() {
		t.Helper()
		if err := app.WritePlan(file, b.plan(changed, app.UpRequest{})); err != nil {
			t.Fatal(err)
		}
	}
	apply := func(ctx context.Context) error {
		_, err := b.app(changed).Up(ctx, app.UpRequest{PlanFile: file})
		return err
	}
	save()
	if err := b.e.KillContainer(t.Context(), "shop-web-1", "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	b.e.ResetCalls()
	err := apply(t.Context())
	var moved *app.MovedError
	if !errors.As(err, &moved) || !strings.Contains(err.Error(), "start container shop-web-1 has become necessary") {
		t.Errorf("error is %v", err)
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("a refused plan changed something: %v", calls)
	}
	save()
	if err := apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := b.plan(changed, app.UpRequest{}); p.Changes {
		t.Errorf("after applying the plan is %s", actions(p))
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a plan may tell of the stack; its file has mode %v, %v", info.Mode(), err)
	}
}

func TestRehearsalsWaitForNoWriterAndChangeNothing(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	release, err := lock.Acquire(t.Context(), lock.Options{Dir: lock.DefaultDir(), Endpoint: b.e.Endpoint(), Project: "shop", Command: "another"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	}()
	b.e.ResetCalls()
	impatient := 50 * time.Millisecond
	on := app.ServicesRequest{Force: true, Stop: true, LockTimeout: impatient, DryRun: true}
	for name, rehearse := range map[string]func(*app.App) error{
		"up": func(a *app.App) error {
			_, err := a.Up(t.Context(), app.UpRequest{ForceRecreate: true, LockTimeout: impatient, DryRun: true})
			return err
		},
		"stop":    func(a *app.App) error { return a.Stop(t.Context(), on) },
		"restart": func(a *app.App) error { return a.Restart(t.Context(), on) },
		"rm":      func(a *app.App) error { return a.Remove(t.Context(), on) },
		"down": func(a *app.App) error {
			return a.Down(t.Context(), app.DownRequest{Volumes: true, LockTimeout: impatient, DryRun: true})
		},
	} {
		if err := rehearse(b.app(shop)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("rehearsals changed something: %v", calls)
	}
	if err := b.app(shop).Stop(t.Context(), app.ServicesRequest{LockTimeout: impatient}); err == nil {
		t.Error("a real stop must wait for the other writer")
	}
}

func TestProblemsAreReportedTogetherAndBeforeAnyChange(t *testing.T) {
	b := newBench(t, "db", "web")
	b.e.ResetCalls()
	_, err := b.app(`name: shop
services:
  a: {image: web, networks: [gone], ports: ["8080:80"]}
  b: {image: web, ports: ["8080:81"]}
  c: {image: web, container_name: fixed}
networks: {gone: {external: true}}
`).Up(t.Context(), app.UpRequest{Scale: map[string]int{"c": 2}})
	if err == nil {
		t.Fatal("must fail")
	}
	for _, s := range []string{
		"networks.gone: network gone declared as external, but could not be found",
		"host port 8080/tcp is wanted by shop-a-1 and by shop-b-1",
		`services.c.container_name: 2 replicas cannot share the name "fixed"`,
	} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error does not say %q:\n%v", s, err)
		}
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("something was changed: %v", calls)
	}
}

func TestASameNamedProjectOfAnotherDirectoryIsLeftAlone(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	other := &bench{t: t, e: b.e, dir: t.TempDir()}
	b.e.ResetCalls()
	var foreign *app.ForeignError
	if _, err := other.app(shop).Up(t.Context(), app.UpRequest{}); !errors.As(err, &foreign) {
		t.Errorf("up: %v", err)
	}
	if err := other.app(shop).Down(t.Context(), app.DownRequest{}); !errors.As(err, &foreign) {
		t.Errorf("down: %v", err)
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("something was changed: %v", calls)
	}
	if err := other.app(shop).Down(t.Context(), app.DownRequest{TakeOver: true}); err != nil {
		t.Errorf("with --take-over: %v", err)
	}
}

func TestWhatCannotBeDoneIsSaidBeforeAnythingIsPulled(t *testing.T) {
	b := newBench(t)
	b.e.AddRemote(engine.Image{Tags: []string{"big:latest"}})
	_, err := b.app("name: shop\nservices:\n  a: {image: big, networks: [gone]}\nnetworks: {gone: {external: true}}\n").
		Up(t.Context(), app.UpRequest{})
	if err == nil || !strings.Contains(err.Error(), "network gone declared as external, but could not be found") {
		t.Errorf("error is %v", err)
	}
	if n := b.e.Count("PullImage"); n != 0 {
		t.Errorf("%d images were pulled for nothing", n)
	}
}
