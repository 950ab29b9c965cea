package docker

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

const taken = "driver failed programming external connectivity on endpoint web (f00): Error starting userland proxy: listen tcp4 0.0.0.0:%d: bind: address already in use"

// refusing is an engine that tells of these ports, start by start, that they
// are taken, and of the last one for ever.
func refusing(t *testing.T, bound string, ports ...int) (*wire, *Engine) {
	t.Helper()
	asked := 0
	return newWire(t, "1.41", map[string]http.HandlerFunc{
		"POST /containers/c1/start": func(answer http.ResponseWriter, request *http.Request) {
			port := ports[min(asked, len(ports)-1)]
			asked++
			if port == 0 {
				reply(http.StatusNoContent, "")(answer, request)
				return
			}
			refusal(http.StatusInternalServerError, fmt.Sprintf(taken, port))(answer, request)
		},
		"GET /containers/c1/json": reply(http.StatusOK,
			`{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"`+bound+`"}],"81/tcp":[{"HostPort":""}]}}}`),
	})
}

const (
	startRequest   = "POST /v1.41/containers/c1/start"
	inspectRequest = "GET /v1.41/containers/c1/json"
)

func TestAStartGoesOnToTheNextPortOfARange(t *testing.T) {
	w, e := refusing(t, "8000-8002", 8000, 8001, 0)
	if err := e.StartContainer(t.Context(), "c1"); err != nil {
		t.Error(err)
	}
	w.expect(t, startRequest, inspectRequest, startRequest, inspectRequest, startRequest)
}

func TestAStartEndsWhenTheRangeHasBeenTried(t *testing.T) {
	w, e := refusing(t, "8000-8001", 8000, 8001, 8000)
	err := e.StartContainer(t.Context(), "c1")
	if !errors.Is(err, engine.ErrPortTaken) || TakenPort(err) != "0.0.0.0:8000" {
		t.Errorf("error %v", err)
	}
	w.expect(t, startRequest, inspectRequest, startRequest, inspectRequest, startRequest)
}

func TestAStartIsTriedOnceWhereThePortIsFixed(t *testing.T) {
	for _, bound := range []string{"8000", "8000-8000", "8001-8002", "7000-7999"} {
		w, e := refusing(t, bound, 8000)
		if err := e.StartContainer(t.Context(), "c1"); !errors.Is(err, engine.ErrPortTaken) {
			t.Errorf("%s: error %v", bound, err)
		}
		w.expect(t, startRequest, inspectRequest)
	}
	w, e := newWire(t, "1.41", map[string]http.HandlerFunc{
		"POST /containers/c1/start": refusal(http.StatusInternalServerError, "all ports are allocated"),
	})
	if err := e.StartContainer(t.Context(), "c1"); !errors.Is(err, engine.ErrPortTaken) {
		t.Errorf("error %v", err)
	}
	w.expect(t, startRequest)
}

func TestAContainerFindsTheFreePortOfARange(t *testing.T) {
	e := realEngine(t)
	const first, last = 48731, 48734
	for port := first; port < last; port++ {
		held, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Skipf("port %d: %v", port, err)
		}
		t.Cleanup(func() { _ = held.Close() })
	}
	spec := plainSpec(t, "sleep", "60")
	spec.NetworkMode = "bridge"
	spec.Service.Ports = []types.ServicePortConfig{{
		Target: 80, Published: fmt.Sprintf("%d-%d", first, last), HostIP: "127.0.0.1",
	}}
	id := create(t, e, spec)
	if err := e.StartContainer(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	got, err := e.InspectContainer(t.Context(), id)
	if err == nil && len(got.Ports) == 1 && got.Ports[0].Published == first {
		t.Skip("the engine is on another network than the test")
	}
	if err != nil || len(got.Ports) != 1 || got.Ports[0].Published != last {
		t.Errorf("ports %v, error %v", got.Ports, err)
	}
}
