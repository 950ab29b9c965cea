package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

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
		{500, "error parsing HTTP 429 response body: unexpected status code 429 Too Many Requests", engine.ErrTransient},
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
		if !errors.As(err, &refused) || refused.Kind != kind { //nolint:errorlint // no kind that wraps it
			t.Errorf("%q: kind %v", text, refused.Kind)
		}
	}
}

func TestRefusalsThatCallForDifferentStepsHaveKindsOfTheirOwn(t *testing.T) {
	id := strings.Repeat("ab", 32)
	for _, test := range []struct {
		status int
		text   string
		kind   error
	}{
		{409, "removal of container " + id + " is already in progress", engine.ErrRemoving},
		{409, "You cannot remove a running container " + id + ". Stop the container before attempting removal or force remove", engine.ErrRunning},
		{409, `cannot remove container "web": container is running: stop the container before removing or force remove`, engine.ErrRunning},
		{409, "cannot do that", engine.ErrConflict},
		{500, "container " + id + " is not connected to network front", engine.ErrNotFound},
		{409, "Container " + id + " is marked for removal and cannot be connected or disconnected to the network", engine.ErrRemoving},
		{403, "bridge driver doesn't support multiple subnets", nil},
	} {
		_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"DELETE /containers/" + id: refusal(test.status, test.text)})
		err := e.RemoveContainer(t.Context(), id, engine.RemoveOptions{})
		var refused *engine.Error
		if !errors.As(err, &refused) || refused.Kind != test.kind { //nolint:errorlint // no kind that wraps it
			t.Errorf("%q: %v", test.text, err)
		}
		if test.status == 409 && !errors.Is(err, engine.ErrConflict) {
			t.Errorf("%v is no conflict", err)
		}
		if strings.Contains(err.Error(), id) || !strings.HasPrefix(err.Error(), "remove container "+id[:12]+": ") {
			t.Errorf("%v", err)
		}
	}
}

func TestARemovalThatTheFileSystemDoesNotLetThroughIsTriedAgain(t *testing.T) {
	held := refusal(500, "container abc: unable to remove filesystem: unlinkat /var/lib/docker/containers/abc: directory not empty")
	for _, test := range []struct {
		answers  []http.HandlerFunc // the last one for ever
		requests int
		done     bool
	}{
		{[]http.HandlerFunc{held, held, reply(204, "")}, 3, true},
		{[]http.HandlerFunc{held, refusal(404, "No such container: abc")}, 2, true},
		{[]http.HandlerFunc{refusal(500, "driver failed")}, 1, false},
		{[]http.HandlerFunc{held}, removeTries, false},
	} {
		asked := 0
		answer := func(w http.ResponseWriter, r *http.Request) {
			next := min(asked, len(test.answers)-1)
			asked++
			test.answers[next](w, r)
		}
		_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"DELETE /containers/abc": answer, "DELETE /volumes/abc": answer})
		for _, remove := range []func() error{
			func() error { return e.RemoveContainer(t.Context(), "abc", engine.RemoveOptions{}) },
			func() error { return e.RemoveVolume(t.Context(), "abc", false) },
		} {
			asked = 0
			if err := remove(); (err == nil) != test.done || asked != test.requests {
				t.Errorf("%d requests, want %d: %v", asked, test.requests, err)
			}
		}
	}
}

func TestDigestsAndVolumesAreNotShortened(t *testing.T) {
	id := strings.Repeat("ab", 32)
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"DELETE /volumes/" + id: refusal(500, "no sha256:"+id)})
	if err := e.RemoveVolume(t.Context(), id, false); err == nil || err.Error() != "remove volume "+id+": no sha256:"+id {
		t.Errorf("%v", err)
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
	if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), e.Endpoint()+" closed the connection") {
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

func TestARequestThatAFailureElsewhereHasEndedDoesNotBlameTheEngine(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	wait := func(http.ResponseWriter, *http.Request) {
		cancel(errors.New("a failure elsewhere"))
		time.Sleep(50 * time.Millisecond)
	}
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"POST /containers/abc/start": wait})
	err := e.StartContainer(ctx, "abc")
	if !errors.Is(err, context.Canceled) || err.Error() != "start container abc: context canceled" {
		t.Errorf("%v", err)
	}
	if _, err := e.Containers(ctx, engine.ContainerFilter{}); !errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestAnEventKeepsTheEnginesWords(t *testing.T) {
	_, e := newWire(t, "1.41", map[string]http.HandlerFunc{"GET /events": stream(func(*http.Request) {}, `{"Type":"container","Action":"exec_create: true "}`)})
	events, err := e.Events(t.Context(), engine.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if event := <-events.C; event.Action+": "+event.Detail != "exec_create: true " {
		t.Errorf("%+v", event)
	}
}

func stream(after func(*http.Request), lines ...string) http.HandlerFunc {
	return func(answer http.ResponseWriter, request *http.Request) {
		answer.WriteHeader(http.StatusOK)
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
