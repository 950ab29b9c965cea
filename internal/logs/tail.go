package logs

import (
	"context"
	"math"
	"strconv"

	"github.com/berth-dev/berth/internal/engine"
)

// margin is how many messages more than wanted are looked at, so that a long
// line at the edge is seen to be one.
const margin = 64

// beginning is where the last lines of a log begin: skip lines after the
// first message stamped from or later. The engine counts messages, not lines,
// and would begin in the middle of a long line.
type beginning struct {
	from int64
	skip int
}

// findTail finds the beginning of a log's last n lines. It looks at the log
// once; the lines themselves are read from the beginning it returns, so that
// what is written in between is not lost.
func findTail(ctx context.Context, r Reader, detail engine.ContainerDetail, n int, from int64) (beginning, error) {
	if n < 0 {
		return beginning{from: from}, nil
	}
	for window := n + margin; ; window *= 4 {
		look := newWindow(from, detail.Tty)
		options := engine.LogOptions{Timestamps: true, TTY: detail.Tty, Tail: strconv.Itoa(window), Since: sinceText(from)}
		err := r.Logs(ctx, detail.ID, options, streamWriter{look.decoder, 0}, streamWriter{look.decoder, 1})
		if err != nil {
			return beginning{}, err
		}
		if !detail.IsRunning() {
			if err := look.decoder.end(); err != nil {
				return beginning{}, err
			}
		}
		if look.messages < window {
			return beginning{from: from, skip: max(0, look.lines-n)}, nil
		}
		if look.anchor != 0 && look.after >= n {
			return beginning{from: look.anchor, skip: look.after - n}, nil
		}
		if window > math.MaxInt32 {
			return beginning{from: from}, nil
		}
	}
}

// window looks at the last messages of a log. Its first line may be the end of
// a long one, so it looks for an anchor: a line stamped later than all before
// it, from which on the log can be read again.
type window struct {
	decoder  *decoder
	messages int
	lines    int
	newest   int64
	anchor   int64
	after    int // lines from the anchor on
}

// newWindow returns an empty window.
func newWindow(from int64, tty bool) *window {
	w := &window{}
	w.decoder = newDecoder(&cursor{from: from}, tty, w.line)
	w.decoder.each = func() { w.messages++ }
	return w
}

// line counts a line. The anchor is not the first one.
func (w *window) line(_ int, ns int64, _ []byte, more bool) error {
	if more {
		return nil
	}
	w.lines++
	if w.anchor == 0 && w.lines > 1 && ns > w.newest {
		w.anchor = ns
	}
	if w.anchor != 0 && ns >= w.anchor {
		w.after++
	}
	w.newest = max(w.newest, ns)
	return nil
}
