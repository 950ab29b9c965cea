package logs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/engine"
)

// errEnough ends a reading that has given all that was asked for. An engine
// client may replace it by an error of its own.
var errEnough = errors.New("enough lines")

const (
	// mergeMemory is what all batches of a merge together may hold.
	mergeMemory = 16 << 20
	// batchLimit and batchFloor bound one batch, in bytes of text.
	batchLimit = 64 << 10
	batchFloor = 4 << 10
	// batchesPerLog is how many batches of one log exist at a time: one being
	// filled, one waiting, one being given out.
	batchesPerLog = 3
)

// Print gives the containers' lines so far to the sink, merged by time; each
// container's own order is kept. [Options.Project], Services and Index have
// been applied by [Select]. A container that is gone by now has no lines; one
// whose log cannot be read gets a note.
func Print(ctx context.Context, r Reader, containers []engine.Container, options Options, sink Sink) error {
	tail, err := tailNumber(options.Tail)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	announce(sink, containers)
	out := newOutput(sink)
	size := min(batchLimit, max(batchFloor, mergeMemory/batchesPerLog/max(1, len(containers))))
	logs := make([]*pastLog, len(containers))
	for i, c := range containers {
		logs[i] = &pastLog{
			reader: r, out: out, source: SourceOf(c), index: i, size: size, tail: tail,
			since: stampOf(options.Since), until: stampOf(options.Until),
			full: make(chan *batch, 1), free: make(chan *batch, batchesPerLog),
		}
		group.Go(func() error { return logs[i].read(ctx) })
	}
	mergeErr := merge(ctx, logs)
	cancel()
	readErr := group.Wait()
	if readErr == nil || errors.Is(readErr, context.Canceled) {
		readErr = mergeErr
	}
	return out.close(readErr)
}

// pastLog reads one container's log for a merge.
type pastLog struct {
	reader       Reader
	out          *output
	source       Source
	index        int // breaks ties between equal stamps
	size         int
	tail         int
	since, until int64
	full, free   chan *batch

	// The reading side.
	filling *batch
	given   int // lines given so far
	skip    int

	// The merging side.
	current *batch
	next    int
	key     int64
}

// batch is some lines of one log.
type batch struct {
	text  []byte
	lines []entry
}

// entry is a line within a batch.
type entry struct {
	ns     int64
	end    int // where its text ends; it begins where the line before ends
	stream int
	more   bool
}

// read fills batches until the log ends.
func (l *pastLog) read(ctx context.Context) error {
	defer close(l.full)
	err := l.readAll(ctx)
	switch {
	case err == nil, errors.Is(err, engine.ErrNotFound), l.out.failure() != nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case isRefusal(err):
		return l.out.note(unreadable(l.source, err))
	}
	return broken(l.reader, l.source, err)
}

// readAll reads the log once, from its first wanted line.
func (l *pastLog) readAll(ctx context.Context) error {
	detail, err := l.reader.InspectContainer(ctx, l.source.ID)
	if err != nil {
		return err
	}
	begin, err := findTail(ctx, l.reader, detail, l.tail, l.since)
	if err != nil {
		return err
	}
	l.skip = begin.skip
	l.filling = &batch{}
	at := &cursor{from: begin.from}
	emit := func(stream int, ns int64, text []byte, more bool) error {
		return l.line(ctx, entry{ns: ns, stream: stream, more: more}, text)
	}
	d := newDecoder(at, detail.Tty, emit)
	options := engine.LogOptions{Timestamps: true, TTY: detail.Tty, Since: sinceText(begin.from), Until: sinceText(l.until)}
	err = l.reader.Logs(ctx, l.source.ID, options, streamWriter{d, 0}, streamWriter{d, 1})
	if err == nil {
		err = d.end()
	}
	if err != nil && !l.done() {
		return err
	}
	return l.send(ctx)
}

// done tells whether the last line that was asked for has been read.
func (l *pastLog) done() bool { return l.tail >= 0 && l.given >= l.tail }

// line adds a line to the batch.
func (l *pastLog) line(ctx context.Context, e entry, text []byte) error {
	if l.skip > 0 {
		if !e.more {
			l.skip--
		}
		return nil
	}
	if l.done() {
		return errEnough
	}
	if l.until != 0 && e.ns > l.until {
		return nil
	}
	b := l.filling
	b.text = append(b.text, text...)
	e.end = len(b.text)
	b.lines = append(b.lines, e)
	if !e.more {
		l.given++
	}
	if len(b.text) >= l.size || len(b.lines) >= l.size/16 {
		return l.send(ctx)
	}
	return nil
}

// send hands the batch to the merge and takes an empty one.
func (l *pastLog) send(ctx context.Context) error {
	select {
	case l.full <- l.filling:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case l.filling = <-l.free:
		l.filling.text, l.filling.lines = l.filling.text[:0], l.filling.lines[:0]
	default:
		l.filling = &batch{}
	}
	return nil
}

// advance moves the merging side to the next line; false at the end.
func (l *pastLog) advance(ctx context.Context) bool {
	l.next++
	for l.current == nil || l.next >= len(l.current.lines) {
		if l.current != nil && cap(l.current.text) <= batchLimit*2 {
			l.free <- l.current // never full: no more batches exist
		}
		l.current, l.next = nil, 0
		select {
		case b, ok := <-l.full:
			if !ok {
				return false
			}
			l.current = b
		case <-ctx.Done():
			return false
		}
	}
	// A stamp a little before that of the line above it (of the other stream,
	// or of a long line's beginning) must not move the line up.
	l.key = max(l.key, l.current.lines[l.next].ns)
	return true
}

// give hands the current line to the sink.
func (l *pastLog) give() error {
	e, start := l.current.lines[l.next], 0
	if l.next > 0 {
		start = l.current.lines[l.next-1].end
	}
	return l.out.line(Line{
		Source: l.source, Time: stampTime(e.ns), Stream: streamName(e.stream),
		Text: l.current.text[start:e.end], Partial: e.more,
	})
}

// unreadable is the note about a log that the engine refuses to give.
func unreadable(s Source, err error) Note {
	return Note{Source: s, Kind: Unreadable, Time: time.Now(), Text: "its log cannot be read: " + err.Error()}
}

// broken is the error for a log that stopped coming.
func broken(r Reader, s Source, err error) error {
	return fmt.Errorf("log of %s: engine %s: %w", s.Container, r.Endpoint(), err)
}

// isRefusal tells an engine that answers "no" from one that does not answer.
func isRefusal(err error) bool {
	if errors.Is(err, engine.ErrUnreachable) || errors.Is(err, engine.ErrTransient) {
		return false
	}
	var refusal *engine.Error
	return errors.As(err, &refusal) || errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrConflict)
}

// stampOf is a time as a stamp; 0 for the zero time.
func stampOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// sinceText is a stamp as an option; empty for none.
func sinceText(ns int64) string {
	if ns == 0 {
		return ""
	}
	return unixTime(ns)
}
