package logs

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

const (
	// restartGrace is how long following goes on after the last container was
	// stopped by hand: restarting one is stopping and starting it.
	restartGrace = 2 * time.Second
	// createGrace is how long a container that has been created is awaited to
	// start before following ends without it: replacing one creates the new
	// container, stops the old one and starts the new one.
	createGrace = 10 * time.Second
	// eventDelay is how long the event of something that has been done may
	// take, generously.
	eventDelay = 100 * time.Millisecond
	// listAgain is how long after the first list the second one is taken.
	listAgain = time.Second
	// maxDisputes is how many lists may contradict the events before the
	// events are taken for lost.
	maxDisputes = 20
	// prepareLimit bounds the requests at a time while attaching.
	prepareLimit = 8
)

// Follow gives the selected containers' lines to the sink as they come, those
// so far first (see [Options.Tail]). Containers that appear later are followed
// from their first line. It returns nil when Until has passed or StopWhenDone
// applies, the sink's error if that fails, ctx's error when ctx ends, and an
// error that names the engine at most 15 seconds after the engine was lost.
func Follow(ctx context.Context, r Reader, options Options, sink Sink) error {
	tail, err := tailNumber(options.Tail)
	if err != nil {
		return err
	}
	w := newWatcher(r, sink, selection{project: options.Project, services: options.Services, index: options.Index})
	w.tail, w.since, w.until = tail, stampOf(options.Since), stampOf(options.Until)
	w.stopWhenDone = options.StopWhenDone
	w.settled = true
	return w.run(ctx)
}

// Attached gives the output that containers write from now on to the sink, and
// reports their starts and exits: `up` in the foreground. What containers
// wrote before is left out (see [AttachOptions.Tail]); what they write after
// [AttachOptions.Ready] is not, however long they have existed. It returns as
// Follow does, and nil when the watched containers have stopped.
func Attached(ctx context.Context, r Reader, options AttachOptions, sink Sink) error {
	tail, err := tailNumber(options.Tail)
	if err != nil {
		return err
	}
	if options.Tail == "" {
		tail = 0
	}
	w := newWatcher(r, sink, selection{project: options.Project, services: options.Services})
	w.attached, w.stopWhenDone, w.tail = true, true, tail
	w.await = options.Await
	w.show, w.ready, w.onStart, w.onExit = options.Show, options.Ready, options.OnStart, options.OnExit
	w.settle, w.stop = options.Settled, options.Stopping
	return w.run(ctx)
}

// newWatcher returns a watcher that stops only when told to.
func newWatcher(r Reader, sink Sink, want selection) *watcher {
	return &watcher{
		reader: r, want: want, out: newOutput(sink), tracked: map[string]*container{},
		verdicts: make(chan verdict), changed: make(chan struct{}, 1),
	}
}

// watcher takes the engine's events and keeps a follower for each container.
// Its fields belong to the goroutine of run.
type watcher struct {
	reader       Reader
	want         selection
	out          *output
	tail         int
	since, until int64
	stopWhenDone bool
	attached     bool
	show, await  func(service string) bool
	ready        func()
	onStart      func(Source)
	onExit       func(Exit)
	settle, stop <-chan struct{}

	group    *errgroup.Group
	ctx      context.Context //nolint:containedctx // ends with run, as all the rest here does
	tracked  map[string]*container
	verdicts chan verdict
	changed  chan struct{}
	settled  bool // nothing more will be started by the caller
	// settledAt is when the caller said so; zero if it never had to.
	settledAt time.Time
	disputes  int // lists in a row that did not confirm the end
	stopping  bool
	holding   *time.Timer
	seen      eventCursor
}

// container is what the watcher knows of one container.
type container struct {
	source Source
	// follower is nil if the container's output is not shown.
	follower *follower
	running  bool
	// restarting: the engine will start it again by itself.
	restarting bool
	pending    int  // exits of which it is being asked whether that is so
	killed     bool // somebody has asked to stop it since it started
	early      bool // its end was told before its start
	fresh      bool // created while following and not started since
	before     bool // in the list when following began and not started since
	removed    bool
	told       bool // an event of it has come
	// hold is until when somebody may start it, so that it is no time to end.
	hold time.Time
}

// run follows until there is a reason to end.
func (w *watcher) run(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	w.group, w.ctx = errgroup.WithContext(ctx)
	w.holding = time.NewTimer(time.Hour)
	defer w.holding.Stop()
	err := w.watch() //nolint:contextcheck // w.ctx comes of ctx
	cancel()
	if readErr := w.group.Wait(); readErr != nil && !errors.Is(readErr, context.Canceled) && !errors.Is(readErr, errSink) {
		err = readErr
	}
	if err != nil && parent.Err() != nil {
		err = parent.Err()
	}
	return w.out.close(err)
}

// watch opens the event stream, then takes the list, so that nothing happens
// between the two unseen, and then lives by the events.
func (w *watcher) watch() error {
	stream, err := w.open(w.ctx)
	if err != nil {
		return err
	}
	list, err := w.list(w.ctx)
	if err != nil {
		return err
	}
	if err := w.begin(list); err != nil {
		return err
	}
	if w.ready != nil {
		w.ready()
	}
	passed, late := w.untilPassed(), w.lateList()
	for !w.done() || !w.confirmed() {
		select {
		case e, ok := <-stream.C:
			if ok {
				w.handle(e)
				continue
			}
			if stream, err = w.reconnect(stream); err != nil {
				return err
			}
		case l := <-late:
			w.missed(l)
		case v := <-w.verdicts:
			w.judged(v)
		case <-w.changed:
			w.sweep()
		case <-w.settle:
			w.settled, w.settle = true, nil
			w.settledAt = time.Now()
		case <-w.stop:
			w.stopping, w.settled, w.stop = true, true, nil
		case <-w.holding.C:
		case <-passed:
			return nil
		case <-w.out.failed:
			return nil // run returns the sink's error
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
	return nil
}

// untilPassed fires once the engine has stamped everything up to Until.
func (w *watcher) untilPassed() <-chan time.Time {
	if w.until == 0 {
		return nil
	}
	return time.After(max(0, time.Until(time.Unix(0, w.until))) + time.Second)
}

// begin tracks the containers that exist.
func (w *watcher) begin(list []engine.Container) error {
	group, ctx := errgroup.WithContext(w.ctx)
	group.SetLimit(prepareLimit)
	if !w.attached { // its caller knows whom it attaches to
		announce(w.out.sink, list)
	}
	for _, c := range list {
		t := w.track(SourceOf(c), w.tail)
		t.before = true
		t.running, t.restarting = c.IsRunning(), c.State == engine.Restarting
		if t.follower == nil {
			continue
		}
		t.follower.ended = !t.running || t.restarting
		if !w.attached {
			w.start(t)
			continue
		}
		group.Go(func() error {
			// What the engine refuses or has lost by now is met again, and
			// told of, when the container is to be read.
			err := t.follower.prepare(ctx)
			if isRefusal(err) || errors.Is(err, engine.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, t := range w.tracked {
		if w.attached && t.running {
			w.start(t)
		}
	}
	return nil
}

// track makes a container known; nothing reads it before start.
func (w *watcher) track(s Source, tail int) *container {
	t := &container{source: s}
	w.tracked[s.ID] = t
	if w.show != nil && !w.show(s.Service) {
		return t
	}
	t.follower = &follower{
		reader: w.reader, out: w.out, id: s.ID, source: s, changed: w.poke, until: w.until,
		idle: -1, wake: make(chan struct{}, 1), away: make(chan struct{}), tail: tail, begin: beginning{from: w.since},
	}
	return t
}

// start begins to read a container, unless that has begun.
func (w *watcher) start(t *container) {
	if t.follower == nil || t.follower.begun {
		return
	}
	t.follower.begun = true
	w.group.Go(func() error { return t.follower.run(w.ctx) })
}

// poke makes the watcher look again whether everything is done.
func (w *watcher) poke() {
	select {
	case w.changed <- struct{}{}:
	default: // it will look anyway
	}
}

// sweep forgets containers that are gone, read to their end, and of whose exits
// everything is known.
func (w *watcher) sweep() {
	for id, t := range w.tracked {
		if t.removed && t.pending == 0 && (t.follower == nil || !t.follower.begun || t.follower.isFinished()) {
			delete(w.tracked, id)
		}
	}
}

// awaited tells whether the end of a service's containers is waited for.
func (w *watcher) awaited(service string) bool { return w.await == nil || w.await(service) }

// done tells whether following has come to its end by itself.
func (w *watcher) done() bool {
	if !w.stopWhenDone || !w.settled {
		return false
	}
	hold := w.settledAt.Add(eventDelay)
	for _, t := range w.tracked {
		if !w.awaited(t.source.Service) {
			continue
		}
		if t.running || t.restarting || t.pending > 0 {
			return false
		}
		if t.follower != nil && t.follower.begun && !t.follower.drained() {
			return false
		}
		if t.hold.After(hold) {
			hold = t.hold
		}
	}
	if rest := time.Until(hold); rest > 0 && !w.stopping {
		w.holding.Reset(rest)
		return false
	}
	return true
}

// confirmed tells whether the engine's list agrees that everything has
// stopped: the event of a start may still be under way.
func (w *watcher) confirmed() bool {
	list, err := w.list(w.ctx)
	if err == nil && w.agrees(list) {
		return true
	}
	w.disputes++
	if err == nil && w.disputes > maxDisputes {
		w.reconcile(list) // no event will come
	}
	w.holding.Reset(eventDelay)
	return false
}

// agrees compares a list with what the events have told.
func (w *watcher) agrees(list []engine.Container) bool {
	for _, c := range list {
		if !w.awaited(c.Labels[labels.Service]) {
			continue
		}
		t := w.tracked[c.ID]
		if t == nil || c.IsRunning() {
			return false
		}
		if t.fresh && c.State != engine.Created {
			return false
		}
	}
	w.disputes = 0
	return true
}
