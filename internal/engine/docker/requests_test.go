package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
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
	want := "create container demo-web-1: services.web.networks.demo_front.interface_name needs Engine API 1.49, this engine speaks 1.41"
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

// writeConfig makes a config.json and gives its folder.
func writeConfig(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPullSendsTheCredentialsOfTheRegistryAndReportsProgress(t *testing.T) {
	stream := `{"status":"Pulling from app","id":"1"}` + "\n" + `{"status":"Downloading","progressDetail":{"current":3,"total":9},"id":"layer"}` + "\n"
	secret := base64.StdEncoding.EncodeToString([]byte("me:pass"))
	dir := writeConfig(t, `{"auths":{"registry.test":{"auth":"`+secret+`"},"https://index.docker.io/v1/":{"auth":"`+secret+`"}}}`)
	for ref, host := range map[string]string{"registry.test/app:1": "registry.test", "app": dockerHub, "other.test/app": ""} {
		w, e := newWireWith(t, "1.41", map[string]http.HandlerFunc{"POST /images/create": reply(200, stream)}, Options{ConfigDir: dir})
		var last engine.PullProgress
		err := e.PullImage(t.Context(), ref, engine.PullOptions{Platform: "linux/arm64", Progress: func(p engine.PullProgress) { last = p }})
		if err != nil || last.Current != 3 || last.Total != 9 || last.Layer != "layer" {
			t.Errorf("%+v, %v", last, err)
		}
		header, _ := base64.URLEncoding.DecodeString(w.recorded()[1].Header.Get("X-Registry-Auth"))
		if got := strings.Contains(string(header), `"serveraddress":"`+host+`"`); got != (host != "") || host == "" && len(header) > 0 {
			t.Errorf("%s: header %s", ref, header)
		}
		if !strings.Contains(w.recorded()[1].Query, "platform=linux%2Farm64") {
			t.Error(w.recorded()[1].Query)
		}
	}
}

func TestRegistryRefusalsAreClassified(t *testing.T) {
	for _, test := range []struct {
		status int
		text   string
		kind   error
	}{
		{404, "pull access denied for app, repository does not exist or may require 'docker login'", engine.ErrDenied},
		{500, "unauthorized: authentication required", engine.ErrDenied},
		{404, "manifest for app:9 not found: manifest unknown: manifest unknown", engine.ErrNotFound},
		{500, "Get \"https://registry.test/v2/\": net/http: TLS handshake timeout", engine.ErrTransient},
		{500, "toomanyrequests: You have reached your pull rate limit", engine.ErrTransient},
		{200, "received unexpected HTTP status: 503 Service Unavailable", engine.ErrTransient},
	} {
		answer := refusal(test.status, test.text)
		if test.status == 200 {
			content, _ := json.Marshal(map[string]string{"error": test.text})
			answer = reply(200, string(content))
		}
		_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"POST /images/create": answer})
		if err := e.PullImage(t.Context(), "app", engine.PullOptions{}); !errors.Is(err, test.kind) {
			t.Errorf("%q: %v", test.text, err)
		}
	}
}

func TestARefusedStartKeepsItsWordsOnOneLine(t *testing.T) {
	for text, kind := range map[string]error{
		"driver failed programming external connectivity on endpoint x: Bind for 0.0.0.0:80 failed: port is already allocated": engine.ErrPortTaken,
		"listen tcp4 127.0.0.1:80: bind: address already in use":                                                               engine.ErrPortTaken,
		"OCI runtime create failed:\n permission denied: unknown":                                                              nil,
	} {
		_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"POST /containers/abc/start": refusal(500, text)})
		err := e.StartContainer(t.Context(), "abc")
		if err == nil || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "daemon") {
			t.Errorf("%v", err)
		}
		var refused *engine.Error
		if !errors.As(err, &refused) || refused.Kind != kind {
			t.Errorf("%q: kind %v", text, refused.Kind)
		}
	}
}

func TestAnUnreachableEngineIsNamedWithTheReasonAndWhatToDo(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	e, err := New(Options{Host: "unix://" + socket, ConfigDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Info(t.Context())
	want := "ask for the version: cannot reach the Docker engine at unix://" + socket + ": no such file or directory; is it running?"
	if !errors.Is(err, engine.ErrUnreachable) || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestABrokenAnswerNamesTheEngine(t *testing.T) {
	broken := func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(answer, `{"Id":`)
	}
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"GET /containers/abc/json": broken})
	_, err := e.InspectContainer(t.Context(), "abc")
	if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), e.Endpoint()+" broke") {
		t.Errorf("%v", err)
	}
}

func TestACancelledRequestStaysRecognisable(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	wait := func(http.ResponseWriter, *http.Request) { cancel(); time.Sleep(50 * time.Millisecond) }
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"POST /containers/abc/start": wait})
	if err := e.StartContainer(ctx, "abc"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// stream answers with events, one per line, and then does as told.
func stream(after func(*http.Request), lines ...string) http.HandlerFunc {
	return func(answer http.ResponseWriter, request *http.Request) {
		answer.WriteHeader(200)
		for _, line := range lines {
			_, _ = io.WriteString(answer, line+"\n")
		}
		_ = http.NewResponseController(answer).Flush()
		after(request)
	}
}

func TestAnEventStreamThatTheEngineEndsIsAnErrorUnlessItWasAskedTo(t *testing.T) {
	died := `{"Type":"container","Action":"health_status: healthy","Actor":{"ID":"abc","Attributes":{"name":"web","exitCode":"3"}},"timeNano":5}`
	for until, clean := range map[string]bool{"": false, "2020-01-01T00:00:00Z": true} {
		_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"GET /events": stream(func(*http.Request) {}, died)})
		events, err := e.Events(t.Context(), engine.EventFilter{Until: until})
		if err != nil {
			t.Fatal(err)
		}
		event := <-events.C
		if code, ok := event.ExitCode(); event.Action != "health_status" || event.Detail != "healthy" || event.Name != "web" || code != 3 || !ok {
			t.Errorf("%+v", event)
		}
		if _, open := <-events.C; open {
			t.Error("more events")
		}
		if err := events.Err(); (err == nil) != clean || err != nil && !errors.Is(err, engine.ErrUnreachable) {
			t.Errorf("until %q: %v", until, err)
		}
	}
}

func TestAnEventStreamEndsCleanlyWithItsContext(t *testing.T) {
	wait := func(request *http.Request) { <-request.Context().Done() }
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"GET /events": stream(wait)})
	ctx, cancel := context.WithCancel(t.Context())
	events, err := e.Events(ctx, engine.EventFilter{Project: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range events.C {
		t.Error("an event")
	}
	if err := events.Err(); err != nil {
		t.Error(err)
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

func TestStatsAreComputedLikeThoseOfDockerStats(t *testing.T) {
	sample := `{"name":"/web","id":"abc","precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":1000},
		"cpu_stats":{"cpu_usage":{"total_usage":200},"system_cpu_usage":2000,"online_cpus":4},
		"memory_stats":{"usage":1000,"limit":4000,"stats":{"inactive_file":200}},"pids_stats":{"current":7},
		"networks":{"eth0":{"rx_bytes":5,"tx_bytes":6},"eth1":{"rx_bytes":1,"tx_bytes":1}},
		"blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":11},{"op":"write","value":12}]}}`
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"GET /containers/abc/stats": reply(200, sample)})
	var got engine.Stats
	if err := e.Stats(t.Context(), "abc", false, func(s engine.Stats) error { got = s; return nil }); err != nil {
		t.Fatal(err)
	}
	want := engine.Stats{ID: "abc", Name: "web", CPUPercent: 40, MemoryUsage: 800, MemoryLimit: 4000, MemoryPercent: 20,
		NetworkRx: 6, NetTx: 7, BlockRead: 11, BlockWrite: 12, PIDs: 7}
	if got != want {
		t.Errorf("%+v", got)
	}
}

func TestAClassicBuildSendsItsContextAndGivesTheImage(t *testing.T) {
	answer := `{"stream":"Step 1/1 : FROM scratch\n"}` + "\n" + `{"aux":{"ID":"sha256:1"}}` + "\n"
	w, e := newWire(t, "1.41", map[string]http.HandlerFunc{"POST /build": reply(200, answer)})
	var out strings.Builder
	config := types.BuildConfig{Dockerfile: "Dockerfile", Tags: types.StringList{"app"}, Target: "run", Platforms: types.StringList{"linux/amd64"}}
	id, err := e.ClassicBuild(t.Context(), strings.NewReader("tar"), config, 1<<20, &out)
	if err != nil || id != "sha256:1" || !strings.HasPrefix(out.String(), "Step 1/1") {
		t.Error(id, out.String(), err)
	}
	request := w.recorded()[1]
	for _, part := range []string{"t=app", "target=run", "memory=1048576", "platform=linux%2Famd64", "version=1"} {
		if !strings.Contains(request.Query, part) || string(request.Body) != "tar" {
			t.Errorf("%s lacks %s", request.Query, part)
		}
	}
	failing := map[string]http.HandlerFunc{"POST /build": reply(200, `{"error":"no such\nstage"}`)}
	_, e = newWire(t, "1.41", failing)
	if _, err := e.ClassicBuild(t.Context(), nil, config, 0, &out); err == nil || err.Error() != "build image app: no such stage" {
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
