package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
)

// methods are the calls' methods, in words.
func methods(calls []enginetest.Call) string {
	var words []string
	for _, c := range calls {
		words = append(words, c.Method)
	}
	return strings.Join(words, " ")
}

func TestTheFirstRequestsWaitForOnePing(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		begin := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := e.Info(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if e.Count("Ping") != 1 || time.Since(begin) != 2*time.Millisecond {
			t.Errorf("%d pings in %v", e.Count("Ping"), time.Since(begin))
		}
		e.ResetCalls()
		must[engine.Info](t)(e.Info(t.Context()))
		if got := methods(e.Calls()); got != "Info" {
			t.Errorf("the same client: %s", got)
		}
		e.Reconnect()
		must[engine.Info](t)(e.Info(t.Context()))
		if got := methods(e.Calls()); got != "Ping Info" {
			t.Errorf("the next client: %s", got)
		}
	}, enginetest.Tick(time.Millisecond))
}

func TestAFailedPingIsTriedAgain(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		boom := errors.New("boom")
		e.FailOn(func(c enginetest.Call) error {
			if c.Seq == 1 {
				return boom
			}
			return nil
		})
		if _, err := e.Info(t.Context()); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
		must[engine.Info](t)(e.Info(t.Context()))
		if got := methods(e.Calls()); got != "Ping Ping Info" {
			t.Errorf("got %s", got)
		}
	})
}

func TestTheLongestChainSkipsWhatRanBesides(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		var all sync.WaitGroup
		all.Go(func() { _, _ = e.Networks(t.Context(), "p") })
		all.Go(func() {
			_, _ = e.Containers(t.Context(), engine.ContainerFilter{})
			_, _ = e.CreateContainer(t.Context(), spec("a"))
			_ = e.StartContainer(t.Context(), "a")
		})
		all.Wait()
		if got := methods(e.LongestChain()); got != "Ping Containers CreateContainer StartContainer" {
			t.Errorf("got %s", got)
		}
		if depth := e.Calls()[e.Count("")-1].Depth; depth != 4 {
			t.Errorf("depth of the last call: %d", depth)
		}
	}, enginetest.Tick(time.Millisecond))
}

func TestRequestsOfOneGoroutineAreAChainWithoutTicks(t *testing.T) {
	e := enginetest.New(enginetest.WithImage(image))
	defer func() { _ = e.Close() }()
	for i := range 3 {
		started(t, e, spec(fmt.Sprint(i)))
	}
	if got := len(e.LongestChain()); got != 7 {
		t.Errorf("got %d", got)
	}
}

func TestACallTellsWhatItAskedAndWhatBecameOfIt(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		_ = e.StartContainer(t.Context(), "nope")
		call := e.Calls()[1]
		if got := call.String(); got != "StartContainer nope (start container nope: No such container: nope)" {
			t.Errorf("got %q", got)
		}
		if !call.Mutates || call.End.IsZero() {
			t.Errorf("got %+v", call)
		}
	})
}

func TestACancelledRequestIsNotApplied(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		must[engine.Info](t)(e.Info(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := e.CreateContainer(ctx, spec("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if n := len(e.Snapshot().Containers); n != 0 {
			t.Errorf("%d containers", n)
		}
	}, enginetest.Tick(time.Second))
}

func TestAStopGoesOnWhenItsClientIsKilled(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{IgnoreTerm: true})
		id := started(t, e, spec("a"))
		died := errors.New("the client died")
		result := make(chan error, 1)
		go func() { result <- e.StopContainer(t.Context(), id, engine.StopOptions{}) }()
		time.Sleep(time.Second)
		e.KillAt(1, died)
		_ = e.StartContainer(t.Context(), "other")
		if err := <-result; !errors.Is(err, died) {
			t.Errorf("got %v", err)
		}
		if got := e.Snapshot().Containers[0].State; got != engine.Running {
			t.Errorf("at once: %s", got)
		}
		time.Sleep(10 * time.Second)
		if got := e.Snapshot().Containers[0]; got.State != engine.Exited || got.ExitCode != 137 {
			t.Errorf("at last: %s %d", got.State, got.ExitCode)
		}
	})
}

func TestBrokenConnectionsEndWhatLasts(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		id := started(t, e, spec("a"))
		stream := must[engine.EventStream](t)(e.Events(t.Context(), engine.EventFilter{}))
		results := make(chan error, 3)
		go func() { _, err := e.WaitContainer(t.Context(), id); results <- err }()
		go func() { results <- e.Logs(t.Context(), id, engine.LogOptions{Follow: true}, nil, nil) }()
		go func() { results <- e.Attach(t.Context(), id, engine.AttachOptions{}, engine.Streams{}) }()
		synctest.Wait()
		e.Unreachable()
		for range 3 {
			if err := <-results; !errors.Is(err, engine.ErrUnreachable) {
				t.Errorf("got %v", err)
			}
		}
		for range stream.C {
			continue
		}
		if err := stream.Err(); !errors.Is(err, engine.ErrUnreachable) {
			t.Errorf("event stream: %v", err)
		}
		e.Reachable()
		if must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{}))[0].State != engine.Running {
			t.Error("the container did not go on")
		}
	})
}

func TestIDsDependOnTheSeedAlone(t *testing.T) {
	id := func(seed string) string {
		e := enginetest.New(enginetest.Seed(seed), enginetest.WithImage(image))
		defer func() { _ = e.Close() }()
		return started(t, e, spec("a"))
	}
	if first, again, other := id("x"), id("x"), id("y"); first != again || first == other || len(first) != 64 {
		t.Errorf("got %s, %s, %s", first, again, other)
	}
}
