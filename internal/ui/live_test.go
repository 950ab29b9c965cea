package ui

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/pkg/event"
)

// watch plays steps on a live view that redraws after each, and returns the
// view before it is finished.
func watch(r *recorder, steps []step) *live {
	l := newLive(r.Terminal, ProgressOptions{Title: "up"})
	for _, s := range steps {
		r.clock.pass(s.after)
		s.event.Time = r.clock.now()
		if err := l.show(s.event); err != nil {
			panic(err)
		}
		l.tick()
	}
	return l
}

// texts are the lines of a frame without colours.
func frameTexts(l *live, final bool) []string {
	l.paint = painter(false)
	var out []string
	for _, x := range l.frame(final) {
		out = append(out, x.text)
	}
	return out
}

func TestLiveViewBytesAreStable(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		color bool
	}{{"80", 80, true}, {"80-nocolor", 80, false}, {"20-nocolor", 20, false}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecorder().asTTY(c.color)
			r.Width = fixed(c.width)
			if err := watch(r, up()).finish(); err != nil {
				t.Fatal(err)
			}
			golden(t, "live-"+c.name+".tty", r.err.Bytes())
			if !c.color && regexp.MustCompile(`\x1b\[[0-9;]*m`).Match(r.err.Bytes()) {
				t.Error("colours without being asked")
			}
		})
	}
}

func TestFramesFitEveryWidthAndHeight(t *testing.T) {
	for width := 1; width <= 130; width++ {
		for _, height := range []int{1, 2, 3, 5, 10} {
			r := newRecorder().asTTY(false)
			r.Width, r.Height = fixed(width), fixed(height)
			l := watch(r, append(up(), step{0, status(event.Container, "データベース-1", event.Creating)}))
			lines := l.frame(false)
			if len(lines) > max(height-1, 1) {
				t.Fatalf("%d lines at height %d", len(lines), height)
			}
			for _, x := range lines {
				if x.width > max(width-1, 1) || textWidth(x.text) != x.width {
					t.Fatalf("width %d: %q takes %d (says %d)", width, x.text, textWidth(x.text), x.width)
				}
			}
		}
	}
}

func TestFrameAtEightyColumns(t *testing.T) {
	r := newRecorder().asTTY(false)
	l := watch(r, up()[:3])
	golden(t, "frame-pull-80.txt", []byte(strings.Join(frameTexts(l, false), "\n")+"\n"))
	l = watch(newRecorder().asTTY(false), up())
	golden(t, "frame-final-80.txt", []byte(strings.Join(frameTexts(l, true), "\n")+"\n"))
}

func TestFrameAtTwentyColumns(t *testing.T) {
	r := newRecorder().asTTY(false)
	r.Width = fixed(20)
	l := watch(r, up())
	golden(t, "frame-final-20.txt", []byte(strings.Join(frameTexts(l, true), "\n")+"\n"))
}

func TestFinishedRowsGiveWayWhenTheTerminalIsLow(t *testing.T) {
	r := newRecorder().asTTY(false)
	r.Height = fixed(6)
	var steps []step
	for i := range 10 {
		name := fmt.Sprintf("app-%d", i)
		steps = append(steps, step{0, status(event.Container, name, event.Creating)})
		if i < 8 {
			steps = append(steps, step{0, status(event.Container, name, event.Started)})
		}
	}
	l := watch(r, steps)
	texts := frameTexts(l, false)
	got := strings.Join(texts, "\n")
	if len(texts) != 5 || !strings.Contains(got, "app-8") || !strings.Contains(got, "app-9") ||
		!strings.Contains(got, "7 more done") || !strings.Contains(got, "[+] up 8/10") {
		t.Errorf("got\n%s", got)
	}
	if final := frameTexts(l, true); len(final) != 11 {
		t.Errorf("the final state has %d lines", len(final))
	}
}

func TestUnchangedViewsWriteNothing(t *testing.T) {
	r := newRecorder().asTTY(false)
	l := watch(r, []step{{0, status(event.Container, "a", event.Started)}})
	r.err.Reset()
	r.clock.pass(time.Second)
	l.tick()
	equal(t, r.err.String(), "")
}

func TestOnlyChangedLinesAreRewritten(t *testing.T) {
	r := newRecorder().asTTY(false)
	l := watch(r, []step{
		{0, status(event.Container, "a", event.Started)},
		{0, status(event.Container, "b", event.Creating)},
	})
	r.err.Reset()
	r.clock.pass(100 * time.Millisecond)
	l.tick()
	if got := r.err.String(); !strings.HasPrefix(got, "\r\x1b[K\x1b[1A ") || strings.Contains(got, "Container a") {
		t.Errorf("got %q", got)
	}
}

func TestLinesPrintedDuringALiveViewComeAboveIt(t *testing.T) {
	r := newRecorder().asTTY(false)
	term := r.shareScreen()
	l := newLive(term, ProgressOptions{Title: "stop"})
	if err := l.show(status(event.Container, "a", event.Stopping)); err != nil {
		t.Fatal(err)
	}
	l.tick()
	r.err.Reset()
	if _, err := term.Out.Write([]byte("a-1  | bye\n")); err != nil {
		t.Fatal(err)
	}
	got := r.out.String()
	if !strings.HasPrefix(got, "\r\x1b[K\x1b[2A\x1b[K\n\x1b[J\x1b[1Aa-1  | bye\n[+] stop 0/1\n") {
		t.Errorf("got %q", got)
	}
}

func TestANarrowerTerminalErasesTheBrokenLinesToo(t *testing.T) {
	r := newRecorder().asTTY(false)
	width := 80
	r.Width = func() int { return width }
	l := watch(r, []step{{0, status(event.Container, "a", event.Creating)}})
	r.err.Reset()
	width = 40
	l.tick()
	// The row took 79 columns, that is two lines of 40 now; the header one.
	if got := r.err.String(); !strings.HasPrefix(got, "\r\x1b[K\x1b[3A\x1b[K\n\x1b[J\x1b[1A[+] up 0/1\n") {
		t.Errorf("got %q", got)
	}
}

func TestCloseGivesTheCursorBack(t *testing.T) {
	r := newRecorder().asTTY(false)
	l := watch(r, []step{{0, status(event.Container, "a", event.Creating)}})
	if err := l.finish(); err != nil {
		t.Fatal(err)
	}
	got := r.err.String()
	if strings.Count(got, hideCursor) != 1 || !strings.HasSuffix(got, showCursor) {
		t.Errorf("got %q", got)
	}
}

func TestRestoreGivesTheCursorBackAndStopsDrawing(t *testing.T) {
	r := newRecorder().asTTY(false)
	term := r.shareScreen()
	l := newLive(term, ProgressOptions{})
	if err := l.show(status(event.Container, "a", event.Creating)); err != nil {
		t.Fatal(err)
	}
	l.tick()
	r.err.Reset()
	Restore(term)
	r.clock.pass(time.Second)
	l.tick()
	equal(t, r.err.String(), showCursor)
}

func TestPullAddsUpItsLayers(t *testing.T) {
	l := watch(newRecorder().asTTY(false), up()[:4])
	current, total := l.rows[0].bytes()
	if current != 6<<20 || total != 8<<20 {
		t.Errorf("got %d of %d", current, total)
	}
}

func TestABuildShowsItsStepAndItsLastLinesWhenItFails(t *testing.T) {
	output := func(text, parent string) step {
		return step{0, event.Event{Kind: event.KindOutput, Resource: event.Image, Name: "web", Text: text, Parent: parent}}
	}
	steps := []step{{0, status(event.Image, "web", event.Building)}, output("[web 2/3] RUN make", ""), output("no rule", "[web 2/3] RUN make")}
	r := newRecorder().asTTY(false)
	l := watch(r, steps)
	if got := frameTexts(l, false)[1]; !strings.Contains(got, "Building [web 2/3] RUN make") || strings.Contains(r.err.String(), "no rule") {
		t.Errorf("got %q", got)
	}
	r.err.Reset()
	if err := l.show(status(event.Image, "web", event.Error)); err != nil {
		t.Fatal(err)
	}
	l.tick()
	if got := r.err.String(); !strings.Contains(got, "[web 2/3] RUN make\nno rule\n") {
		t.Errorf("got %q", got)
	}
	r.err.Reset()
	if err := l.show(output("Dockerfile:2", "").event); err != nil { // where it failed comes last
		t.Fatal(err)
	}
	l.tick()
	if got := r.err.String(); !strings.Contains(got, "Dockerfile:2\n") {
		t.Errorf("got %q", got)
	}
}

func TestAPausedViewDrawsNothingAndKeepsItsEvents(t *testing.T) {
	r := newRecorder().asTTY(false)
	p, err := NewProgress(ModePlain, r.Terminal, ProgressOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.Pause()() // nothing to do without a live view
	l := watch(r, nil)
	p.renderer = l
	resume := p.Pause()
	p.Emit(status(event.Container, "a", event.Started))
	p.Emit(event.Event{Kind: event.KindNotice, Text: "hello"})
	l.tick()
	equal(t, r.err.String(), "")
	resume()
	resume()
	l.tick()
	if got := r.err.String(); !strings.Contains(got, "hello\n") || !strings.Contains(got, "Container a  Started") {
		t.Errorf("got %q", got)
	}
}

func TestDryRunIsSaidInTheHeader(t *testing.T) {
	e := status(event.Container, "a", event.Created)
	e.DryRun = true
	l := watch(newRecorder().asTTY(false), []step{{0, e}})
	equal(t, frameTexts(l, false)[0], "[+] up 1/1 (dry run)")
}

func BenchmarkLiveFrame(b *testing.B) {
	r := newRecorder().asTTY(true)
	r.Height = fixed(60)
	l := newLive(r.Terminal, ProgressOptions{Title: "up"})
	for i := range 100 {
		e := status(event.Container, fmt.Sprintf("project-service-%d", i), event.Creating)
		e.Time = r.clock.now()
		if err := l.show(e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		r.clock.pass(redrawEvery)
		l.tick()
		r.err.Reset()
	}
}
