package ui

import (
	"fmt"
	"io"
	"sync"

	"github.com/berth-dev/berth/pkg/event"
)

// Mode is the way progress is shown (--progress, COMPOSE_PROGRESS).
type Mode string

// The values of --progress.
const (
	ModeAuto  Mode = "auto" // tty on a terminal, plain elsewhere
	ModeTTY   Mode = "tty"
	ModePlain Mode = "plain"
	ModeJSON  Mode = "json"
	ModeQuiet Mode = "quiet"
)

// ProgressOptions say what the progress is of.
type ProgressOptions struct {
	// Title is the verb in the live view's header: "up".
	Title string
	// Foreground says that output of another kind follows once all is done: a
	// live view then ends as soon as nothing is being worked on, and what
	// happens later begins a new one.
	Foreground bool
}

// Progress shows events. It is an event.Sink for any number of goroutines;
// Close ends the display and must be called, also after an interruption: it
// leaves the final state on the screen and gives the cursor back.
type Progress struct {
	mu       sync.Mutex
	renderer renderer
	term     Terminal
	mode     Mode
	closed   bool
	err      error
}

// renderer is one way of showing events. Its calls are serialised. close is
// told the events are over.
type renderer interface {
	show(event.Event) error
	close() error
}

// NewProgress makes a display of progress on the terminal's status stream,
// standard error by default. The error names a mode that does not exist or
// that contradicts --ansi.
func NewProgress(mode Mode, t Terminal, o ProgressOptions) (*Progress, error) {
	resolved, err := resolveMode(mode, t)
	if err != nil {
		return nil, err
	}
	p := &Progress{term: t, mode: resolved}
	w, _, color := t.status()
	switch resolved {
	case ModeJSON:
		p.renderer = newJSONProgress(w)
	case ModeQuiet:
		p.renderer = &quietProgress{w: w, paint: painter(color)}
	case ModeTTY:
		p.renderer = startLive(t, o)
	default:
		p.renderer = newPlainProgress(t)
	}
	return p, nil
}

// resolveMode decides what auto means here.
func resolveMode(mode Mode, t Terminal) (Mode, error) {
	_, tty, _ := t.status()
	switch mode {
	case "", ModeAuto:
		if tty && t.Cursor {
			return ModeTTY, nil
		}
		return ModePlain, nil
	case ModeTTY:
		if !t.Cursor && !t.dumb {
			return "", fmt.Errorf("--progress tty needs escape sequences, which --ansi never forbids: leave out one of them")
		}
		return ModeTTY, nil
	case ModePlain, ModeJSON, ModeQuiet:
		return mode, nil
	}
	return "", fmt.Errorf("--progress %q is unknown: use auto, tty, plain, json or quiet", string(mode))
}

// Mode is the way this progress is shown; never auto.
func (p *Progress) Mode() Mode { return p.mode }

// Emit shows the event. Events after Close are dropped.
func (p *Progress) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if e.Version == 0 {
		e.Version = event.Version
	}
	if e.Time.IsZero() {
		e.Time = p.term.now()
	}
	if err := p.renderer.show(e); err != nil && p.err == nil {
		p.err = closedError(err)
	}
}

// Pause leaves the terminal to somebody else, such as a command with a terminal
// of its own or the display of a build, until resume is called. Events are kept
// meanwhile; a display without a live view has nothing to do.
func (p *Progress) Pause() (resume func()) {
	if l, ok := p.renderer.(*live); ok {
		return l.screen.suspend()
	}
	return func() {}
}

// EndView leaves the present state of a live view on the screen, and lets a new
// one begin with the next event. It is for what follows an interruption.
func (p *Progress) EndView() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, ok := p.renderer.(*live); ok && !p.closed {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.endView()
	}
}

// Close ends the display. It returns the first error of writing, [ErrClosed]
// when nobody reads the stream any more. Further calls return the same.
func (p *Progress) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return p.err
	}
	p.closed = true
	if err := p.renderer.close(); err != nil && p.err == nil {
		p.err = closedError(err)
	}
	return p.err
}

// quietProgress tells only of errors and warnings.
type quietProgress struct {
	w     io.Writer
	paint func(color, s string) string
}

func (q *quietProgress) show(e event.Event) error {
	var text string
	switch {
	case e.Kind == event.KindWarning:
		text = warningLine(q.paint, e)
	case isFailure(e):
		text = q.paint(red, statusLine(e))
	default:
		return nil
	}
	_, err := io.WriteString(q.w, text+"\n")
	return err
}

func (q *quietProgress) close() error { return nil }

// statusText is what a status says beside its word. Why a resource failed is in
// the command's error, which follows.
func statusText(e event.Event) string {
	if isFailure(e) && e.Parent == "" {
		return ""
	}
	return oneLine(e.Text)
}

// isFailure tells whether a status event is about something that went wrong.
func isFailure(e event.Event) bool {
	return e.Kind == event.KindStatus && (e.Phase == event.Failed || e.Status == event.Error)
}
