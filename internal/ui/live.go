package ui

import (
	"io"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/pkg/event"
)

// redrawEvery is the time between two drawings of a live view.
const redrawEvery = 100 * time.Millisecond

// pendingLimit is how many bytes of output lines may wait for the next drawing.
const pendingLimit = 32 << 10

// live is the view of a terminal: a header and a row per resource, redrawn in
// place until close leaves the final state behind.
type live struct {
	term       Terminal
	title      string
	foreground bool // the view ends when nothing is being worked on
	screen     *screen
	above      io.Writer
	paint      func(color, s string) string

	mu      sync.Mutex
	rows    []*row
	byID    map[string]*row
	byName  map[string]*row
	dryRun  bool
	last    time.Time // of the last status
	later   bool      // a view has ended before this one
	pending []byte    // lines to go above the block with the next drawing
	err     error

	stop chan struct{}
	done chan struct{}
}

// row is one resource.
type row struct {
	id, name   string
	status     string
	text       string
	phase      event.Phase
	start, end time.Time // end is set while the row is not being worked on
	parts      map[string]*part
	order      []*part  // parts by first appearance
	now        string   // the step of a build being done
	tail       []string // the last lines of a build, shown if it fails
}

// tailLines is how much of a build's output is shown when it fails.
const tailLines = 20

// output keeps a line of a build: the row shows the step it is at.
func (r *row) output(e event.Event) {
	if e.Parent == "" {
		r.now = oneLine(e.Text)
	}
	r.tail = append(r.tail, strings.TrimRight(e.Text, "\r\n"))
	if len(r.tail) > tailLines {
		r.tail = r.tail[1:]
	}
}

// part is a layer of an image, a step of a build.
type part struct {
	name           string
	status         string
	phase          event.Phase
	current, total int64 // bytes
}

func newLive(t Terminal, o ProgressOptions) *live {
	w, _, color := t.status()
	s := screenOf(t, w)
	return &live{
		term: t, title: o.Title, foreground: o.Foreground, screen: s,
		above: &liveWriter{screen: s, w: s.w}, paint: painter(color),
		byID: map[string]*row{}, byName: map[string]*row{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// startLive makes a live view that redraws itself.
func startLive(t Terminal, o ProgressOptions) *live {
	l := newLive(t, o)
	go l.run()
	return l
}

func (l *live) run() {
	defer close(l.done)
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			l.tick()
		}
	}
}

// tick brings the screen up to date.
func (l *live) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.screen.isSuspended() {
		return
	}
	l.flush()
	if l.foreground && l.settled() {
		l.endView()
	}
	if len(l.rows) == 0 || l.term.height() < 2 { // on one line, only the end can be shown
		return
	}
	l.keep(l.screen.draw(l.frame(false)))
}

// flush prints the waiting lines above the block.
func (l *live) flush() {
	if len(l.pending) == 0 {
		return
	}
	_, err := l.above.Write(l.pending)
	l.pending = l.pending[:0]
	l.keep(err)
}

func (l *live) keep(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *live) show(e event.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case event.KindStatus:
		if l.foreground && l.turns(e) {
			l.endView()
		}
		l.dryRun = l.dryRun || e.DryRun
		l.last = l.term.now()
		l.status(e)
	case event.KindWarning:
		l.print(warningLine(l.paint, e))
	case event.KindNotice:
		l.notice(noticeLine(e))
	case event.KindSummary:
		if l.foreground {
			l.endView()
		}
	case event.KindOutput:
		if r := l.byID[e.ID()]; r != nil && e.Resource == event.Image && r.phase != event.Failed {
			r.output(e)
		} else {
			l.print(outputLine(e))
		}
	}
	return l.err
}

func (l *live) print(text string) {
	l.pending = append(append(l.pending, text...), '\n')
	if len(l.pending) > pendingLimit && !l.screen.isSuspended() {
		l.flush()
	}
}

func (l *live) status(e event.Event) {
	if e.Parent != "" {
		l.parent(e).part(e)
		return
	}
	r := l.row(e.ID(), e.Name, e.Time)
	r.status, r.text, r.phase = string(e.Status), statusText(e), phaseOf(e)
	if r.phase == event.Working {
		r.end = time.Time{}
	} else {
		r.end = e.Time
	}
	if e.Total > 0 {
		r.part(e)
	}
	if r.phase == event.Failed {
		for _, text := range r.tail {
			l.print(text)
		}
		r.tail = nil
	}
}

// row finds the row of a resource or adds it.
func (l *live) row(id, name string, at time.Time) *row {
	if r := l.byID[id]; r != nil {
		return r
	}
	r := &row{id: oneLine(id), name: oneLine(name), start: at, phase: event.Working, parts: map[string]*part{}}
	l.rows = append(l.rows, r)
	l.byID[id] = r
	l.byName[name] = r
	return r
}

// parent finds the row a part belongs to, which the event may call by its ID or
// by its name; a part that comes first brings its image with it.
func (l *live) parent(e event.Event) *row {
	if r := l.byID[e.Parent]; r != nil {
		return r
	}
	if r := l.byName[e.Parent]; r != nil {
		return r
	}
	name := strings.TrimPrefix(e.Parent, event.Image+" ")
	r := l.row(event.Image+" "+name, name, e.Time)
	if r.status == "" {
		r.status = string(event.Pulling)
	}
	return r
}

func (r *row) part(e event.Event) {
	p := r.parts[e.Name]
	if p == nil {
		p = &part{name: oneLine(e.Name)}
		r.parts[e.Name] = p
		r.order = append(r.order, p)
	}
	p.status, p.phase = string(e.Status), phaseOf(e)
	switch {
	case transferred(p):
		p.current = p.total
	case e.Total > 0:
		p.current, p.total = min(e.Current, e.Total), e.Total
	}
}

// transferred tells whether all bytes of a layer have arrived: what follows the
// download, such as its extraction, counts from zero again.
func transferred(p *part) bool {
	switch p.status {
	case "Verifying Checksum", "Download complete", "Extracting", "Pull complete", "Already exists", "Pushed", "Layer already exists":
		return true
	}
	return p.phase == event.Done
}

// bytes sums up the transfer of all parts.
func (r *row) bytes() (current, total int64) {
	for _, p := range r.order {
		current += p.current
		total += p.total
	}
	return current, total
}

// step is what a resource made in steps is at.
func (r *row) step() string {
	if r.now != "" {
		return r.now
	}
	for i := len(r.order) - 1; i >= 0; i-- {
		if r.order[i].phase == event.Working {
			return r.order[i].name
		}
	}
	return ""
}

func (l *live) close() error {
	close(l.stop)
	<-l.done
	return l.finish()
}

// finish draws the final state, all of it, below what was printed.
func (l *live) finish() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	var final []line
	if len(l.rows) > 0 {
		final = l.frame(true)
	}
	l.keep(l.screen.finish(final))
	return l.err
}

// phaseOf is the event's phase, read from its status word where it says none.
func phaseOf(e event.Event) event.Phase {
	if e.Phase != "" {
		return e.Phase
	}
	switch e.Status {
	case event.Error:
		return event.Failed
	case event.Skipped:
		return event.Warn
	case event.Creating, event.Starting, event.Waiting, event.Stopping, event.Killing, event.Pausing,
		event.Unpausing, event.Restarting, event.Removing, event.Recreate, event.Renaming, event.Pulling,
		event.Pushing, event.Building, event.Copying, event.Connecting:
		return event.Working
	}
	if e.Parent != "" && e.Total > 0 && e.Current < e.Total {
		return event.Working
	}
	return event.Done
}
