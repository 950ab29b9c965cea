package ui

import (
	"bytes"
	"time"
)

const (
	// heldLimit is how many bytes of others wait for the end of a line that
	// comes in pieces, heldFor how long; then it is broken off.
	heldLimit = 1 << 20
	heldFor   = time.Second
)

// openLine is a line of which more pieces follow. What others print meanwhile
// waits, so that it stays in one piece.
type openLine struct {
	container string
	stream    Stream
	held      []func() error
	size      int // of what is held, in bytes
	timer     *time.Timer
}

// is tells whether a piece belongs to the line.
func (o *openLine) is(l LogLine) bool { return l.Container == o.container && l.Stream == o.stream }

// openLine notes that more pieces of a line follow.
func (p *LogPrinter) openLine(l LogLine) {
	o := &openLine{container: l.Container, stream: l.Stream}
	o.timer = time.AfterFunc(heldFor, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.open == o {
			p.breakOff()
		}
	})
	p.open = o
}

// goOn writes the next piece of the open line.
func (p *LogPrinter) goOn(l LogLine) error {
	s := p.streamOf(l.Stream)
	if err := p.text(s, l); err != nil || l.Partial {
		p.open.timer.Reset(heldFor)
		return err
	}
	return p.letGo()
}

// streamOf is where lines of a container's stream go.
func (p *LogPrinter) streamOf(s Stream) *logStream {
	if s == Stderr && !p.o.Together {
		return &p.err
	}
	return &p.out
}

// holdLine keeps a line until the open one has ended.
func (p *LogPrinter) holdLine(l LogLine) error {
	l.Text = bytes.Clone(l.Text)
	return p.hold(len(l.Text), func() error {
		switch {
		case p.open != nil && p.open.is(l):
			return p.goOn(l)
		case p.open != nil:
			return p.holdLine(l)
		}
		return p.begin(l)
	})
}

// hold keeps what is to be printed until the open line has ended, within limits.
func (p *LogPrinter) hold(size int, do func() error) error {
	p.open.held = append(p.open.held, do)
	if p.open.size += size; p.open.size > heldLimit {
		p.breakOff()
	}
	return p.failed
}

// breakOff ends an open line where it is. Its next piece will be a line of its
// own.
func (p *LogPrinter) breakOff() {
	for p.open != nil {
		s := p.streamOf(p.open.stream)
		s.buf = append(s.buf, '\n')
		if p.written(s) != nil || p.letGo() != nil {
			return
		}
	}
}

// letGo prints what was held. Within it another line in pieces may begin.
func (p *LogPrinter) letGo() error {
	held := p.open.held
	p.open.timer.Stop()
	p.open = nil
	for _, do := range held {
		if err := do(); err != nil {
			return err
		}
	}
	return p.failed
}
