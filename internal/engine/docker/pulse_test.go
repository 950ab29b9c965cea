package docker

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// quietEngine answers on a socket until it is told to fall silent.
type quietEngine struct {
	*Engine
	silent atomic.Bool
	pings  atomic.Int32
}

func newQuietEngine(t *testing.T) *quietEngine {
	t.Helper()
	q := &quietEngine{}
	release := make(chan struct{})
	listener, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			q.pings.Add(1)
		}
		if q.silent.Load() {
			<-release
			return
		}
		w.Header().Set("Api-Version", "1.41")
		if strings.HasSuffix(r.URL.Path, "/wait") {
			w.(http.Flusher).Flush()
			<-release
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { close(release); _ = server.Close() })
	q.Engine, err = New(Options{Host: "unix://" + listener.Addr().String(), ConfigDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	q.beat.silence, q.beat.patience = 50*time.Millisecond, 200*time.Millisecond
	return q
}

func TestAnEngineThatFallsSilentIsGivenUp(t *testing.T) {
	q := newQuietEngine(t)
	if _, err := q.APIVersion(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { _, err := q.WaitContainer(context.Background(), "a"); ended <- err }()
	for q.pings.Load() < 4 { // it is asked, and answers
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case err := <-ended:
		t.Fatalf("an engine that answers was given up: %v", err)
	default:
	}
	q.silent.Store(true)
	go func() { _, err := q.Containers(context.Background(), engine.ContainerFilter{}); ended <- err }()
	for range 2 {
		err := <-ended
		if !errors.Is(err, engine.ErrSilent) || !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), q.Endpoint()+" does not answer") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := q.Containers(t.Context(), engine.ContainerFilter{}); !errors.Is(err, engine.ErrSilent) {
		t.Errorf("the next request waits again: %v", err)
	}
}

func TestAnEngineThatIsHeardIsNotAsked(t *testing.T) {
	q := newQuietEngine(t)
	if _, err := q.APIVersion(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := q.pings.Load()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if n := q.pings.Load() - before; n > 1 {
		t.Errorf("without a connection it was asked %d times", n)
	}
}
