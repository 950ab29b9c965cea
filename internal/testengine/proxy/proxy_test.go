package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// through starts an engine stand-in and a proxy before it.
func through(t *testing.T, delay time.Duration, engine http.HandlerFunc) (*Proxy, *http.Client) {
	t.Helper()
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	host := "tcp://" + strings.TrimPrefix(server.URL, "http://")
	proxy, err := Start(filepath.Join(t.TempDir(), "engine.sock"), host, delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	dial := func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", strings.TrimPrefix(proxy.Host(), "unix://"))
	}
	return proxy, &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// get asks and reads the answer to its end.
func get(t *testing.T, client *http.Client, path string) {
	t.Helper()
	response, err := client.Get("http://engine" + path)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Error(err)
	}
}

func TestRequestsThatWaitForEachOtherMakeAChain(t *testing.T) {
	proxy, client := through(t, 0, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	for range 4 {
		get(t, client, "/v1.41/containers/json")
	}
	requests := proxy.Requests()
	if len(requests) != 4 || len(Chain(requests)) != 4 {
		t.Errorf("%d requests in a chain of %d, want 4 and 4", len(requests), len(Chain(requests)))
	}
	if requests[0].Path != "/containers/json" || requests[0].Status != 200 {
		t.Errorf("recorded %v", requests[0])
	}
}

func TestRequestsAtTheSameTimeMakeNoChain(t *testing.T) {
	proxy, client := through(t, 100*time.Millisecond, func(http.ResponseWriter, *http.Request) {})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { get(t, client, "/containers/x/start") })
	}
	group.Wait()
	if chain := Chain(proxy.Requests()); len(chain) != 1 {
		t.Errorf("chain %v, want one request", chain)
	}
}

func TestAStreamEndsForTheChainWhenItBegins(t *testing.T) {
	open := make(chan struct{})
	proxy, client := through(t, 0, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-open
		}
	})
	response, err := client.Get("http://engine/v1.41/events")
	if err != nil {
		t.Fatal(err)
	}
	get(t, client, "/v1.41/info")
	close(open)
	_ = response.Body.Close()
	if chain := Chain(proxy.Requests()); len(chain) != 2 {
		t.Errorf("chain %v, want events and then info", chain)
	}
}

func TestClassesLeaveNamesOut(t *testing.T) {
	for path, want := range map[string]string{
		"/containers/web-1/json":         "GET /containers/{id}/json",
		"/images/registry:5000/a/b/json": "GET /images/{id}/json",
		"/images/berth-test/app:1/json":  "GET /images/{id}/json",
		"/networks/project_default":      "GET /networks/{id}",
		"/_ping":                         "GET /_ping",
		"/containers/json":               "GET /containers/json",
	} {
		if got := (Request{Method: "GET", Path: path}).Class(); got != want {
			t.Errorf("%s is of class %s, want %s", path, got, want)
		}
	}
}
