package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

func TestMakingAnAdapterAsksNothingAndTheFirstRequestsPingOnce(t *testing.T) {
	w, e := newWire(t, "1.41", map[string]http.HandlerFunc{"GET /containers/json": reply(200, "[]")})
	if got := w.recorded(); len(got) != 0 {
		t.Fatalf("%d requests before the first question", len(got))
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := e.Containers(context.Background(), engine.ContainerFilter{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if pings := len(w.recorded()) - len(w.lines()); pings != 1 {
		t.Errorf("%d pings", pings)
	}
}

func TestTheSpokenVersionIsTheOlderOfBothSides(t *testing.T) {
	for server, want := range map[string]string{"1.41": "1.41", "1.47": "1.47", "1.99": api.DefaultVersion} {
		w, e := newWire(t, server, nil)
		info, err := e.Info(t.Context())
		if err != nil || info.APIVersion != want {
			t.Errorf("engine %s: spoke %s, want %s; %v", server, info.APIVersion, want, err)
		}
		w.expect(t, "GET /v"+want+"/version")
	}
}

func TestDockerAPIVersionIsObeyedWithoutAPing(t *testing.T) {
	environ := func(name string) string { return map[string]string{"DOCKER_API_VERSION": "1.43"}[name] }
	w, e := newWireWith(t, "1.48", nil, Options{ConfigDir: t.TempDir(), Environ: environ})
	if _, err := e.Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.recorded(); len(got) != 1 || got[0].Path != "/v1.43/version" {
		t.Errorf("%+v", got)
	}
}

func TestAnEngineBefore2010IsRefusedByName(t *testing.T) {
	_, e := newWire(t, "1.40", nil)
	_, err := e.Info(t.Context())
	if !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), "API 1.41 (Docker 20.10) or newer") {
		t.Error(err)
	}
}

func TestEachListIsOneRequest(t *testing.T) {
	var asked map[string]map[string]bool
	list := func(answer http.ResponseWriter, request *http.Request) {
		asked = filtersOf(t, request)
		reply(200, "[]")(answer, request)
	}
	answers := map[string]http.HandlerFunc{
		"GET /containers/json": list, "GET /networks": list, "GET /images/json": list, "GET /volumes": reply(200, "{}"),
	}
	ctx := t.Context()
	for _, test := range []struct {
		path, key string
		values    []string
		ask       func(*Engine) error
	}{
		{"/containers/json", "label", []string{labels.Project + "=demo"}, func(e *Engine) error {
			_, err := e.Containers(ctx, engine.ContainerFilter{Project: "demo"})
			return err
		}},
		{"/containers/json", "name", []string{`^/?a\.b$`, "^/?c$"}, func(e *Engine) error {
			_, err := e.Containers(ctx, engine.ContainerFilter{Names: []string{"a.b", "c"}})
			return err
		}},
		{"/networks", "", nil, func(e *Engine) error { _, err := e.Networks(ctx, "demo", "shared", "other"); return err }},
		{"/volumes", "", nil, func(e *Engine) error { _, err := e.Volumes(ctx, "demo", "shared"); return err }},
		{"/images/json", "reference", []string{"nginx:latest", "example.test/app:2", "nginx@sha256:" + strings.Repeat("a", 64)}, func(e *Engine) error {
			_, err := e.Images(ctx, "nginx", "example.test/app:2", "docker.io/library/nginx:1@sha256:"+strings.Repeat("a", 64))
			if errors.Is(err, engine.ErrNotFound) {
				err = nil
			}
			return err
		}},
	} {
		asked = nil
		answers["GET /images/nginx@sha256:"+strings.Repeat("a", 64)+"/json"] = refusal(404, "no such image")
		w, e := newWire(t, "1.41", answers)
		if err := test.ask(e); err != nil {
			t.Errorf("%s: %v", test.path, err)
		}
		if got := w.lines(); got[0] != "GET /v1.41"+test.path || len(got) != 1 && test.key != "reference" {
			t.Errorf("requests %v", got)
		}
		for _, value := range test.values {
			if !asked[test.key][value] {
				t.Errorf("%s: filters %v lack %s", test.path, asked, value)
			}
		}
	}
}

func TestAProjectOrNamesAreUnitedFromOneList(t *testing.T) {
	rows := `[{"Id":"1","Names":["/demo-web-1"],"Labels":{"com.docker.compose.project":"demo"}},
		{"Id":"2","Names":["/fixed","/demo-web-1/alias"],"Labels":{}},{"Id":"3","Names":["/else"],"Labels":{}}]`
	w, e := newWire(t, "1.41", map[string]http.HandlerFunc{"GET /containers/json": reply(200, rows)})
	list, err := e.Containers(t.Context(), engine.ContainerFilter{Project: "demo", Names: []string{"fixed"}})
	if err != nil || len(list) != 2 || list[1].Name != "fixed" || len(list[1].Names) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	w.expect(t, "GET /v1.41/containers/json")
}

func TestStatusTextGivesHealthAndExitCode(t *testing.T) {
	for status, want := range map[string]struct {
		health engine.Health
		code   int
	}{
		"Up 3 seconds":                    {engine.NoHealth, 0},
		"Up 3 seconds (health: starting)": {engine.Starting, 0},
		"Up 2 minutes (healthy)":          {engine.Healthy, 0},
		"Up 2 minutes (unhealthy)":        {engine.Unhealthy, 0},
		"Up 2 minutes (Paused)":           {engine.NoHealth, 0},
		"Exited (137) 2 minutes ago":      {engine.NoHealth, 137},
		"Restarting (1) 5 seconds ago":    {engine.NoHealth, 1},
		"Created":                         {engine.NoHealth, 0},
		"Exited (3":                       {engine.NoHealth, 0},
	} {
		if health, code := parseStatus(status); health != want.health || code != want.code {
			t.Errorf("%q: %q %d", status, health, code)
		}
	}
}

func TestAContainerOfOneOfSeveralPlatformsSaysWhich(t *testing.T) {
	rows := `[{"Id":"abc","Names":["/a"],"ImageManifestDescriptor":{"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}},{"Id":"def","Names":["/b"]}]`
	_, e := newWire(t, "1.48", map[string]http.HandlerFunc{"GET /containers/json": reply(200, rows)})
	list, err := e.Containers(t.Context(), engine.ContainerFilter{})
	if err != nil || len(list) != 2 || list[0].Platform != "linux/arm64/v8" || list[1].Platform != "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// twoNetworks is a container on two networks.
func twoNetworks() engine.ContainerSpec {
	spec := engine.ContainerSpec{
		Name: "demo-web-1", Image: "nginx", Labels: map[string]string{"a": "b"},
		Networks: []engine.Endpoint{
			{Network: "demo_back", Aliases: []string{"web"}, MacAddress: "02:42:ac:11:00:02"},
			{Network: "demo_front", Aliases: []string{"web"}, Config: &types.ServiceNetworkConfig{GatewayPriority: 5, InterfaceName: "eth7"}},
		},
	}
	spec.Service.Name = "web"
	spec.Service.Networks = map[string]*types.ServiceNetworkConfig{"back": nil, "front": spec.Networks[1].Config}
	return spec
}

func TestCreatingAContainerIsOneRequest(t *testing.T) {
	created := reply(201, `{"Id":"abc","Warnings":["careful"]}`)
	w, e := newWire(t, "1.49", map[string]http.HandlerFunc{"POST /containers/create": created})
	answer, err := e.CreateContainer(t.Context(), twoNetworks())
	if err != nil || answer.ID != "abc" || len(answer.Warnings) != 1 {
		t.Fatal(answer, err)
	}
	w.expect(t, "POST /v1.49/containers/create")
	request := w.recorded()[1]
	if request.Query != "name=demo-web-1" {
		t.Errorf("query %s", request.Query)
	}
	var body struct {
		MacAddress       string
		HostConfig       struct{ NetworkMode string }
		NetworkingConfig struct {
			EndpointsConfig map[string]struct {
				MacAddress string
				GwPriority int
				DriverOpts map[string]string
			}
		}
	}
	if err := json.Unmarshal(request.Body, &body); err != nil {
		t.Fatal(err)
	}
	back, front := body.NetworkingConfig.EndpointsConfig["demo_back"], body.NetworkingConfig.EndpointsConfig["demo_front"]
	if body.HostConfig.NetworkMode != "demo_back" || back.MacAddress == "" || body.MacAddress != "" ||
		front.GwPriority != 5 || front.DriverOpts[interfaceOption] != "eth7" {
		t.Errorf("%s", request.Body)
	}
}

func TestAnOlderEngineJoinsFurtherNetworksAfterwards(t *testing.T) {
	spec := twoNetworks()
	spec.Networks[1].Config = nil
	created := reply(201, `{"Id":"abc"}`)
	w, e := newWire(t, "1.41", map[string]http.HandlerFunc{"POST /containers/create": created})
	if _, err := e.CreateContainer(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "POST /v1.41/containers/create", "POST /v1.41/networks/demo_front/connect")
	if body := string(w.recorded()[1].Body); !strings.Contains(body, `"MacAddress":"02:42:ac:11:00:02"`) {
		t.Errorf("no container-level hardware address: %s", body)
	}
}

func TestAContainerThatCannotJoinANetworkIsRemovedAgain(t *testing.T) {
	spec := twoNetworks()
	spec.Networks[1].Config = nil
	w, e := newWire(t, "1.41", map[string]http.HandlerFunc{
		"POST /containers/create":           reply(201, `{"Id":"abc"}`),
		"POST /networks/demo_front/connect": refusal(404, "network demo_front not found"),
		"DELETE /containers/abc":            reply(204, ""),
	})
	if _, err := e.CreateContainer(t.Context(), spec); !errors.Is(err, engine.ErrNotFound) {
		t.Error(err)
	}
	if lines := w.lines(); lines[len(lines)-1] != "DELETE /v1.41/containers/abc" {
		t.Error(lines)
	}
}

func TestAKeyThatChangesMeaningIsRefusedOnAnOlderEngineWithoutARequest(t *testing.T) {
	w, e := newWire(t, "1.41", nil)
	_, err := e.CreateContainer(t.Context(), twoNetworks())
	want := "create container demo-web-1: services.web.networks.front.interface_name needs Engine API 1.49, this engine speaks 1.41"
	if !errors.Is(err, engine.ErrUnsupported) || err.Error() != want {
		t.Error(err)
	}
	w.expect(t)
}

func TestAllFilesTravelInOneArchive(t *testing.T) {
	w, e := newWire(t, "1.41", nil)
	files := []engine.File{
		{Target: "/run/secrets/b", Content: []byte("bb"), UID: 5, GID: 6, Mode: 0o400},
		{Target: "/etc/a", Content: []byte("a"), Mode: 0o644},
	}
	if err := e.CopyFiles(t.Context(), "abc", files); err != nil {
		t.Fatal(err)
	}
	w.expect(t, "PUT /v1.41/containers/abc/archive")
	archive := tar.NewReader(bytes.NewReader(w.recorded()[1].Body))
	var names []string
	for header, err := archive.Next(); err == nil; header, err = archive.Next() {
		names = append(names, header.Name)
		if header.Typeflag != tar.TypeReg || header.Name == "run/secrets/b" && (header.Uid != 5 || header.Gid != 6 || header.Mode != 0o400) {
			t.Errorf("%+v", header)
		}
	}
	if strings.Join(names, " ") != "etc/a run/secrets/b" {
		t.Error(names)
	}
}

// Not every engine can run a privileged process, so this is about the request.
func TestAPrivilegedExecIsAskedFor(t *testing.T) {
	w, e := newWire(t, "1.41", map[string]http.HandlerFunc{"POST /containers/abc/exec": refusal(409, "not running")})
	for _, privileged := range []bool{true, false} {
		if _, err := e.Exec(t.Context(), "abc", engine.ExecSpec{Cmd: []string{"true"}, Privileged: privileged}, engine.Streams{}); err == nil {
			t.Fatal("no error")
		}
		requests := w.recorded()
		var body struct{ Privileged bool }
		if err := json.Unmarshal(requests[len(requests)-1].Body, &body); err != nil || body.Privileged != privileged {
			t.Errorf("%s: %v", requests[len(requests)-1].Body, err)
		}
	}
}

func TestStopRoundsItsLimitUpAndRefusesASignalThatWouldBeIgnored(t *testing.T) {
	w, e := newWire(t, "1.41", nil)
	limit := 1500 * time.Millisecond
	if err := e.StopContainer(t.Context(), "abc", engine.StopOptions{Timeout: &limit}); err != nil {
		t.Fatal(err)
	}
	if query := w.recorded()[1].Query; query != "t=2" {
		t.Error(query)
	}
	if err := e.StopContainer(t.Context(), "abc", engine.StopOptions{Signal: "SIGINT"}); !errors.Is(err, engine.ErrUnsupported) {
		t.Error(err)
	}
}

func TestAKeyThatIsLeftOutIsSaidInTheWarnings(t *testing.T) {
	_, e := newWire(t, "1.42", map[string]http.HandlerFunc{"POST /containers/create": reply(201, `{"Id":"abc"}`)})
	spec := webSpec()
	spec.Service.Annotations = types.Mapping{"a": "b"}
	answer, err := e.CreateContainer(t.Context(), spec)
	want := "services.web.annotations needs Engine API 1.43, this engine speaks 1.42; it is left out"
	if err != nil || len(answer.Warnings) != 1 || answer.Warnings[0] != want {
		t.Error(answer, err)
	}
}
