package ui

import (
	"time"

	"github.com/berth-dev/berth/pkg/event"
)

// settleAfter is how long nothing must have been worked on until a live view in
// the foreground ends: between two steps of one plan less time passes.
const settleAfter = 250 * time.Millisecond

// settled tells whether there is a view in which nothing is being worked on.
func (l *live) settled() bool {
	if len(l.rows) == 0 || l.term.now().Sub(l.last) < settleAfter {
		return false
	}
	for _, r := range l.rows {
		if r.phase == event.Working {
			return false
		}
	}
	return true
}

// endView leaves the state of the rows on the screen, as it is. What happens
// from now on begins a view, and times, of its own. While somebody else has the
// terminal the view goes on.
func (l *live) endView() {
	if l.screen.isSuspended() {
		return
	}
	l.flush()
	if len(l.rows) == 0 {
		return
	}
	l.keep(l.screen.finish(l.frame(true)))
	l.rows, l.byID, l.byName = nil, map[string]*row{}, map[string]*row{}
	l.later = true
}

// notice prints a line of information above the view. In the foreground it is
// about what follows, such as the stop after Ctrl-C, and ends the view.
func (l *live) notice(text string) {
	if l.foreground {
		l.endView()
	}
	l.print(text)
	if l.foreground && len(l.rows) == 0 && !l.screen.isSuspended() {
		// Behind an echoed ^C the line would not begin at the left.
		l.pending = append([]byte(freshLine), l.pending...)
		l.flush()
	}
}

// verb is what the header says is being done. Only the first view of the
// foreground is sure to be the command's own; a later one may be its end.
func (l *live) verb() string {
	if !l.later {
		return l.title
	}
	for _, r := range l.rows {
		switch event.Status(r.status) {
		case event.Stopping, event.Stopped, event.Killing, event.Killed, event.Exited:
		default:
			return l.title
		}
	}
	return "stop"
}
