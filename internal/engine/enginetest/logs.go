package enginetest

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// stampLayout is how the engine writes the time before a log line.
const stampLayout = "2006-01-02T15:04:05.000000000Z07:00"

// logbook is what a container has written. It is guarded by the engine's mutex.
type logbook struct {
	lines []logLine
	more  chan struct{} // closed when a line is added; replaced then
}

// logLine is one write, its newline included.
type logLine struct {
	at     time.Time
	stderr bool
	text   string
}

// add appends a line.
func (l *logbook) add(stderr bool, text string) {
	l.lines = append(l.lines, logLine{time.Now(), stderr, text})
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
}

// news returns a channel that is closed when there is more.
func (l *logbook) news() <-chan struct{} {
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return l.more
}

// Logs writes what a container wrote, and with Follow goes on until the run
// ends that was on when it began.
func (e *Engine) Logs(ctx context.Context, id string, options engine.LogOptions, stdout, stderr io.Writer) error {
	if err := e.negotiate(ctx); err != nil {
		return err
	}
	call, err := e.open(ctx, request{method: "Logs", args: []string{id}})
	if err != nil {
		return err
	}
	return e.finish(call, e.logs(ctx, id, options, printer{options, discard(stdout), discard(stderr)}))
}

// printer writes log lines as the options want them.
type printer struct {
	options     engine.LogOptions
	out, errout io.Writer
}

func (p printer) print(line logLine) error {
	text := line.text
	if p.options.Timestamps {
		text = line.at.UTC().Format(stampLayout) + " " + text
	}
	w := p.out
	if line.stderr && !p.options.TTY {
		w = p.errout
	}
	_, err := io.WriteString(w, text)
	return err
}

// logs is Logs' request.
func (e *Engine) logs(ctx context.Context, id string, options engine.LogOptions, out printer) error {
	since, err := instant(options.Since)
	if err != nil {
		return err
	}
	until, err := instant(options.Until)
	if err != nil {
		return err
	}
	e.mu.Lock()
	c, err := e.find("read logs of", id)
	if err != nil {
		e.mu.Unlock()
		return err
	}
	past := within(c.log.lines, since, until, options.Tail)
	next, halted, broken := len(c.log.lines), c.halted, e.events.broken()
	follow := options.Follow && c.process != nil
	e.mu.Unlock()
	for _, line := range past {
		if err := out.print(line); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	return e.follow(ctx, c, next, until, follower{halted, broken}, out.print)
}

// follower holds the ends of a run and of the connection that is read over.
type follower struct{ halted, broken <-chan struct{} }

// follow prints the lines from the next one on until the run ends.
func (e *Engine) follow(
	ctx context.Context, c *container, next int, until time.Time, ends follower, print func(logLine) error,
) error {
	over := false
	for {
		e.mu.Lock()
		lines, news := c.log.lines[next:], c.log.news()
		next = len(c.log.lines)
		e.mu.Unlock()
		for _, line := range lines {
			if !until.IsZero() && line.at.After(until) {
				return nil
			}
			if err := print(line); err != nil {
				return err
			}
		}
		if over {
			return nil
		}
		select {
		case <-news:
		case <-ends.halted:
			over = true // what it wrote last is still to be printed
		case <-c.gone:
			over = true
		case <-ends.broken:
			return e.lastBreak()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// within selects lines by time and number.
func within(lines []logLine, since, until time.Time, tail string) []logLine {
	var chosen []logLine
	for _, line := range lines {
		if line.at.Before(since) || !until.IsZero() && line.at.After(until) {
			continue
		}
		chosen = append(chosen, line)
	}
	if n, err := strconv.Atoi(tail); err == nil && n >= 0 && n < len(chosen) {
		chosen = chosen[len(chosen)-n:]
	}
	return chosen
}
