package logs

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

const (
	// goneAfter is how long an engine may fail to answer before following ends
	// with an error.
	goneAfter = 9 * time.Second
	// firstRetry and lastRetry bound the pauses between attempts, which double.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	// firstDoubt and lastDoubt bound how long a follower believes that a
	// container runs whose log stream has ended without any event: something
	// on the way to the engine may cut streams.
	firstDoubt = 2 * time.Second
	lastDoubt  = time.Minute
	// goneGrace is how long the engine may take to end the stream of a container
	// that it has removed; under load some never do.
	goneGrace = 3 * time.Second
	// maxExits bounds the exits that wait for a sink to take the lines before.
	maxExits = 1000
)

// follower follows the log of one container for as long as it exists. Its
// events come from the watcher; its goroutine reads.
type follower struct {
	reader Reader
	out    *output
	id     string
	// changed tells the watcher that idle or finished has changed.
	changed func()
	until   int64

	mu     sync.Mutex
	source Source
	gen    int  // number of events so far
	idle   int  // the gen at which all there was had been read; -1 before
	ended  bool // its process does not run, as far as events tell
	exits  []Note
	// finished: there is nothing more to come, the container is gone.
	finished bool
	gone     bool // removed, as the events tell
	// unstarted: it was created while following and has not run yet.
	unstarted bool
	wake      chan struct{}
	away      chan struct{} // closed once the container is removed
	// news is set when source or exits have changed.
	news atomic.Bool

	begun bool // of the watcher alone: reading has begun

	// Of the reading goroutine alone.
	begin   beginning
	tail    int
	ready   bool // prepare has succeeded
	tty     bool
	cursor  cursor
	decoder *decoder // of the last reading
	shown   Source
	doubt   time.Duration
	heard   bool // the engine has sent something since this was last reset
	// unreadable: the engine has refused to give the log.
	unreadable bool
}

// started, died, renamed and removed take the engine's events.
func (f *follower) started() { f.event(func() { f.ended, f.unstarted = false, false }) }

// died takes an exit; again says that the process runs again by now. late says
// that the reader has ended already, because the container is gone: nobody will
// tell of the exit unless the caller does.
func (f *follower) died(n Note, again bool) (late bool) {
	f.event(func() {
		f.ended, f.unstarted = !again, false
		switch {
		case f.finished:
			late = true
		case len(f.exits) < maxExits:
			f.exits = append(f.exits, n)
		}
	})
	return late
}

// poke makes the reader look again without any event.
func (f *follower) poke() { f.event(func() {}) }

func (f *follower) removed() {
	f.event(func() {
		if !f.gone {
			close(f.away)
		}
		f.gone, f.ended = true, true
	})
}

// stopped takes an exit that nobody is told about.
func (f *follower) stopped() { f.event(func() { f.ended = true }) }

func (f *follower) renamed(s Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.source = s
	f.news.Store(true)
}

// event applies a change and wakes the reader.
func (f *follower) event(change func()) {
	f.mu.Lock()
	change()
	f.gen++
	f.mu.Unlock()
	f.news.Store(true)
	select {
	case f.wake <- struct{}{}:
	default: // woken already
	}
}

// drained tells whether all that the events so far speak of has been read.
func (f *follower) drained() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.finished || f.idle == f.gen
}

// snapshotSource is what the container is called now.
func (f *follower) snapshotSource() Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.source
}

// isFinished tells whether the reader has ended.
func (f *follower) isFinished() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.finished
}

// state is what the events have told so far.
type state struct {
	gen   int
	ended bool
	gone  bool
	fresh bool  // it has not run yet
	exits int64 // just after the last exit that waits; 0 for none
}

// snapshot returns the state.
func (f *follower) snapshot() state {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := state{gen: f.gen, ended: f.ended, gone: f.gone, fresh: f.unstarted}
	if n := len(f.exits); n > 0 {
		s.exits = f.exits[n-1].Time.UnixNano() + 1
	}
	return s
}

// run reads until the container is gone or ctx ends.
func (f *follower) run(ctx context.Context) error {
	defer func() {
		f.mu.Lock()
		f.finished = true
		f.mu.Unlock()
		f.changed()
	}()
	f.doubt = firstDoubt
	for {
		now := f.snapshot()
		gone, err := f.catchUp(ctx, now)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case gone:
			return f.finish()
		}
		if err := f.tellExits(now.exits); err != nil {
			return err
		}
		if err := f.wait(ctx, now.gen); err != nil {
			return err
		}
	}
}

// finish tells the exits that are known and ends the reading: later ones are told
// by whoever brings them.
func (f *follower) finish() error {
	for {
		if err := f.tellExits(math.MaxInt64); err != nil {
			return err
		}
		f.mu.Lock()
		f.finished = len(f.exits) == 0
		done := f.finished
		f.mu.Unlock()
		if done {
			return nil
		}
	}
}

// catchUp reads the log to its end, which is when the process ends. gone says
// that there is no such container any more.
func (f *follower) catchUp(ctx context.Context, now state) (gone bool, err error) {
	if now.gone {
		return true, f.finishLine()
	}
	err = f.persist(ctx, func() error {
		if err := f.prepare(ctx); err != nil {
			return err
		}
		if now.fresh {
			return nil
		}
		if now.exits != 0 && !now.ended {
			// It runs again already. The lines of the run before come first,
			// then its exit, however long the new run stays silent.
			if err := f.read(ctx, now, false); err != nil {
				return err
			}
			if err := f.tellExits(now.exits); err != nil {
				return err
			}
		}
		return f.read(ctx, now, true)
	})
	switch {
	case err == nil:
		return false, nil
	case f.out.failure() != nil:
		return false, errSink
	case errors.Is(err, engine.ErrNotFound):
		// An engine may deny a container that it is still making: gone is what
		// the events say, or what has been read once.
		if !f.ready && !f.snapshot().gone {
			return false, nil
		}
		return true, f.finishLine()
	case isRefusal(err):
		return false, f.refused(err)
	}
	return false, broken(f.reader, f.shown, err)
}

// finishLine delivers what has come of a line whose container is gone.
func (f *follower) finishLine() error {
	if f.decoder == nil {
		return nil
	}
	return f.decoder.end()
}

// refused tells of a log that the engine will not give. One that is being
// removed is no news.
func (f *follower) refused(err error) error {
	if errors.Is(err, engine.ErrConflict) || f.unreadable {
		return nil
	}
	f.unreadable = true
	return f.out.note(unreadable(f.snapshotSource(), err))
}

// persist tries again what fails because the engine does not answer.
func (f *follower) persist(ctx context.Context, try func() error) error {
	pause := firstRetry
	failing := time.Time{}
	for {
		f.heard = false
		err := try()
		if err == nil || ctx.Err() != nil || isRefusal(err) || f.out.failure() != nil {
			return err
		}
		if failing.IsZero() || f.heard {
			failing, pause = time.Now(), firstRetry
		}
		if time.Since(failing) > goneAfter || errors.Is(err, engine.ErrSilent) {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, lastRetry)
	}
}

// prepare asks once whether the container has a terminal and where its wanted
// lines begin.
func (f *follower) prepare(ctx context.Context) error {
	if f.ready {
		return nil
	}
	detail, err := f.reader.InspectContainer(ctx, f.id)
	if err != nil {
		return err
	}
	f.tty = detail.Tty
	f.begin, err = findTail(ctx, f.reader, detail, f.tail, f.begin.from)
	if err != nil {
		return err
	}
	f.cursor = cursor{from: f.begin.from}
	f.ready = true
	return nil
}

// read delivers the log from the cursor to the end of the engine's stream. If
// the process did not run before and nothing has happened since, the log is
// complete, and so is its last line.
func (f *follower) read(ctx context.Context, before state, follow bool) error {
	f.shown = f.snapshotSource()
	f.decoder = newDecoder(&f.cursor, f.tty, f.line)
	f.decoder.each = func() { f.heard = true }
	options := engine.LogOptions{Follow: follow, Timestamps: true, TTY: f.tty, Since: sinceText(f.cursor.since())}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	go f.endWhenAway(inner, cancel)
	err := f.reader.Logs(inner, f.id, options, streamWriter{f.decoder, 0}, streamWriter{f.decoder, 1})
	if err != nil && inner.Err() != nil && ctx.Err() == nil {
		return nil // the container is gone, and its stream did not end by itself
	}
	if err != nil || !before.ended || f.snapshot().gen != before.gen {
		return err
	}
	if err := f.decoder.end(); err != nil {
		return err
	}
	if last := f.cursor.streams[0].last; f.tty && last != 0 {
		// In a terminal's stream the next run would follow on the same line if
		// this one ended without a newline; all up to here is done.
		f.cursor = cursor{from: last + 1}
	}
	return nil
}

// line gives a line to the sink, after the exits that came before it.
func (f *follower) line(stream int, ns int64, text []byte, more bool) error {
	if f.begin.skip > 0 {
		if !more {
			f.begin.skip--
		}
		return nil
	}
	if f.until != 0 && ns > f.until {
		return nil
	}
	if f.news.Load() {
		if err := f.tellExits(ns); err != nil {
			return err
		}
	}
	return f.out.line(Line{Source: f.shown, Time: stampTime(ns), Stream: streamName(stream), Text: text, Partial: more})
}

// tellExits gives the exits before the stamp to the sink.
func (f *follower) tellExits(before int64) error {
	f.mu.Lock()
	f.shown = f.source
	n := 0
	for n < len(f.exits) && f.exits[n].Time.UnixNano() < before {
		n++
	}
	exits := append([]Note(nil), f.exits[:n]...)
	f.exits = append(f.exits[:0], f.exits[n:]...)
	if len(f.exits) == 0 {
		f.news.Store(false)
	}
	f.mu.Unlock()
	for _, e := range exits {
		if err := f.out.note(e); err != nil {
			return err
		}
	}
	return nil
}
