package testengine

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// Event is what the engine says has happened.
type Event struct {
	// Type is "container", "network", "volume" or "image"; Action is such as
	// "start", "die" or "health_status: healthy".
	Type, Action string
	// Attributes are the object's labels, and "name", "exitCode" and the like.
	Attributes map[string]string
	// Time is the engine's clock.
	Time time.Time
}

// Watch collects events as they happen. The engine itself remembers only the
// last 256 of all its containers, and health checks make three each.
type Watch struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	events []Event
}

// WatchProject collects the events of a project from now on until the test
// ends.
func WatchProject(t testing.TB, project string) *Watch {
	t.Helper()
	engine := Require(t)
	watch, err := engine.Watch(t.Context(), projectLabel+"="+project)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watch.Stop)
	return watch
}

// Watch collects the events of what carries the label ("key=value"), from its
// return on until Stop or the context's end.
func (e *Engine) Watch(ctx context.Context, label string) (*Watch, error) {
	filters, err := json.Marshal(map[string][]string{"label": {label}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	path := "/events?" + url.Values{"filters": {string(filters)}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	response, err := e.client.Do(request) //nolint:bodyclose // closed where it is read to its end
	if err != nil {
		cancel()
		return nil, err
	}
	watch := &Watch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(watch.done)
		defer func() { _ = response.Body.Close() }() // it has been cut
		watch.collect(json.NewDecoder(response.Body))
	}()
	return watch, nil
}

// collect reads until the stream is cut, which is how it ends.
func (w *Watch) collect(decoder *json.Decoder) {
	for {
		var read struct {
			Type, Action string
			Actor        struct{ Attributes map[string]string }
			TimeNano     int64
		}
		if decoder.Decode(&read) != nil {
			return
		}
		w.mu.Lock()
		w.events = append(w.events, Event{read.Type, read.Action, read.Actor.Attributes, time.Unix(0, read.TimeNano)})
		w.mu.Unlock()
	}
}

// Events returns what has happened so far, oldest first.
func (w *Watch) Events() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// Stop ends the collecting; the events stay.
func (w *Watch) Stop() {
	w.cancel()
	<-w.done
}
