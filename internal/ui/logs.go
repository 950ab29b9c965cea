package ui

import (
	"io"
	"strconv"
	"sync"
	"time"
)

const (
	// flushAfter bounds how long a line may wait in the buffer of a pipe or file.
	flushAfter = 20 * time.Millisecond
	// flushSize is the size from which a buffer is written at once, in bytes.
	flushSize = 64 << 10
	// stampLayout is RFC 3339 with all nine digits, as the engine writes it.
	stampLayout = "2006-01-02T15:04:05.000000000Z07:00"
)

// Stream is one of a container's outputs.
type Stream int

// The outputs of a container.
const (
	Stdout Stream = iota
	Stderr
)

// String is the stream's name.
func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// LogLine is one line a container wrote.
type LogLine struct {
	Name      string // as displayed: web-1
	Service   string // picks the colour
	Container string // the container's name, for JSON
	Number    int    // the replica's number, for JSON
	Stream    Stream
	Time      time.Time
	// Text is the line as it came. A line end is added where it lacks one. It
	// is only read until the printer returns.
	Text []byte
	// Partial says that the line goes on in the next one of this container and
	// stream.
	Partial bool
}

// LogPrinterOptions say how lines look.
type LogPrinterOptions struct {
	NoPrefix   bool
	NoColor    bool
	Timestamps bool
	JSON       bool // one object per line, all of them on Out
	Together   bool // standard error goes to Out too
}

// LogPrinter prints the lines of containers as they come: standard output to
// Out, standard error to Err unless both belong together, each line in one piece
// and never decoded. Methods may be called from many goroutines. Once the reader
// has gone they return [ErrClosed].
type LogPrinter struct {
	term Terminal
	o    LogPrinterOptions

	mu       sync.Mutex
	out, err logStream
	timer    *time.Timer
	armed    bool
	width    int               // of the longest name
	colors   map[string]string // by service
	prefixes map[string]prefixes
	open     *openLine // a line that goes on in another piece
	failed   error
	closed   bool
}

// logStream buffers one output.
type logStream struct {
	w     io.Writer
	buf   []byte
	tty   bool
	color bool
}

// prefixes of one container, padded to the width of their making.
type prefixes struct {
	plain, painted string
	width          int
}

// NewLogPrinter makes a printer; Close must be called to print what waits.
func NewLogPrinter(t Terminal, o LogPrinterOptions) *LogPrinter {
	return &LogPrinter{
		term: t, o: o,
		out:      logStream{w: t.Out, tty: t.OutTTY, color: t.OutColor && !o.NoColor},
		err:      logStream{w: t.Err, tty: t.ErrTTY, color: t.ErrColor && !o.NoColor},
		colors:   map[string]string{},
		prefixes: map[string]prefixes{},
	}
}

// Expect announces containers by their displayed name and service, so that
// the first line is aligned with the later ones and colours follow that order.
func (p *LogPrinter) Expect(name, service string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.width = max(p.width, textWidth(name))
	p.color(service)
}

// Print prints a line.
func (p *LogPrinter) Print(l LogLine) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return p.failed
	}
	switch {
	case p.o.JSON:
		return p.printJSON(l)
	case p.open != nil && p.open.is(l):
		return p.goOn(l)
	case p.open != nil:
		return p.holdLine(l)
	}
	return p.begin(l)
}

// begin writes a line, or its first piece.
func (p *LogPrinter) begin(l LogLine) error {
	s, other := p.streamOf(l.Stream), &p.out
	if s == other {
		other = &p.err
	}
	// Both may end in the same place: what came first goes first.
	if len(other.buf) > 0 {
		p.flush(other)
	}
	if !p.o.NoPrefix {
		s.buf = append(s.buf, p.prefix(l, s.color)...)
	}
	if p.o.Timestamps {
		s.buf = append(l.Time.UTC().AppendFormat(s.buf, stampLayout), ' ')
	}
	if l.Partial {
		p.openLine(l)
	}
	return p.text(s, l)
}

// text writes the text of a line and, after its last piece, a line end.
func (p *LogPrinter) text(s *logStream, l LogLine) error {
	s.buf = append(s.buf, l.Text...)
	if n := len(l.Text); !l.Partial && (n == 0 || l.Text[n-1] != '\n') {
		s.buf = append(s.buf, '\n')
	}
	return p.written(s)
}

// Exited tells that a container ended: "web-1 exited with code 1".
func (p *LogPrinter) Exited(name, service string, code int) error {
	return p.event(name, service, name+" exited with code "+strconv.Itoa(code))
}

// Attaching names the containers whose output follows.
func (p *LogPrinter) Attaching(names []string) error {
	text := "Attaching to "
	for i, n := range names {
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return p.event("", "", text)
}

// event prints a line of berth's own among those of the containers. It is not
// part of the containers' output, so JSON goes without it.
func (p *LogPrinter) event(name, service, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return p.failed
	}
	if p.o.JSON {
		return nil
	}
	if p.open != nil {
		return p.hold(len(text), func() error { return p.tell(name, service, text) })
	}
	return p.tell(name, service, text)
}

// tell writes a line of berth's own.
func (p *LogPrinter) tell(name, service, text string) error {
	if len(p.err.buf) > 0 {
		p.flush(&p.err)
	}
	if name != "" && p.out.color {
		text = paint(p.color(service), name) + text[len(name):]
	}
	p.out.buf = append(append(p.out.buf, text...), '\n')
	return p.written(&p.out)
}

// prefix is what stands before a line of a container: "web-1  | ".
func (p *LogPrinter) prefix(l LogLine, color bool) string {
	made, ok := p.prefixes[l.Name]
	if !ok {
		p.width = max(p.width, textWidth(l.Name))
	}
	if !ok || made.width != p.width {
		made = prefixes{plain: pad(l.Name, p.width) + "  | ", width: p.width}
		made.painted = paint(p.color(l.Service), made.plain)
		p.prefixes[l.Name] = made
	}
	if color {
		return made.painted
	}
	return made.plain
}

// color gives each service the next colour of the wheel.
func (p *LogPrinter) color(service string) string {
	if c, ok := p.colors[service]; ok || service == "" {
		return c
	}
	wheel := [...]string{cyan, yellow, green, magenta, blue, "96", "93", "92", "95", "94"}
	c := wheel[len(p.colors)%len(wheel)]
	p.colors[service] = c
	return c
}

// written decides when what was buffered goes out: at once on a terminal, in
// pieces of some size or age elsewhere and above a live view, which has to be
// drawn again after each.
func (p *LogPrinter) written(s *logStream) error {
	switch {
	case s.tty && !coversBlock(s.w), len(s.buf) >= flushSize, p.closed:
		p.flush(s)
	case p.timer == nil:
		p.armed = true
		p.timer = time.AfterFunc(flushAfter, p.timeout)
	case !p.armed:
		p.armed = true
		p.timer.Reset(flushAfter)
	}
	return p.failed
}

func (p *LogPrinter) timeout() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	p.flush(&p.out)
	p.flush(&p.err)
}

func (p *LogPrinter) flush(s *logStream) {
	if len(s.buf) == 0 {
		return
	}
	if p.failed == nil {
		if _, err := s.w.Write(s.buf); err != nil {
			p.failed = closedError(err)
		}
	}
	s.buf = s.buf[:0]
	if cap(s.buf) > 4*flushSize { // after a line of megabytes
		s.buf = nil
	}
}

// Close prints what waits. Lines printed afterwards go out at once.
func (p *LogPrinter) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.breakOff()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.flush(&p.out)
	p.flush(&p.err)
	return p.failed
}
