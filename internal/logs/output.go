package logs

import (
	"errors"
	"sync"
	"time"
)

// flushDelay is how long a buffering sink may hold the last line back.
const flushDelay = 50 * time.Millisecond

// errSink is what a decoder returns when the sink has failed; the sink's own
// error is kept in the output, since it has to come through an engine client
// that may wrap or replace it.
var errSink = errors.New("the sink of the lines failed")

// output gives lines of many containers to one sink, one at a time.
type output struct {
	mu      sync.Mutex
	sink    Sink
	flusher Flusher // nil if the sink does not buffer
	timer   *time.Timer
	armed   bool
	err     error
	failed  chan struct{} // closed once err is set
}

// newOutput wraps a sink.
func newOutput(sink Sink) *output {
	o := &output{sink: sink, failed: make(chan struct{})}
	if f, ok := sink.(Flusher); ok {
		o.flusher = f
		o.timer = time.AfterFunc(time.Hour, o.flush)
		o.timer.Stop()
	}
	return o
}

// line gives a line to the sink.
func (o *output) line(l Line) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return errSink
	}
	return o.keep(o.sink.Line(l))
}

// note gives a note to the sink.
func (o *output) note(n Note) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return errSink
	}
	return o.keep(o.sink.Note(n))
}

// keep remembers the sink's error and arms the flush.
func (o *output) keep(err error) error {
	if err != nil {
		o.fail(err)
		return errSink
	}
	if o.flusher != nil && !o.armed {
		o.armed = true
		o.timer.Reset(flushDelay)
	}
	return nil
}

// flush empties the sink's buffer.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = false
	if o.err != nil {
		return
	}
	if err := o.flusher.Flush(); err != nil {
		o.fail(err)
	}
}

// fail remembers the first error. The caller holds the lock.
func (o *output) fail(err error) {
	o.err = err
	close(o.failed)
}

// failure is the sink's error; nil while it works.
func (o *output) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// close flushes for the last time and returns the sink's error, if it has
// failed, or else err.
func (o *output) close(err error) error {
	if o.flusher != nil {
		o.timer.Stop()
		o.flush()
	}
	if failure := o.failure(); failure != nil {
		return failure
	}
	return err
}
