package execute

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

const (
	// reconnectLimit is how long a broken event stream is tried again before
	// the engine counts as gone.
	reconnectLimit = 10 * time.Second
	// reconnectPause is the time between two tries.
	reconnectPause = 250 * time.Millisecond
	// heartbeat is how often a wait that hears nothing asks whether the engine
	// still answers; the answer also corrects what the stream may have missed.
	heartbeat = 10 * time.Second
	// startFailedCode is the exit code of a container that could not be started, as
	// engines have it.
	startFailedCode = 128
	// heartbeatLimit is how long the answer may take.
	heartbeatLimit = 4 * time.Second
)

// life is what the event stream has told of one container since it was opened.
type life struct {
	known   bool // an event or a list has told of it
	running bool
	exited  bool
	gone    bool
	code    int
	health  engine.Health
	starts  int  // start events seen
	wanted  int  // starts that must have been seen before its state counts
	deaths  int  // exits since the last start that was asked for
	ending  bool // the start asked for is one that ends what runs first
	owed    bool // its end has been told before its start
	// since is when it last became running, healthy or exited; zero when that
	// was before the stream.
	since time.Time
	// heard is when the last event about it came.
	heard time.Time
}

// settled tells whether the starts asked for have happened.
func (l *life) settled() bool { return l.known && l.starts >= l.wanted }

// watch follows the engine's event stream and keeps the state of each container.
type watch struct {
	e       Watcher
	project string
	now     func() time.Time

	ready     chan struct{} // closed when the stream is open, or never will be
	readyOnce sync.Once

	mu      sync.Mutex
	lives   map[string]*life
	changed chan struct{} // closed and replaced at every change
	err     error         // why the stream is lost for good
	last    time.Time     // the time of the last event, by the engine's clock
	synced  bool
	asked   time.Time // when the last list was asked for
	off     bool
}

func newWatch(e Watcher, project string) *watch {
	return &watch{
		e: e, project: project, now: time.Now, ready: make(chan struct{}),
		lives: map[string]*life{}, changed: make(chan struct{}),
	}
}

// disable makes the watch one that follows nothing.
func (w *watch) disable() {
	w.off = true
	w.readyOnce.Do(func() { close(w.ready) })
}

// opened waits until the stream is open.
func (w *watch) opened(ctx context.Context) error {
	select {
	case <-w.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// run follows the stream until the context ends, opening it again when it breaks.
func (w *watch) run(ctx context.Context) {
	var lostSince time.Time
	for ctx.Err() == nil {
		err := w.follow(ctx, &lostSince)
		if ctx.Err() != nil {
			return
		}
		if lostSince.IsZero() {
			lostSince = w.now()
		}
		if w.now().Sub(lostSince) >= reconnectLimit || !w.everOpened() {
			w.fail(err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(reconnectPause):
		}
	}
}

func (w *watch) everOpened() bool {
	select {
	case <-w.ready:
		return true
	default:
		return false
	}
}

// fail gives up: every wait ends with the error.
func (w *watch) fail(err error) {
	if err == nil {
		err = &engine.Error{Op: "follow the events of", Name: w.e.Endpoint(), Kind: engine.ErrUnreachable, Text: "the engine closed the stream"}
	}
	w.mu.Lock()
	w.err = err
	w.broadcast()
	w.mu.Unlock()
	w.readyOnce.Do(func() { close(w.ready) })
}

// follow opens the stream once and reads it to its end.
func (w *watch) follow(ctx context.Context, lostSince *time.Time) error {
	filter := engine.EventFilter{Project: w.project, Kinds: []string{"container"}}
	w.mu.Lock()
	if !w.last.IsZero() {
		filter.Since = strconv.FormatInt(w.last.Unix(), 10) + "." + fmt.Sprintf("%09d", w.last.Nanosecond()+1)
	}
	again := w.everOpened()
	w.mu.Unlock()
	stream, err := w.e.Events(ctx, filter)
	if err != nil {
		return err
	}
	*lostSince = time.Time{}
	w.readyOnce.Do(func() { close(w.ready) })
	if again {
		if err := w.sync(ctx); err != nil {
			return err
		}
	}
	for ev := range stream.C {
		w.take(ev)
	}
	return stream.Err()
}

// take notes one event.
func (w *watch) take(ev engine.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ev.Time.After(w.last) {
		w.last = ev.Time
	}
	l := w.life(ev.ID)
	l.heard = w.now()
	switch ev.Action {
	case "start":
		if l.owed {
			l.owed = false
			return
		}
		l.known, l.running, l.exited, l.health = true, true, false, engine.NoHealth
		l.starts++
		l.since = w.now()
	case "die":
		l.known, l.running, l.exited, l.health = true, false, true, engine.NoHealth
		l.code, _ = ev.ExitCode()
		l.deaths++
		l.since = w.now()
		if l.starts < l.wanted && !l.ending { // an engine may tell of a short life's end first
			l.starts, l.owed = l.wanted, true
		}
		l.ending = false
	case "destroy":
		l.known, l.running, l.gone = true, false, true
	case "health_status":
		l.known = true
		l.health = engine.Health(ev.Detail)
		l.since = w.now()
	default:
		return
	}
	w.broadcast()
}

func (w *watch) life(id string) *life {
	l := w.lives[id]
	if l == nil {
		l = &life{}
		w.lives[id] = l
	}
	return l
}

func (w *watch) broadcast() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// expectStart says that a container is about to be started, with ending: after
// what runs in it has been ended. Whatever was known of it before counts no longer.
func (w *watch) expectStart(id string, ending bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.life(id)
	l.wanted = l.starts + 1
	l.deaths, l.ending, l.owed = 0, ending, false
}

// startFailed says that a start that was expected will not come: the container
// counts as one that has ended.
func (w *watch) startFailed(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.life(id)
	l.known, l.running, l.exited, l.code = true, false, true, startFailedCode
	l.starts = l.wanted
	w.broadcast()
}

// sync reads the state of all containers with one list, for those that no event
// has told of and, after a break of the stream, for all.
func (w *watch) sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatLimit)
	defer cancel()
	asked := w.now()
	list, err := w.e.Containers(ctx, engine.ContainerFilter{Project: w.project})
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return &engine.Error{Op: "reach", Name: w.e.Endpoint(), Kind: engine.ErrUnreachable, Text: "the engine does not answer"}
		}
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range list {
		seen[c.ID] = true
		if l := w.life(c.ID); !l.heard.After(asked) { // else an event is newer than the list
			l.listed(c, w.synced)
		}
	}
	for id, l := range w.lives {
		if !seen[id] && l.known {
			l.gone, l.running = true, false
		}
	}
	w.synced, w.asked = true, asked
	w.broadcast()
	return nil
}

// listed takes over what a list says of a container. again says that it is not the
// first one.
func (l *life) listed(c engine.Container, again bool) {
	running := c.State == engine.Running || c.State == engine.Paused
	if l.known && l.settled() && l.running == running && (l.health == c.Health || c.Health == engine.Starting) {
		return
	}
	if !l.settled() && l.wanted > 0 && c.State == engine.Created {
		return // its start is still under way
	}
	l.known, l.running = true, running
	l.exited = c.State == engine.Exited || c.State == engine.Dead || c.State == engine.Restarting
	l.code, l.health = c.ExitCode, c.Health
	if l.starts < l.wanted && (running || l.exited) && again {
		l.starts = l.wanted
	}
}

// look returns a copy of what is known of a container, and the channel that is
// closed at the next change.
func (w *watch) look(ids []string) ([]life, <-chan struct{}, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]life, len(ids))
	for i, id := range ids {
		out[i] = *w.life(id)
	}
	return out, w.changed, w.err
}

// beat asks the engine for a sign of life on behalf of waits that hear nothing;
// those that wait at the same time share the answer.
func (w *watch) beat(ctx context.Context) error {
	w.mu.Lock()
	fresh := w.now().Sub(w.asked) < heartbeat/2
	w.mu.Unlock()
	if fresh {
		return nil
	}
	return w.sync(ctx)
}
