package execute_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
)

// readyWithin brings up a service and waits until it is ready.
func readyWithin(t *testing.T, e execute.Engine, s engine.ContainerSpec, checked bool, limit time.Duration) error {
	t.Helper()
	p := plan.New("p")
	ref, started := up(p, s)
	wait(p, "ready", plan.Ready, checked, started, ref)
	_, err := execute.Run(t.Context(), p, e, execute.Options{WaitTimeout: limit})
	return err
}

func TestATimeoutShorterThanTheSettleTimeIsNoFailureOfWhatRuns(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		begin := time.Now()
		if err := readyWithin(t, e, spec("web", false), false, 2*time.Second); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("took %s: what ends early must still be seen", took)
		}
	})
	for name, script := range map[string]enginetest.Script{
		"exited (3)": enginetest.ExitAfter(time.Second, 3),
		// It runs at the end of the time, but not as it should.
		"has exited": {Exits: []enginetest.Exit{{After: time.Second, Code: 4}, {Never: true}}},
	} {
		inBubble(t, func(t *testing.T, e *enginetest.Engine) {
			e.SetScript("web", script)
			s := spec("web", false)
			if name == "has exited" {
				s.Service.Restart = "always"
			}
			err := readyWithin(t, e, s, false, 2*time.Second)
			if err == nil || !strings.Contains(err.Error(), "container p-web-1 ") || !strings.Contains(err.Error(), name) {
				t.Errorf("error is %v, want %q", err, name)
			}
		})
	}
}

// deaf is an engine that answers no inspection.
type deaf struct{ *enginetest.Engine }

func (e deaf) InspectContainer(ctx context.Context, id string) (engine.ContainerDetail, error) {
	<-ctx.Done()
	return engine.ContainerDetail{}, ctx.Err()
}

func TestATimeoutNamesTheContainerWhateverIsKnownOfIt(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		err := readyWithin(t, deaf{e}, spec("web", false), false, time.Second)
		if err == nil || !strings.Contains(err.Error(), "container p-web-1 is not ready after 1s") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestWhatWasToEndWellIsNamedInTheWordsThatToolsKnow(t *testing.T) {
	for _, c := range []struct {
		condition plan.Condition
		checked   bool
		script    enginetest.Script
		want      string
	}{
		{plan.Completed, false, enginetest.ExitAfter(time.Second, 4), `service "db" didn't complete successfully: exit 4 (container p-db-1 exited (4))`},
		{plan.Healthy, true, enginetest.ExitAfter(time.Second, 4), "dependency failed to start: container p-db-1 exited (4)"},
		{plan.Healthy, true, enginetest.Script{Health: enginetest.NeverHealthy("no")}, "dependency failed to start: container p-db-1 is unhealthy"},
	} {
		inBubble(t, func(t *testing.T, e *enginetest.Engine) {
			e.SetScript("db", c.script)
			p := plan.New("p")
			ref, started := up(p, spec("db", c.checked))
			wait(p, "wait", c.condition, c.checked, started, ref)
			_, err := execute.Run(t.Context(), p, e, execute.Options{})
			var failed *execute.WaitError
			if err == nil || err.Error() != c.want || !errors.As(err, &failed) {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}
}

// hasty is an engine that tells of the end of a short process before its start.
type hasty struct{ *enginetest.Engine }

func (e hasty) Events(ctx context.Context, filter engine.EventFilter) (engine.EventStream, error) {
	stream, err := e.Engine.Events(ctx, filter)
	swapped := make(chan engine.Event)
	go func() {
		defer close(swapped)
		var held []engine.Event
		for ev := range stream.C {
			if ev.Action == "start" {
				held = append(held, ev)
				continue
			}
			swapped <- ev
			if ev.Action == "die" {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Millisecond):
				}
				for _, late := range held {
					swapped <- late
				}
				held = nil
			}
		}
	}()
	return engine.EventStream{C: swapped, Err: stream.Err}, err
}

func TestAnEndThatIsToldBeforeItsStartIsSeenAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("job", enginetest.ExitAfter(time.Second, 0))
		p := plan.New("p")
		ref, started := up(p, spec("job", false))
		wait(p, "job/completed", plan.Completed, false, started, ref)
		begin := time.Now()
		if _, err := execute.Run(t.Context(), p, hasty{e}, execute.Options{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("took %s", took)
		}
	})
}
