package logs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
)

// following runs Follow on a fake in the background of a synctest bubble.
type following struct {
	*recorder
	cancel context.CancelFunc
	done   chan error
}

func follow(t *testing.T, f *fake, options logs.Options) *following {
	t.Helper()
	options.Project = project
	ctx, cancel := context.WithCancel(t.Context())
	r := &following{newRecorder(), cancel, make(chan error, 1)}
	go func() { r.done <- logs.Follow(ctx, f, options, r) }()
	synctest.Wait()
	return r
}

// attach is follow for Attached, up to its Ready.
func attach(t *testing.T, f *fake, options logs.AttachOptions) *following {
	t.Helper()
	options.Project = project
	ctx, cancel := context.WithCancel(t.Context())
	r := &following{newRecorder(), cancel, make(chan error, 1)}
	ready := make(chan struct{})
	options.Ready = func() { close(ready) }
	go func() { r.done <- logs.Attached(ctx, f, options, r) }()
	<-ready
	synctest.Wait()
	return r
}

// ended tells whether following has ended.
func (r *following) ended() bool {
	synctest.Wait()
	return len(r.done) > 0
}

// end cancels and waits.
func (r *following) end(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// wantSequence compares everything the sink got.
func (r *following) wantSequence(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := r.sequence(); got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

// tick lets a moment pass, so that stamps differ.
func tick() {
	synctest.Wait()
	time.Sleep(time.Millisecond)
	synctest.Wait()
}

func TestExitsStandBetweenTheLinesOfTheirRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := follow(t, f, logs.Options{})
		id := f.create("web", 1)
		for i := range 3 {
			f.write(id, fmt.Sprint("early ", i)) // before the engine stamps the start
			tick()
			f.start(id)
			f.write(id, fmt.Sprint("late ", i))
			f.die(id, i, engine.Restarting)
			tick()
		}
		r.wantSequence(t,
			"web-1 | early 0", "web-1 | late 0", "web-1 exited with code 0 (restarting)",
			"web-1 | early 1", "web-1 | late 1", "web-1 exited with code 1 (restarting)",
			"web-1 | early 2", "web-1 | late 2", "web-1 exited with code 2 (restarting)")
		r.end(t)
	})
}

func TestAContainerThatIsGoneBeforeItIsLookedAtEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := follow(t, f, logs.Options{})
		f.mu.Lock()
		f.vanish["id0"] = true
		f.mu.Unlock()
		id := f.create("web", 1)
		f.start(id)
		f.remove(id)
		other := f.create("web", 2)
		f.start(other)
		f.write(other, "here")
		tick()
		r.wantSequence(t, "web-2 | here")
		r.end(t)
	})
}

func TestNothingIsAskedWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		for i := range 50 {
			f.start(f.create("web", i+1))
		}
		f.create("web", 51)
		r := follow(t, f, logs.Options{})
		time.Sleep(2 * time.Second) // the second list has been taken
		before := f.asked("")
		time.Sleep(24 * time.Hour)
		if after := f.asked(""); after != before {
			t.Errorf("%d requests in an idle day", after-before)
		}
		r.end(t)
	})
}

func TestFollowingEndsWithTheLastContainerThatIsNotRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, b := f.create("a", 1), f.create("b", 1)
		f.start(a)
		f.start(b)
		r := follow(t, f, logs.Options{StopWhenDone: true})
		f.die(a, 0, engine.Exited)
		tick()
		f.die(b, 1, engine.Restarting)
		if tick(); r.ended() {
			t.Fatal("ended although one is being restarted")
		}
		time.Sleep(time.Minute)
		f.start(b)
		f.write(b, "last")
		f.die(b, 1, engine.Exited)
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		r.wantSequence(t, "a-1 exited with code 0", "b-1 exited with code 1 (restarting)", "b-1 | last", "b-1 exited with code 1")
	})
}

func TestFollowingOutlivesARestartAndARecreationByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		r := follow(t, f, logs.Options{StopWhenDone: true})
		f.kill(id)
		time.Sleep(time.Second)
		f.start(id)
		successor := f.create("web", 1)
		f.kill(id)
		f.remove(id)
		time.Sleep(5 * time.Second)
		f.start(successor)
		f.write(successor, "new")
		if tick(); r.ended() {
			t.Fatal("ended although it runs again")
		}
		f.kill(successor)
		began := time.Now()
		if err := <-r.done; err != nil || time.Since(began) > 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		wantLines(t, r.texts("web-1"), []string{"new"})
	})
}

func TestFollowingStoppedContainersGivesTheirLinesAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		f.write(id, "a", "b", "c")
		f.die(id, 0, engine.Exited)
		r := follow(t, f, logs.Options{StopWhenDone: true, Tail: "2"})
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		r.wantSequence(t, "web-1 | b", "web-1 | c")
	})
}

func TestUntilEndsFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		r := follow(t, f, logs.Options{Until: time.Now().Add(time.Minute)})
		f.write(id, "before")
		time.Sleep(time.Minute + time.Millisecond)
		f.write(id, "after")
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		r.wantSequence(t, "web-1 | before")
	})
}

func TestASinkThatFailsEndsFollowingWithItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		f.write(id, "line")
		gone := errors.New("gone")
		for _, sink := range []logs.Sink{failingSink{line: gone}, failingSink{flush: gone}} {
			if err := logs.Follow(t.Context(), f, logs.Options{Project: project}, sink); !errors.Is(err, gone) {
				t.Errorf("%v", err)
			}
		}
	})
}

// failingSink fails at once or when it is flushed.
type failingSink struct{ line, flush error }

func (s failingSink) Line(logs.Line) error { return s.line }
func (s failingSink) Note(logs.Note) error { return s.line }
func (s failingSink) Flush() error         { return s.flush }

func TestOnlyTheSelectedServicesAndReplicasAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := follow(t, f, logs.Options{Services: []string{"web"}, Index: 2})
		for _, service := range []string{"web", "db"} {
			for n := 1; n <= 2; n++ {
				id := f.create(service, n)
				f.start(id)
				f.write(id, "x")
			}
		}
		tick()
		r.wantSequence(t, "web-2 | x")
		r.end(t)
	})
}

// A busy engine may answer the question about an exit when the container has long
// been gone and read to its end.
func TestAnExitIsToldHoweverLateTheEngineAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		r := follow(t, f, logs.Options{})
		f.write(id, "one")
		time.Sleep(2 * time.Second)
		f.change(func() { f.slow = 3 * time.Second })
		f.die(id, 3, engine.Exited)
		f.remove(id)
		time.Sleep(10 * time.Second)
		r.wantSequence(t, "web-1 | one", "web-1 exited with code 3")
		r.end(t)
	})
}
