package enginetest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// hub keeps the events so far and hands them to the open streams. Its fields
// are guarded by the engine's mutex.
type hub struct {
	past    []engine.Event
	streams map[*stream]struct{}
	breaks  chan struct{} // closed when streams break; replaced afterwards
}

// stream is one open event request: what it has not yet delivered.
type stream struct {
	filter engine.EventFilter
	queue  []engine.Event
	wake   chan struct{} // holds one token while the queue may have something
	done   chan struct{} // closed to end the stream
	ended  bool
	err    error
}

// Events opens the event stream; it carries what happens from then on, and
// before that what happened since filter.Since.
func (e *Engine) Events(ctx context.Context, filter engine.EventFilter) (engine.EventStream, error) {
	s := &stream{filter: filter, wake: make(chan struct{}, 1), done: make(chan struct{})}
	until := time.Time{}
	err := e.call(ctx, request{method: "Events", args: named(filter.Project)}, func() error {
		var err error
		if until, err = instant(filter.Until); err != nil {
			return err
		}
		since, err := instant(filter.Since)
		if err != nil {
			return err
		}
		e.events.replay(s, since)
		return nil
	})
	if err != nil {
		return engine.EventStream{}, err
	}
	c := make(chan engine.Event)
	e.spawn(func() { e.deliver(ctx, s, until, c) })
	return engine.EventStream{C: c, Err: func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		return s.err
	}}, nil
}

// replay registers the stream and queues the past events it asks for.
func (h *hub) replay(s *stream, since time.Time) {
	if !since.IsZero() {
		for _, ev := range h.past {
			if !ev.Time.Before(since) {
				s.offer(ev)
			}
		}
	}
	if h.streams == nil {
		h.streams = map[*stream]struct{}{}
	}
	h.streams[s] = struct{}{}
}

// deliver moves events from the queue to c until the stream ends.
func (e *Engine) deliver(ctx context.Context, s *stream, until time.Time, c chan<- engine.Event) {
	defer close(c)
	var limit <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		limit = timer.C
	}
	defer func() {
		e.mu.Lock()
		delete(e.events.streams, s)
		e.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.done:
			return
		case <-limit:
			e.drain(ctx, s, until, c)
			return
		case <-s.wake:
			if !e.drain(ctx, s, until, c) {
				return
			}
		}
	}
}

// drain delivers what the queue holds; false means that the stream is over.
func (e *Engine) drain(ctx context.Context, s *stream, until time.Time, c chan<- engine.Event) bool {
	e.mu.Lock()
	queue := s.queue
	s.queue = nil
	e.mu.Unlock()
	for _, ev := range queue {
		if !until.IsZero() && ev.Time.After(until) {
			return false
		}
		select {
		case c <- ev:
		case <-ctx.Done():
			return false
		case <-s.done:
			return false
		}
	}
	return true
}

// emit records an event and offers it to the open streams. The caller holds
// the mutex.
func (e *Engine) emit(ev engine.Event) {
	ev.Time = e.now()
	ev.Attributes = maps.Clone(ev.Attributes)
	e.events.past = append(e.events.past, ev)
	for s := range e.events.streams {
		s.offer(ev)
	}
}

// now is the time of the engine's records. As on a real engine, no two things
// happen at the same nanosecond, not even where time stands still in between.
// The caller holds the mutex.
func (e *Engine) now() time.Time {
	now := time.Now()
	if !now.After(e.lastMoment) {
		now = e.lastMoment.Add(time.Nanosecond)
	}
	e.lastMoment = now
	return now
}

// offer queues the event if the stream's filter lets it through.
func (s *stream) offer(ev engine.Event) {
	f := s.filter
	if f.Project != "" && ev.Attributes[projectLabel] != f.Project {
		return
	}
	if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, ev.Kind) {
		return
	}
	ev.Attributes = maps.Clone(ev.Attributes)
	s.queue = append(s.queue, ev)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// end ends the stream with err; nil is a clean end.
func (s *stream) end(err error) {
	if !s.ended {
		s.ended, s.err = true, err
		close(s.done)
	}
}

// close ends all streams with err.
func (h *hub) close(err error) {
	for s := range h.streams {
		s.end(err)
	}
	if h.breaks != nil {
		close(h.breaks)
		h.breaks = nil
	}
}

// broken returns a channel that is closed when open connections break. The
// caller holds the mutex.
func (h *hub) broken() <-chan struct{} {
	if h.breaks == nil {
		h.breaks = make(chan struct{})
	}
	return h.breaks
}

// breakStreams ends every open request that lasts. The caller holds the mutex.
func (e *Engine) breakStreams(err error) {
	e.breakErr = err
	e.events.close(err)
}

// PastEvents returns all events so far, for tests that look back. Their words
// are "kind action name", as in "container start p-web-1".
func (e *Engine) PastEvents() []engine.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events.past)
}

// instant reads a time in the forms that the log and event requests take:
// RFC 3339, unix seconds with a fraction, a date, or a duration before now.
// An empty one is the zero time.
func instant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return time.Now().Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	seconds, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, &engine.Error{Op: "read time", Name: s, Text: "invalid value for \"since\" or \"until\": " + s}
	}
	const nanoDigits = 9
	fraction = (fraction + strings.Repeat("0", nanoDigits))[:nanoDigits]
	nanos, err := strconv.ParseInt(fraction, 10, 64)
	if err != nil {
		return time.Time{}, &engine.Error{Op: "read time", Name: s, Text: "invalid value for \"since\" or \"until\": " + s}
	}
	return time.Unix(sec, nanos), nil
}

// named is the arguments of a call: those that are not empty.
func named(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "" })
}
