package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/logs"
)

// lines is a sink that keeps what it is given as text.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	fail error // what taking a line fails with
}

func (l *lines) Line(line logs.Line) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, "%s | %s\n", line.Display, line.Text)
	return l.fail
}

func (l *lines) Note(n logs.Note) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, "%s %s\n", n.Display, n.Text)
	return nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// holding is an engine in memory with an app on it, in a synctest bubble.
type holding struct {
	*testing.T
	engine *enginetest.Engine
	app    *app.App
	sink   *lines
}

func held(t *testing.T, compose string, test func(h *holding)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.New(enginetest.WithImage("busybox:latest"))
		defer e.Close()
		test(&holding{T: t, engine: e, app: newApp(t, e, t.TempDir(), compose), sink: &lines{}})
	})
}

// states are the containers' states by name.
func (h *holding) states() string {
	h.Helper()
	list, err := h.engine.Containers(context.Background(), engine.ContainerFilter{})
	if err != nil {
		h.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range list {
		found[c.Name] = string(c.State)
	}
	return fmt.Sprint(found)
}

func (h *holding) wantStates(want string) {
	h.Helper()
	if got := h.states(); got != "map["+want+"]" {
		h.Errorf("states %s, want %s", got, want)
	}
}

// upEnd is how an attached up ended.
type upEnd struct {
	code int
	err  error
}

// up runs an attached up in the background.
func (h *holding) up(ctx context.Context, r app.UpRequest, at app.AttachRequest, c app.Control) <-chan upEnd {
	ended := make(chan upEnd, 1)
	go func() {
		code, err := h.app.UpAttached(ctx, r, at, h.sink, c)
		ended <- upEnd{code, err}
	}()
	return ended
}

const chain = `
name: p
services:
  db: {image: "busybox:latest"}
  web: {image: "busybox:latest", depends_on: [db]}
  other: {image: "busybox:latest"}
`

func TestAnInterruptStopsWhatWasNamedAndWhatWasStartedAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string
		want   string
	}{
		{"dependency started by it", nil, "p-db-1:exited p-web-1:exited"},
		{"dependency that ran before", []string{"db"}, "p-db-1:running p-web-1:exited"},
		{"others that ran before", []string{"other"}, "p-db-1:exited p-other-1:running p-web-1:exited"},
	} {
		t.Run(c.name, func(t *testing.T) {
			held(t, chain, func(h *holding) {
				if c.before != nil {
					if _, err := h.app.Up(h.Context(), app.UpRequest{Services: c.before}); err != nil {
						h.Fatal(err)
					}
				}
				ctx, cancel := context.WithCancel(h.Context())
				ended := h.up(ctx, app.UpRequest{Services: []string{"web"}}, app.AttachRequest{}, app.Control{})
				time.Sleep(time.Minute)
				cancel()
				if end := <-ended; end.code != 130 || end.err != nil {
					h.Errorf("got %+v", end)
				}
				h.wantStates(c.want)
			})
		})
	}
}

func TestASecondInterruptKillsWithoutWaiting(t *testing.T) {
	held(t, `
name: p
services:
  deaf: {image: "busybox:latest", stop_grace_period: 1h}
`, func(h *holding) {
		h.engine.SetScript("deaf", enginetest.Script{IgnoreTerm: true})
		ctx, cancel := context.WithCancel(h.Context())
		faster := make(chan struct{})
		ended := h.up(ctx, app.UpRequest{}, app.AttachRequest{}, app.Control{Faster: faster})
		time.Sleep(time.Minute)
		cancel()
		time.Sleep(time.Minute)
		began := time.Now()
		close(faster)
		if end := <-ended; end.code != 130 || end.err != nil || time.Since(began) > time.Second {
			h.Errorf("got %+v after %s", end, time.Since(began))
		}
		if !strings.Contains(h.sink.String(), "deaf-1 exited with code 137") {
			h.Errorf("shown:\n%s", h.sink)
		}
	})
}

func TestDetachingLeavesEverythingRunning(t *testing.T) {
	held(t, chain, func(h *holding) {
		detach := make(chan struct{})
		ended := h.up(h.Context(), app.UpRequest{}, app.AttachRequest{}, app.Control{Detach: detach})
		time.Sleep(time.Minute)
		close(detach)
		if end := <-ended; end.code != 0 || end.err != nil {
			h.Errorf("got %+v", end)
		}
		h.wantStates("p-db-1:running p-other-1:running p-web-1:running")
	})
}

func TestOutputThatCannotBeWrittenStopsTheContainers(t *testing.T) {
	held(t, chain, func(h *holding) {
		h.engine.SetScript("web", enginetest.Script{Lines: []enginetest.Line{{After: time.Second, Text: "hello"}}})
		gone := errors.New("the reader has gone")
		h.sink.fail = gone
		ended := h.up(h.Context(), app.UpRequest{}, app.AttachRequest{}, app.Control{})
		if end := <-ended; !errors.Is(end.err, gone) {
			h.Errorf("got %+v", end)
		}
		h.wantStates("p-db-1:exited p-other-1:exited p-web-1:exited")
	})
}

func TestTheExitCodeIsThatOfTheServiceAskedFor(t *testing.T) {
	const compose = `
name: p
services:
  first: {image: "busybox:latest"}
  second: {image: "busybox:latest", depends_on: {first: {condition: service_completed_successfully}}}
  third: {image: "busybox:latest"}
`
	for _, c := range []struct {
		name  string
		first int
		at    app.AttachRequest
		code  int
	}{
		{"any end", 0, app.AttachRequest{AbortOnExit: true}, 5},
		{"any failure", 0, app.AttachRequest{AbortOnFailure: true}, 5},
		{"a dependency's failure", 3, app.AttachRequest{AbortOnExit: true}, 3},
		{"one that ends by itself", 0, app.AttachRequest{ExitCodeFrom: "second"}, 5},
		{"one that is stopped", 0, app.AttachRequest{ExitCodeFrom: "third"}, 77},
		{"one that never ran", 3, app.AttachRequest{ExitCodeFrom: "second"}, 3},
		{"a dependency", 0, app.AttachRequest{ExitCodeFrom: "first"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			held(t, compose, func(h *holding) {
				h.engine.SetScript("first", enginetest.ExitAfter(time.Second, c.first))
				h.engine.SetScript("second", enginetest.ExitAfter(time.Second, 5))
				h.engine.SetScript("third", enginetest.Script{TermCode: 77})
				if end := <-h.up(h.Context(), app.UpRequest{}, c.at, app.Control{}); end.code != c.code || end.err != nil {
					h.Errorf("got %+v, want %d", end, c.code)
				}
				if strings.Contains(h.states(), "running") {
					h.Errorf("states: %s", h.states())
				}
			})
		})
	}
}

func TestAStartThatFailsIsTheErrorAndShowsWhatWasWritten(t *testing.T) {
	held(t, `
name: p
services:
  first: {image: "busybox:latest"}
  second: {image: "busybox:latest", depends_on: {first: {condition: service_completed_successfully}}}
`, func(h *holding) {
		h.engine.SetScript("first", enginetest.Script{
			Lines: []enginetest.Line{{Text: "no such table"}}, Exits: []enginetest.Exit{{After: time.Second, Code: 3}},
		})
		end := <-h.up(h.Context(), app.UpRequest{}, app.AttachRequest{}, app.Control{})
		if end.err == nil || !strings.Contains(end.err.Error(), "p-first-1") || !strings.Contains(end.err.Error(), "exited (3)") {
			h.Errorf("got %+v", end)
		}
		if got := h.sink.String(); got != "first-1 | no such table\nfirst-1 exited with code 3\n" {
			h.Errorf("shown:\n%s", got)
		}
	})
}

func TestWhoseOutputWillBeShownIsToldBeforeAnythingStarts(t *testing.T) {
	held(t, chain, func(h *holding) {
		var told []string
		detach := make(chan struct{})
		ended := h.up(h.Context(), app.UpRequest{Scale: map[string]int{"web": 2}}, app.AttachRequest{NoAttach: []string{"db"}}, app.Control{
			Detach: detach,
			Attaching: func(sources []logs.Source) {
				if n := h.engine.Count("StartContainer"); n > 0 {
					h.Errorf("%d containers were started before", n)
				}
				for _, s := range sources {
					told = append(told, s.Display)
				}
			},
		})
		time.Sleep(time.Minute)
		close(detach)
		<-ended
		if got := strings.Join(told, " "); got != "other-1 web-1 web-2" {
			h.Errorf("told of %q", got)
		}
	})
}

func TestAnUnknownServiceIsRefusedBeforeAnythingIsDone(t *testing.T) {
	for _, at := range []app.AttachRequest{{Attach: []string{"wbe"}}, {NoAttach: []string{"wbe"}}, {ExitCodeFrom: "wbe"}} {
		held(t, chain, func(h *holding) {
			end := <-h.up(h.Context(), app.UpRequest{}, at, app.Control{})
			if end.err == nil || !strings.Contains(end.err.Error(), "no such service: wbe") || len(h.engine.Mutations()) > 0 {
				h.Errorf("got %+v and %d changes", end, len(h.engine.Mutations()))
			}
		})
	}
}

func TestWaitingGivesTheCodeOfTheFirstThatFailed(t *testing.T) {
	held(t, chain, func(h *holding) {
		h.engine.SetScript("db", enginetest.ExitAfter(3*time.Second, 4))
		h.engine.SetScript("web", enginetest.ExitAfter(2*time.Second, 0))
		h.engine.SetScript("other", enginetest.ExitAfter(5*time.Second, 6))
		if _, err := h.app.Up(h.Context(), app.UpRequest{}); err != nil {
			h.Fatal(err)
		}
		var told []string
		code, err := h.app.Wait(h.Context(), app.WaitRequest{}, func(w app.WaitResult) error {
			told = append(told, fmt.Sprintf("%s %d", w.Container, w.ExitCode))
			return nil
		})
		if got := strings.Join(told, ", "); code != 4 || err != nil || got != "p-web-1 0, p-db-1 4, p-other-1 6" {
			h.Errorf("%d, %v, %s", code, err, got)
		}
		code, err = h.app.Wait(h.Context(), app.WaitRequest{Services: []string{"other"}, DownProject: true}, func(app.WaitResult) error { return nil })
		if code != 6 || err != nil {
			h.Errorf("%d, %v", code, err)
		}
		h.wantStates("")
	})
}

func TestARefusedExecIsAnErrorAndNoOutput(t *testing.T) {
	held(t, chain, func(h *holding) {
		if _, err := h.app.Up(h.Context(), app.UpRequest{Services: []string{"db"}}); err != nil {
			h.Fatal(err)
		}
		var out bytes.Buffer
		_, err := h.app.Exec(h.Context(), app.ExecRequest{Service: "db", Command: []string{"nope"}}, engine.Streams{Out: &out, Err: &out})
		var coded interface{ ExitCode() int }
		if !errors.As(err, &coded) || coded.ExitCode() != 127 || out.Len() > 0 {
			h.Errorf("%v, %q", err, out.String())
		}
		_, err = h.app.Exec(h.Context(), app.ExecRequest{Service: "web", Command: []string{"true"}}, engine.Streams{Out: &out, Err: &out})
		if err == nil || !strings.Contains(err.Error(), `service "web" is not running`) {
			h.Error(err)
		}
	})
}
