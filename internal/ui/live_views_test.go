package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/pkg/event"
)

// foregroundView is a live view on an emulated terminal.
func foregroundView(t *testing.T) (*live, *emulator, *recorder) {
	t.Helper()
	screen := newEmulator(t, 60, 24)
	r := newRecorder().asTTY(false)
	r.Out, r.Err, r.Width = screen, screen, fixed(60)
	return newLive(r.shareScreen(), ProgressOptions{Title: "up", Foreground: true}), screen, r
}

// told shows events half a second apart.
func told(t *testing.T, l *live, r *recorder, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		r.clock.pass(500 * time.Millisecond)
		e.Time = r.clock.now()
		if err := l.show(e); err != nil {
			t.Fatal(err)
		}
		l.tick()
	}
}

func TestInTheForegroundTheViewEndsWhenAllIsDone(t *testing.T) {
	l, screen, r := foregroundView(t)
	told(t, l, r, status(event.Network, "n", event.Created), status(event.Container, "a", event.Starting))
	r.clock.pass(time.Minute)
	l.tick()
	if len(l.rows) != 2 {
		t.Error("the view has ended while something is being worked on")
	}
	told(t, l, r, status(event.Container, "a", event.Started))
	r.clock.pass(settleAfter)
	l.tick()
	if _, err := l.term.Out.Write([]byte("a-1  | hello\n")); err != nil {
		t.Fatal(err)
	}
	screen.put('^') // what the terminal echoes of Ctrl-C
	screen.put('C')
	told(t, l, r, event.Event{Kind: event.KindNotice, Text: "Gracefully stopping..."}, status(event.Container, "a", event.Stopping))
	screen.put('^')
	screen.put('C')
	told(t, l, r, status(event.Container, "a", event.Stopped))
	if err := l.finish(); err != nil {
		t.Fatal(err)
	}
	equal(t, strings.Join(screen.text(), "\n"), strings.Join([]string{
		"[+] up 2/2",
		" ✔ Network n    Created                                0.0s",
		" ✔ Container a  Started                               60.5s",
		"a-1  | hello",
		"Gracefully stopping...",
		"[+] stop 1/1",
		" ✔ Container a  Stopped                                0.5s",
	}, "\n"))
	if screen.hidden {
		t.Error("the cursor is hidden")
	}
}

func TestAStopDuringTheStartLeavesTheStateOfTheStart(t *testing.T) {
	l, screen, r := foregroundView(t)
	p := &Progress{renderer: l, term: r.Terminal}
	told(t, l, r, status(event.Container, "a", event.Waiting),
		event.Event{Kind: event.KindNotice, Text: "Watch enabled"},
		event.Event{Kind: event.KindWarning, Text: "careful"})
	p.EndView()
	told(t, l, r, event.Event{Kind: event.KindNotice, Text: "Gracefully stopping..."}, status(event.Container, "a", event.Stopped))
	if err := l.finish(); err != nil {
		t.Fatal(err)
	}
	equal(t, strings.Join(screen.text(), "\n"), strings.Join([]string{
		"Watch enabled",
		"warning: careful",
		"[+] up 0/1",
		" - Container a  Waiting                                1.0s",
		"Gracefully stopping...",
		"[+] stop 1/1",
		" ✔ Container a  Stopped                                0.0s",
	}, "\n"))
}

func TestAStopThatNobodyAskedForHasAViewOfItsOwn(t *testing.T) {
	l, screen, r := foregroundView(t)
	told(t, l, r, status(event.Network, "n", event.Created), status(event.Container, "b", event.Waiting), status(event.Container, "a", event.Started),
		event.Event{Kind: event.KindNotice, Text: "Aborting on container exit..."}, status(event.Container, "a", event.Stopping),
		status(event.Container, "a", event.Stopped))
	if err := l.finish(); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(screen.text(), "\n")
	if !strings.Contains(got, "[+] stop 1/1\n ✔ Container a  Stopped                                0.5s") || strings.Count(got, "Network n") != 1 {
		t.Errorf("got\n%s", got)
	}
}

func TestAViewDoesNotEndWhileSomebodyElseHasTheTerminal(t *testing.T) {
	l, _, r := foregroundView(t)
	resume := l.screen.suspend()
	told(t, l, r, status(event.Container, "a", event.Started), event.Event{Kind: event.KindNotice, Text: "x"}, event.Event{Kind: event.KindSummary})
	if len(l.rows) != 1 {
		t.Error("the view has ended")
	}
	resume()
	told(t, l, r, event.Event{Kind: event.KindSummary})
	if len(l.rows) != 0 {
		t.Error("the view has not ended")
	}
}
