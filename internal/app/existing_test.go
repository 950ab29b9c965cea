package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// oneOff puts a running container of `run` beside a project's replicas.
func (b *bench) oneOff(project, service string) engine.CreatedContainer {
	b.t.Helper()
	c, err := b.e.CreateContainer(b.t.Context(), engine.ContainerSpec{
		Name: project + "-" + service + "-run-1", Image: service, Labels: map[string]string{
			"com.docker.compose.project": project, "com.docker.compose.service": service,
			"com.docker.compose.oneoff": "True", "com.docker.compose.config-hash": "x",
		},
	})
	if err == nil {
		err = b.e.StartContainer(b.t.Context(), c.ID)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) names(a *app.App, r app.PsRequest) string {
	b.t.Helper()
	list, err := a.Ps(b.t.Context(), r)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, c := range list {
		out = append(out, strings.TrimPrefix(c.Name, "shop-"))
	}
	return strings.Join(out, " ")
}

func TestTheNameAloneStandsForAProjectWhateverLiesInTheFolder(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	byName := app.ProjectOptions{Name: "shop"}
	for _, other := range []string{"name: other\nservices: {x: {image: x}}\n", "services: {x: {image: \"${NEED:?must}\"}}\n"} {
		a := b.app(other)
		if got := b.names(a, app.PsRequest{Project: byName}); got != "db-1 web-1" {
			t.Errorf("beside %q ps gives %q", other, got)
		}
	}
	if err := b.app("broken: [").Stop(t.Context(), app.ServicesRequest{Project: byName}); err != nil {
		t.Fatal(err)
	}
	if got := b.names(b.app("broken: ["), app.PsRequest{Project: byName}); got != "" {
		t.Errorf("after stop these run: %s", got)
	}
	if err := b.app("name: other\nservices: {x: {image: x}}\n").Down(t.Context(), app.DownRequest{Project: byName}); err != nil {
		t.Error(err)
	}
	if got := b.names(b.app(shop), app.PsRequest{All: true}); got != "" {
		t.Errorf("after down there are still: %s", got)
	}
}

func TestTheNameOfTheEnvironmentIsEnoughWhereTheFilesAreBroken(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	if err := os.WriteFile(filepath.Join(b.dir, ".env"), []byte("COMPOSE_PROJECT_NAME=shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	told := &event.Recorder{}
	a := b.telling("services: {x: {image: \"${NEED:?must}\"}}\n", told)
	if got := b.names(a, app.PsRequest{}); got != "db-1 web-1" {
		t.Errorf("ps gives %q", got)
	}
	if !slices.ContainsFunc(told.Events(), func(e event.Event) bool {
		return e.Kind == event.KindWarning && strings.Contains(e.Text, "COMPOSE_PROJECT_NAME alone") && strings.Contains(e.Text, "NEED")
	}) {
		t.Errorf("nobody is told that the files are broken: %v", told.Events())
	}
	if err := os.Remove(filepath.Join(b.dir, ".env")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.app("services: {x: {image: \"${NEED:?must}\"}}\n").Ps(t.Context(), app.PsRequest{}); err == nil {
		t.Error("without any name broken files must be an error")
	}
}

func TestPsShowsContainersOfRunOnlyWhenAsked(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	once := b.oneOff("shop", "web")
	for _, c := range []struct {
		request app.PsRequest
		want    string
	}{
		{app.PsRequest{Orphans: true}, "db-1 web-1"},
		{app.PsRequest{Orphans: true, All: true}, "db-1 web-1 web-run-1"},
		{app.PsRequest{Orphans: true, Status: []string{"running"}}, "db-1 web-1 web-run-1"},
	} {
		if got := b.names(b.app(shop), c.request); got != c.want {
			t.Errorf("%+v gives %q, want %q", c.request, got, c.want)
		}
	}
	b.e.Exit(once.ID, 3)
	if got := b.names(b.app(shop), app.PsRequest{Filter: "status=exited"}); got != "web-run-1" {
		t.Errorf("of those that have ended ps shows %q", got)
	}
}

func TestListCountsAllThatRunAndMatchesByPattern(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	b.oneOff("shop", "web")
	if err := b.app(shop).Pause(t.Context(), app.ServicesRequest{Services: []string{"db"}}); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]string{"": "paused(1), running(2)", "name=^sho": "paused(1), running(2)", "name=s.op": "paused(1), running(2)", "name=^hop": ""} {
		r := app.ListRequest{}
		if filter != "" {
			r.Filters = []string{filter}
		}
		list, err := b.app(shop).List(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(list) > 0 {
			got = list[0].Status
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", filter, got, want)
		}
	}
	if _, err := b.app(shop).List(t.Context(), app.ListRequest{Filters: []string{"name=["}}); err == nil {
		t.Error("a broken pattern must be an error")
	}
}

const lessShop = "name: shop\nservices:\n  web: {image: web}\n"

func TestOrphansAndOneOffsAreInImagesTopAndStats(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	b.oneOff("shop", "web")
	a := b.app(lessShop)
	images, err := a.Images(t.Context(), app.ImagesRequest{})
	if err != nil || len(images) != 3 {
		t.Errorf("images gives %v, %v", images, err)
	}
	top, err := a.Top(t.Context(), app.TopRequest{})
	if err != nil || len(top) != 3 {
		t.Errorf("top gives %v, %v", top, err)
	}
	err = a.Stats(t.Context(), app.StatsRequest{}, func(rows []app.StatsRow) error {
		if len(rows) != 3 {
			t.Errorf("stats gives %v", rows)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestKillReachesContainersOfRun(t *testing.T) {
	b := newBench(t, "web")
	b.up(lessShop)
	once := b.oneOff("shop", "web")
	if err := b.app(lessShop).Kill(t.Context(), app.ServicesRequest{}); err != nil {
		t.Fatal(err)
	}
	if c, err := b.e.InspectContainer(t.Context(), once.ID); err != nil || c.IsRunning() {
		t.Errorf("it is %s, %v", c.State, err)
	}
}

func TestPortOfAServiceThatDoesNotRunSaysSo(t *testing.T) {
	b := newBench(t, "web")
	b.up(lessShop)
	b.e.Exit("shop-web-1", 1)
	_, err := b.app(lessShop).Port(t.Context(), app.PortRequest{Service: "web", Port: 80})
	if err == nil || !strings.HasPrefix(err.Error(), `service "web" is not running`) {
		t.Errorf("got %v", err)
	}
}

func TestLogsOfOneReplicaNeedOneServiceThatHasIt(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	for _, r := range []app.LogsRequest{
		{Index: 1}, {Index: 1, Services: []string{"db", "web"}}, {Index: 7, Services: []string{"web"}},
	} {
		if err := b.app(shop).Logs(t.Context(), r, &lines{}); err == nil {
			t.Errorf("%+v must be refused", r)
		}
	}
	if err := b.app(shop).Logs(t.Context(), app.LogsRequest{Index: 1, Services: []string{"web"}}, &lines{}); err != nil {
		t.Error(err)
	}
}

func TestCopyingGoesOnPastAContainerThatRefuses(t *testing.T) {
	b := newBench(t, "web")
	const two = "name: shop\nservices:\n  web: {image: web, scale: 2}\n"
	b.up(two)
	if err := os.WriteFile(filepath.Join(b.dir, "f"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := &engine.Error{Op: "copy to", Name: "shop-web-1", Text: "no space left on device"}
	first, err := b.e.InspectContainer(t.Context(), "shop-web-1")
	if err != nil {
		t.Fatal(err)
	}
	b.failCopies(first.ID, refused)
	err = b.app(two).Copy(t.Context(), app.CopyRequest{Source: "f", Destination: "web:/f"}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "no space left") || strings.Contains(err.Error(), "cannot reach") {
		t.Errorf("the copy ends with %v", err)
	}
	second, err := b.e.InspectContainer(t.Context(), "shop-web-2")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.e.Files(second.ID)["/f"]; !ok {
		t.Errorf("the other container has %v", b.e.Files(second.ID))
	}
}

func TestAMissingImageIsReportedWithAllOtherProblems(t *testing.T) {
	b := newBench(t, "web")
	files := `name: shop
services:
  a: {image: "none:1", pull_policy: never}
  b: {image: web, networks: [gone]}
networks: {gone: {external: true}}
`
	b.e.ResetCalls()
	_, err := b.app(files).Up(t.Context(), app.UpRequest{})
	if err == nil || !strings.Contains(err.Error(), "services.a.image: image none:1 is not here") || !strings.Contains(err.Error(), "networks.gone") {
		t.Errorf("up ends with %v", err)
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("something was changed: %v", calls)
	}
	if p := b.plan(files, app.UpRequest{}); len(p.Problems) != 2 {
		t.Errorf("the plan's problems are %q", p.Problems)
	}
}

func TestAPlanFileThatSomebodyHasEditedIsRefused(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	changed := strings.Replace(shop, "MODE: a", "MODE: b", 1)
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := app.WritePlan(file, b.plan(changed, app.UpRequest{})); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(text), `"new": "b"`, `"new": "c"`, 1)
	if forged == string(text) {
		t.Fatalf("nothing to forge in %s", text)
	}
	if err := os.WriteFile(file, []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	b.e.ResetCalls()
	if _, err := b.app(changed).Up(t.Context(), app.UpRequest{PlanFile: file}); err == nil {
		t.Error("it was applied")
	}
	if calls := b.e.Mutations(); len(calls) > 0 {
		t.Errorf("something was changed: %v", calls)
	}
}

func TestServicesOfInactiveProfilesAreLeftAloneUnlessNamed(t *testing.T) {
	files := `name: shop
services:
  web: {image: web}
  tool: {image: web, profiles: [tools], volumes: [data:/data]}
volumes: {data: {}}
`
	on := app.ProjectOptions{Profiles: []string{"tools"}}
	for name, verb := range map[string]func(*app.App, []string) error{
		"stop":    func(a *app.App, s []string) error { return a.Stop(t.Context(), app.ServicesRequest{Services: s}) },
		"restart": func(a *app.App, s []string) error { return a.Restart(t.Context(), app.ServicesRequest{Services: s}) },
		"kill":    func(a *app.App, s []string) error { return a.Kill(t.Context(), app.ServicesRequest{Services: s}) },
		"pause":   func(a *app.App, s []string) error { return a.Pause(t.Context(), app.ServicesRequest{Services: s}) },
		"rm": func(a *app.App, s []string) error {
			return a.Remove(t.Context(), app.ServicesRequest{Services: s, Force: true, Stop: true})
		},
		"down -v": func(a *app.App, s []string) error {
			return a.Down(t.Context(), app.DownRequest{Services: s, Volumes: true})
		},
	} {
		b := newBench(t, "web")
		if _, err := b.app(files).Up(t.Context(), app.UpRequest{Project: on}); err != nil {
			t.Fatal(err)
		}
		tool := func() (calls string) {
			for _, c := range b.e.Mutations() {
				for _, word := range append(c.Args, c.Method) {
					if word == toolID(b) || word == "shop_data" {
						calls += c.String() + ", "
					}
				}
			}
			return calls
		}
		id := toolID(b)
		b.e.ResetCalls()
		err := verb(b.app(files), nil)
		if name != "down -v" && err != nil { // that one says that the network is in use
			t.Errorf("%s: %v", name, err)
		}
		if got := tool(); got != "" || toolID(b) != id {
			t.Errorf("%s without the profile touched it: %s", name, got)
		}
		if err := verb(b.app(files), []string{"tool"}); err != nil {
			t.Errorf("%s tool: %v", name, err)
		}
		if toolID(b) == id && tool() == "" {
			t.Errorf("%s tool did nothing", name)
		}
	}
}

// toolID is the ID of a container, empty when it is gone.
func toolID(b *bench) string {
	c, err := b.e.InspectContainer(b.t.Context(), "shop-tool-1")
	if err != nil {
		return ""
	}
	return c.ID
}

func TestStartOfAServiceBringsThoseItDependsOn(t *testing.T) {
	b := newBench(t, "db", "web")
	b.up(shop)
	if err := b.app(shop).Stop(t.Context(), app.ServicesRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := b.app(shop).Start(t.Context(), app.ServicesRequest{Services: []string{"web"}}); err != nil {
		t.Fatal(err)
	}
	if got := b.names(b.app(shop), app.PsRequest{}); got != "db-1 web-1" {
		t.Errorf("these run: %s", got)
	}
	if err := b.app(shop).Down(t.Context(), app.DownRequest{}); err != nil {
		t.Fatal(err)
	}
	for _, services := range [][]string{nil, {"web"}} {
		err := b.app(shop).Start(t.Context(), app.ServicesRequest{Services: services})
		if err == nil || !strings.Contains(err.Error(), "has no container to start") {
			t.Errorf("start %v of nothing ends with %v", services, err)
		}
	}
}

func TestAllResourcesAreMadeAndTakenAwayWhereThatIsAskedFor(t *testing.T) {
	files := "name: shop\nservices: {web: {image: web}}\nnetworks: {unused: {}}\nvolumes: {spare: {}}\n"
	all := app.ProjectOptions{AllResources: true}
	b := newBench(t, "web")
	has := func() (network, volume bool) {
		s := b.e.Snapshot()
		text := fmt.Sprint(s.Networks, s.Volumes)
		return strings.Contains(text, "shop_unused"), strings.Contains(text, "shop_spare")
	}
	b.up(files)
	if n, v := has(); n || v {
		t.Errorf("without being asked: network %v, volume %v", n, v)
	}
	if _, err := b.app(files).Up(t.Context(), app.UpRequest{Project: all}); err != nil {
		t.Fatal(err)
	}
	if n, v := has(); !n || !v {
		t.Errorf("asked for all: network %v, volume %v", n, v)
	}
	if err := b.app(files).Down(t.Context(), app.DownRequest{Project: all, Volumes: true}); err != nil {
		t.Fatal(err)
	}
	if n, v := has(); n || v {
		t.Errorf("down leaves: network %v, volume %v", n, v)
	}
}
