package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

const (
	// askTimeout bounds one question about one container.
	askTimeout = 5 * time.Second
	// containerKind is the events' word for containers.
	containerKind = "container"
)

// verdict is an exit together with whether the engine restarts the container.
type verdict struct {
	exit   Exit
	hidden bool // the caller's own replacing of a container
	// began says that it is about a start, whose process may have ended before.
	began, runs bool
}

// recentEvents is how many events are remembered to recognise repeated ones;
// the engine itself keeps no more.
const recentEvents = 256

// eventCursor is how far the event stream has been handled.
type eventCursor struct {
	newest int64 // stamp; 0 before the first event
	oldest int64 // stamp of the first event
	recent []eventKey
	next   int // where in recent the next one goes, once it is full
}

// eventKey tells events apart.
type eventKey struct {
	ns         int64
	id, action string
}

// since is the stamp to reopen the stream at. Events that happen at the same
// time may come in any order. What was before the first one, the list has shown.
func (c *eventCursor) since() int64 {
	if c.newest == 0 {
		return 0
	}
	return max(c.newest-int64(time.Second), c.oldest)
}

// isNew notes an event; it is false for one that a reopened stream repeats.
func (c *eventCursor) isNew(e engine.Event) bool {
	key := eventKey{e.Time.UnixNano(), e.ID, e.Action}
	if slices.Contains(c.recent, key) {
		return false
	}
	if c.newest == 0 {
		c.oldest = key.ns
	}
	c.newest = max(c.newest, key.ns)
	if len(c.recent) < recentEvents {
		c.recent = append(c.recent, key)
		return true
	}
	c.recent[c.next] = key
	c.next = (c.next + 1) % recentEvents
	return true
}

// open asks for the event stream, from the last event on.
func (w *watcher) open(ctx context.Context) (engine.EventStream, error) {
	filter := engine.EventFilter{Project: w.want.project, Kinds: []string{containerKind}, Since: sinceText(w.seen.since())}
	stream, err := w.reader.Events(ctx, filter)
	if err != nil {
		return engine.EventStream{}, w.lost(err)
	}
	return stream, nil
}

// list asks for the project's containers.
func (w *watcher) list(ctx context.Context) ([]engine.Container, error) {
	list, err := w.reader.Containers(ctx, engine.ContainerFilter{Project: w.want.project})
	if err != nil {
		return nil, w.lost(err)
	}
	return w.want.from(list), nil
}

// lost is the error for an engine that does not answer, or has closed the
// event stream without a reason.
func (w *watcher) lost(err error) error {
	if err == nil {
		err = engine.ErrUnreachable
	}
	return fmt.Errorf("follow logs: engine %s: %w", w.reader.Endpoint(), err)
}

// handle applies one event.
func (w *watcher) handle(e engine.Event) {
	if e.Kind != containerKind || !w.want.has(e.Attributes) || !w.seen.isNew(e) {
		return
	}
	t := w.tracked[e.ID]
	if t == nil {
		if e.Action == "destroy" {
			return
		}
		// It is new: everything in its log is. Reading begins before it is
		// started, so that it is known how to read it even if it is gone soon.
		t = w.track(newSource(e.ID, e.Name, e.Attributes), -1)
		t.fresh = e.Action == "create"
		if t.follower != nil {
			t.follower.ended, t.follower.unstarted = true, t.fresh
		}
		w.start(t)
	}
	t.told = true
	switch e.Action {
	case "create":
		if w.settled {
			t.hold = time.Now().Add(createGrace)
		}
	case "start":
		w.began(t)
	case "kill":
		t.killed = true
	case "die":
		code, _ := e.ExitCode()
		w.died(t, e.Time, code)
	case "stop":
		t.restarting = false
	case "rename":
		t.source = newSource(e.ID, e.Name, e.Attributes)
		if t.follower != nil {
			t.follower.renamed(t.source)
		}
	case "destroy":
		w.removed(t)
	}
}

// began applies a start.
func (w *watcher) began(t *container) {
	t.running, t.restarting, t.killed, t.before, t.fresh = true, false, false, false, false
	t.hold = time.Time{}
	if t.follower != nil {
		t.follower.started()
		w.start(t)
	}
	if w.onStart != nil {
		w.onStart(t.source)
	}
	if t.early {
		t.early = false
		w.ask(t, verdict{exit: Exit{Source: t.source}, began: true})
	}
}

// died applies an exit. Only the engine knows whether it will start the
// container again; asking must not hold up the other events.
func (w *watcher) died(t *container, at time.Time, code int) {
	t.early = !t.running
	t.running = false
	v := verdict{
		exit: Exit{Source: t.source, Time: at, Code: code, Killed: t.killed},
		// The caller is replacing or restarting what was there before.
		hidden: w.attached && t.before && t.killed && (!w.settled || time.Since(w.settledAt) < eventDelay),
	}
	if t.killed {
		t.hold = time.Now().Add(restartGrace)
	}
	w.ask(t, v)
}

// ask completes a verdict with what the engine says about the container.
func (w *watcher) ask(t *container, v verdict) {
	t.pending++
	w.group.Go(func() error {
		ctx, cancel := context.WithTimeout(w.ctx, askTimeout)
		defer cancel()
		detail, err := w.reader.InspectContainer(ctx, v.exit.ID)
		// An unanswered question means gone or going.
		v.runs = err == nil && detail.State == engine.Running
		v.exit.Restarting = v.runs || err == nil && detail.State == engine.Restarting
		select {
		case w.verdicts <- v:
		case <-w.ctx.Done():
		}
		return nil
	})
}

// judged applies the answer.
func (w *watcher) judged(v verdict) {
	t := w.tracked[v.exit.ID]
	if t == nil {
		return
	}
	t.pending--
	if t.removed {
		w.poke()
	}
	if v.began {
		if !v.runs && t.follower != nil {
			t.follower.stopped()
		}
		t.running = t.running && v.runs
		return
	}
	t.restarting = v.exit.Restarting && !t.running && !t.removed
	if v.hidden {
		if t.follower != nil && !t.running {
			t.follower.stopped()
		}
		return
	}
	if w.onExit != nil {
		w.onExit(v.exit)
	}
	if t.follower == nil || !t.follower.died(exitNote(v.exit), t.running) {
		return
	}
	if err := t.follower.out.note(exitNote(v.exit)); err != nil {
		w.poke() // the sink has failed, which ends the following
	}
}

// exitNote is what is shown of an exit.
func exitNote(e Exit) Note {
	text := fmt.Sprintf("exited with code %d", e.Code)
	if e.Restarting {
		text += " (restarting)"
	}
	return Note{Source: e.Source, Kind: Exited, Time: e.Time, Code: e.Code, Restarting: e.Restarting, Text: text}
}

// removed applies a removal.
func (w *watcher) removed(t *container) {
	t.running, t.restarting, t.removed = false, false, true
	if t.follower != nil {
		t.follower.removed()
	}
	w.poke()
}

// reconnect opens the event stream again after it has ended, and takes a new
// list, since the engine keeps only its latest events and none over a restart.
func (w *watcher) reconnect(ended engine.EventStream) (engine.EventStream, error) {
	deadline := time.Now().Add(goneAfter)
	pause := firstRetry
	err := w.lost(ended.Err())
	if errors.Is(err, engine.ErrSilent) {
		return engine.EventStream{}, err
	}
	for time.Now().Before(deadline) {
		if err := sleep(w.ctx, pause); err != nil {
			return engine.EventStream{}, err
		}
		stream, openErr := w.reopen(time.Until(deadline))
		if openErr == nil {
			return stream, nil
		}
		if !errors.Is(openErr, errOutOfTime) { // it says less than what went wrong before
			err = openErr
		}
		pause = min(2*pause, lastRetry)
	}
	return engine.EventStream{}, err
}

// errOutOfTime ends an attempt to reconnect when the time for all of them is over.
var errOutOfTime = errors.New("no answer in time")

// reopen is one attempt of reconnect.
func (w *watcher) reopen(limit time.Duration) (engine.EventStream, error) {
	ctx, cancel := context.WithCancelCause(w.ctx)
	timer := time.AfterFunc(limit, func() { cancel(errOutOfTime) })
	stream, err := w.open(ctx)
	var list []engine.Container
	if err == nil {
		list, err = w.list(ctx)
	}
	if inTime := timer.Stop(); !inTime && w.ctx.Err() == nil {
		err = errOutOfTime
	}
	if err != nil {
		cancel(nil)
		return engine.EventStream{}, err
	}
	context.AfterFunc(w.ctx, func() { cancel(nil) })
	w.reconcile(list)
	return stream, nil
}

// lateList takes a second list: an engine answers the request for its events a
// moment before it tells of any, and what happens in that moment is told nowhere
// else. What it shows counts once the events before it have come. A failure is
// left to the event stream, which meets it too.
func (w *watcher) lateList() <-chan []engine.Container {
	out := make(chan []engine.Container, 1)
	w.group.Go(func() error {
		if err := sleep(w.ctx, listAgain); err != nil {
			return nil //nolint:nilerr // following has ended before
		}
		list, err := w.list(w.ctx)
		if err == nil && sleep(w.ctx, eventDelay) == nil {
			out <- list
		}
		return nil
	})
	return out
}

// missed applies what the second list shows of containers that no event has
// told of. Of others it may be older than the events: an engine lists a process
// as running for some time after it has told of its end.
func (w *watcher) missed(list []engine.Container) {
	for _, c := range list {
		t := w.tracked[c.ID]
		switch {
		case t == nil:
			t = w.track(SourceOf(c), -1)
			w.start(t)
		case t.told:
			continue
		}
		running := c.IsRunning() && c.State != engine.Restarting
		switch {
		case running && !t.running && !t.restarting:
			w.began(t)
		case !running && t.running && c.State != engine.Restarting:
			w.died(t, time.Now(), c.ExitCode)
		}
	}
}

// reconcile applies what a list shows and no event has told.
func (w *watcher) reconcile(list []engine.Container) {
	listed := map[string]bool{}
	for _, c := range list {
		listed[c.ID] = true
		t := w.tracked[c.ID]
		if t == nil {
			t = w.track(SourceOf(c), -1)
			w.start(t)
		}
		running := c.IsRunning() && c.State != engine.Restarting
		t.restarting = c.State == engine.Restarting
		switch {
		case running && !t.running:
			w.began(t)
		case !running && t.running:
			w.died(t, time.Now(), c.ExitCode)
		case t.follower != nil:
			t.follower.poke()
		}
	}
	for id, t := range w.tracked {
		if !listed[id] && !t.removed {
			w.removed(t)
		}
	}
}
