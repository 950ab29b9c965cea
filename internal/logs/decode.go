package logs

import (
	"bytes"
	"time"
)

const (
	// pieceLength is the length at which the engine cuts a long line into
	// messages. All of them carry the stamp of the line's first byte.
	pieceLength = 16 * 1024
	// maxLine bounds the memory that one line takes.
	maxLine = 4 << 20
)

// decoder makes lines out of the messages of one reading, and moves the
// cursor over what it delivers.
type decoder struct {
	cursor *cursor
	filter filter
	tty    bool
	// emit takes a line's text without its newline. more says that the line
	// is over maxLine and goes on.
	emit func(stream int, ns int64, text []byte, more bool) error
	// each is called for every message, if it is set.
	each func()
	open [2]unfinished
	raw  []byte // what has come of a terminal's next message
}

// unfinished is a long line whose end has not come yet.
type unfinished struct {
	ns       int64
	messages int
	text     []byte
}

// newDecoder starts a reading at the cursor.
func newDecoder(c *cursor, tty bool, emit func(stream int, ns int64, text []byte, more bool) error) *decoder {
	return &decoder{cursor: c, filter: c.filter(), tty: tty, emit: emit}
}

// streamWriter is a decoder's end for one of the engine's streams.
type streamWriter struct {
	decoder *decoder
	stream  int
}

// Write takes one message, or any part of a terminal's stream.
func (w streamWriter) Write(data []byte) (int, error) {
	take := w.decoder.message
	if w.decoder.tty {
		take = w.decoder.terminal
	}
	if err := take(w.stream, data); err != nil {
		return 0, err
	}
	return len(data), nil
}

// message takes one message of the engine. It is the end of a line if it ends
// with a newline or is shorter than a piece: then the process ended there.
func (d *decoder) message(stream int, data []byte) error {
	if d.each != nil {
		d.each()
	}
	ns, text, ok := splitStamp(data)
	if !ok {
		ns = d.cursor.streams[stream].last
	}
	if !d.filter.isNew(stream, ns) {
		return nil
	}
	open := &d.open[stream]
	if open.messages > 0 && open.ns != ns {
		// A process ended at the very end of a piece, without a newline.
		if err := d.finish(stream, false); err != nil {
			return err
		}
	}
	complete := bytes.HasSuffix(text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\n"))
	if open.messages == 0 && (complete || len(text) < pieceLength) {
		return d.deliver(stream, ns, 1, text, false)
	}
	open.ns = ns
	open.messages++
	open.text = append(open.text, text...)
	d.cursor.streams[stream].open = ns
	if complete || len(text) < pieceLength {
		return d.finish(stream, false)
	}
	if len(open.text) >= maxLine {
		return d.finish(stream, true)
	}
	return nil
}

// terminal takes a part of a terminal's stream, which has no message
// boundaries: it finds them by newlines and by the length of pieces.
func (d *decoder) terminal(stream int, data []byte) error {
	d.raw = append(d.raw, data...)
	rest := d.raw
	for {
		length := messageLength(rest)
		if length == 0 {
			break
		}
		if err := d.message(stream, rest[:length]); err != nil {
			return err
		}
		rest = rest[length:]
	}
	d.raw = d.raw[:copy(d.raw, rest)]
	return nil
}

// messageLength is the length of the first message in a terminal's stream; 0
// if it is not there in full.
func messageLength(data []byte) int {
	head := bytes.IndexByte(data, ' ') + 1
	if head == 0 {
		return 0
	}
	body := data[head:]
	if newline := bytes.IndexByte(body[:min(len(body), pieceLength)], '\n'); newline >= 0 {
		return head + newline + 1
	}
	if len(body) < pieceLength {
		return 0
	}
	return head + pieceLength
}

// finish delivers the unfinished line of a stream.
func (d *decoder) finish(stream int, more bool) error {
	open := &d.open[stream]
	err := d.deliver(stream, open.ns, open.messages, open.text, more)
	open.messages, open.text = 0, open.text[:0]
	d.cursor.streams[stream].open = 0
	return err
}

// deliver gives a line away and moves the cursor. A failed delivery is not
// repeated: it ends everything.
func (d *decoder) deliver(stream int, ns int64, messages int, text []byte, more bool) error {
	if d.tty {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	d.cursor.streams[stream].advance(ns, messages)
	return d.emit(stream, ns, text, more)
}

// end delivers what has come of lines without an end. It is called when the
// process is known to have ended, never just because a stream has.
func (d *decoder) end() error {
	if len(d.raw) > 0 {
		raw := d.raw
		d.raw = nil
		if err := d.message(0, raw); err != nil {
			return err
		}
	}
	for stream := range d.open {
		if d.open[stream].messages == 0 {
			continue
		}
		if err := d.finish(stream, false); err != nil {
			return err
		}
	}
	return nil
}

// streamName is the public name of a stream's index.
func streamName(stream int) Stream {
	if stream == 1 {
		return Stderr
	}
	return Stdout
}

// stampTime is a stamp as a time.
func stampTime(ns int64) time.Time { return time.Unix(0, ns).UTC() }
