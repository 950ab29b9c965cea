package ui

import (
	"slices"
	"time"

	"github.com/berth-dev/berth/pkg/event"
)

// settleAfter is how long nothing must have been worked on until a live view in
// the foreground ends: between two steps of one plan less time passes.
const settleAfter = 250 * time.Millisecond

// settled tells whether there is a view in which nothing has been worked on for
// a moment.
func (l *live) settled() bool {
	return len(l.rows) > 0 && !l.working() && l.term.now().Sub(l.last) >= settleAfter
}

// working tells whether anything is being worked on.
func (l *live) working() bool {
	return slices.ContainsFunc(l.rows, func(r *row) bool { return r.phase == event.Working })
}

// isStop tells the words for containers that are being stopped.
func isStop(s event.Status) bool {
	switch s {
	case event.Stopping, event.Stopped, event.Killing, event.Killed:
		return true
	}
	return false
}

// turns tells whether a status is the first of the stop that ends what the view
// shows: a container is stopped that this view has started or found running.
func (l *live) turns(e event.Event) bool {
	r := l.byID[e.ID()]
	if r == nil || e.Parent != "" || !isStop(e.Status) {
		return false
	}
	switch event.Status(r.status) {
	case event.Starting, event.Started, event.Running, event.Waiting, event.Healthy, event.Exited:
		return true
	}
	return false
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
// about what follows, so that a view that has done its work ends before.
func (l *live) notice(text string) {
	if l.foreground && !l.working() {
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
	if slices.ContainsFunc(l.rows, func(r *row) bool {
		return !isStop(event.Status(r.status)) && r.status != string(event.Exited)
	}) {
		return l.title
	}
	return "stop"
}
