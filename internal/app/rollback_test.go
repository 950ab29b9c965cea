package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// version is a project of two services, of which web changes with its mode and
// image.
func version(mode, image string) string {
	return fmt.Sprintf(`name: p
services:
  db: {image: db}
  web:
    image: %s
    environment: {MODE: %q, NOTHING: null, TOKEN: "t-%[2]s"}
    volumes: ["data:/data", ./here:/there]
    networks: {default: {aliases: [front]}}
    ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}
    extra_hosts: ["a:1.2.3.4"]
    healthcheck: {test: [CMD, ok], interval: 1s}
    configs: [{source: conf, target: /conf, mode: 0440}]
    post_start: [{command: ["true", "%[2]s"]}]
    depends_on: [db]
configs: {conf: {content: "of %[2]s"}}
volumes: {data: {}}
`, image, mode)
}

func (b *bench) rollback(compose string, r app.RollbackRequest) error {
	_, err := b.app(compose).Rollback(b.t.Context(), r)
	return err
}

// modes are what the containers of web run with.
func (b *bench) modes() string {
	b.t.Helper()
	list, err := b.e.Containers(b.t.Context(), engine.ContainerFilter{Labels: map[string]string{"com.docker.compose.service": "web"}})
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, c := range list {
		spec := b.e.Spec(c.ID)
		out = append(out, *spec.Service.Environment["MODE"]+" "+c.ImageID)
	}
	return strings.Join(out, ", ")
}

func TestRollbackGoesBackToTheConfigurationAndTheVeryImage(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(version("one", "web"))
	one := b.modes()
	old := b.e.Spec(b.idOf("p-web-1"))
	b.e.AddImage(engine.Image{ID: "sha256:new", Tags: []string{"web:latest"}}) // the tag moves on
	b.up(version("two", "web"))
	if b.modes() == one {
		t.Fatalf("nothing has changed: %s", one)
	}
	db := b.idOf("p-db-1")
	if err := b.rollback(version("two", "web"), app.RollbackRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := b.modes(); got != one {
		t.Errorf("web runs with %s, want %s", got, one)
	}
	now := b.e.Spec(b.idOf("p-web-1"))
	for what, values := range map[string][2]any{
		"ulimits": {old.Service.Ulimits["nofile"], now.Service.Ulimits["nofile"]}, "volumes": {old.Mounts, now.Mounts},
		"hosts": {old.Service.ExtraHosts, now.Service.ExtraHosts}, "aliases": {old.Networks[0].Aliases, now.Networks[0].Aliases},
		"environment": {len(old.Service.Environment), len(now.Service.Environment)}, "hooks": {old.Service.PostStart[0].Command, now.Service.PostStart[0].Command},
	} {
		if fmt.Sprintf("%+v", values[0]) != fmt.Sprintf("%+v", values[1]) {
			t.Errorf("%s are %+v, were %+v", what, values[1], values[0])
		}
	}
	if b.idOf("p-db-1") != db {
		t.Error("a service that had not changed was touched")
	}
	b.up(version("two", "web"))
	if got := b.modes(); got == one {
		t.Error("the next up does not bring web to what the files say")
	}
}

func (b *bench) idOf(name string) string {
	b.t.Helper()
	list, err := b.e.Containers(b.t.Context(), engine.ContainerFilter{Names: []string{name}})
	if err != nil || len(list) != 1 {
		b.t.Fatalf("containers %v, %v", list, err)
	}
	return list[0].ID
}

func TestHistoryListsRevisionsAndRollbackReachesEachOfThem(t *testing.T) {
	b := newBench(t, "db", "web")
	for _, mode := range []string{"one", "two", "three"} {
		b.up(version(mode, "web"))
	}
	b.up(version("three", "web")) // changes nothing, and is no revision
	rows, err := b.app(version("three", "web")).History(t.Context(), app.HistoryRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		line := fmt.Sprintf("%d %s %t", r.Revision, r.Service, r.Current)
		for _, c := range r.Changes {
			line += fmt.Sprintf(" %s:%s>%s", c.Path, c.Old, c.New)
		}
		got = append(got, line)
	}
	want := []string{
		"3 web true configs.conf: environment.MODE:two>three environment.TOKEN:>",
		"2 web false configs.conf: environment.MODE:one>two environment.TOKEN:>",
		"1 db true", "1 web false",
	}
	digests := regexp.MustCompile(`:sha256:[0-9a-f]+>sha256:[0-9a-f]+`)
	for i := range got {
		got[i] = digests.ReplaceAllString(got[i], ":")
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, step := range []struct {
		to   int
		want string
	}{{1, "one"}, {2, "two"}, {3, "three"}, {0, "two"}} {
		if err := b.rollback(version("three", "web"), app.RollbackRequest{To: step.to, Services: []string{"web"}}); err != nil {
			t.Fatal(err)
		}
		if got := b.modes(); !strings.HasPrefix(got, step.want+" ") {
			t.Errorf("back to %d: web runs with %s, want %s", step.to, got, step.want)
		}
	}
}

func TestRollbackRefusesWhatCannotBeHad(t *testing.T) {
	b := newBench(t, "db", "web", "other")
	b.up(version("one", "web"))
	if err := b.rollback(version("one", "web"), app.RollbackRequest{}); err == nil || err.Error() != "no service has an earlier revision to go back to" {
		t.Errorf("error is %v", err)
	}
	if err := b.rollback(version("one", "web"), app.RollbackRequest{Services: []string{"db"}}); err == nil || err.Error() != "service db has no earlier revision to go back to" {
		t.Errorf("error is %v", err)
	}
	b.up(version("two", "other"))
	without := strings.ReplaceAll(strings.ReplaceAll(version("two", "other"), `"data:/data", `, ""), "volumes: {data: {}}", "")
	if err := b.rollback(without, app.RollbackRequest{}); err == nil || err.Error() != "service web: revision 1 uses volume data, which the files no longer have" {
		t.Errorf("error is %v", err)
	}
	if err := b.e.RemoveImage(t.Context(), "web", true); err != nil {
		t.Fatal(err)
	}
	if err := b.rollback(version("two", "other"), app.RollbackRequest{}); err == nil || !strings.HasPrefix(err.Error(), "service web: the image of revision 1 is no longer here: web (") {
		t.Errorf("error is %v", err)
	}
}

func TestRollbackTellsOfContentsThatAreNotRemembered(t *testing.T) {
	b := newBench(t, "db", "web")
	if err := os.MkdirAll(filepath.Join(b.dir, "here"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.up(version("one", "web"))
	b.up(version("two", "web"))
	told := &event.Recorder{}
	if _, err := b.telling(version("two", "web"), told).Rollback(t.Context(), app.RollbackRequest{}); err != nil {
		t.Fatal(err)
	}
	var text string
	for _, ev := range told.Events() {
		text += ev.Text + "\n"
	}
	if !strings.Contains(text, "configs.conf had another content in revision 1") {
		t.Errorf("told: %s", text)
	}
}

func TestADryRollbackChangesNothing(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(version("one", "web"))
	b.up(version("two", "web"))
	b.e.ResetCalls()
	if err := b.rollback(version("two", "web"), app.RollbackRequest{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("requests that change something: %v", calls)
	}
}

func TestWhatSharesANamespaceGoesBackWithItsParentAsItIs(t *testing.T) {
	files := func(mode string) string {
		return fmt.Sprintf(`name: p
services:
  base: {image: web, environment: {MODE: %[1]s}}
  side: {image: db, network_mode: "service:base", environment: {MODE: %[1]s}}
  after: {image: db, depends_on: {base: {condition: service_started, restart: true}}}
  apart: {image: db}
`, mode)
	}
	b := newBench(t, "db", "web")
	b.up(files("one"))
	b.up(files("two"))
	side, apart, after := b.idOf("p-side-1"), b.idOf("p-apart-1"), b.idOf("p-after-1")
	b.e.ResetCalls()
	if err := b.rollback(files("three"), app.RollbackRequest{Services: []string{"base"}}); err != nil {
		t.Fatal(err)
	}
	if mode := *b.e.Spec(b.idOf("p-base-1")).Service.Environment["MODE"]; mode != "one" {
		t.Errorf("base runs with %s", mode)
	}
	spec := b.e.Spec(b.idOf("p-side-1"))
	if b.idOf("p-side-1") == side || spec.NetworkMode != "container:"+b.idOf("p-base-1") || *spec.Service.Environment["MODE"] != "two" {
		t.Errorf("side is in %s with %s", spec.NetworkMode, *spec.Service.Environment["MODE"])
	}
	if b.idOf("p-apart-1") != apart || b.idOf("p-after-1") != after {
		t.Error("containers that need not be made anew were")
	}
	if n := b.e.Count("RestartContainer"); n != 1 {
		t.Errorf("%d containers were restarted, want the one that depends on base", n)
	}
}
