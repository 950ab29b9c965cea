package logs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

func TestABrokenEventStreamIsTakenUpAgainWithWhatHappenedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		first := f.create("web", 1)
		f.start(first)
		f.write(first, "one")
		r := follow(t, f, logs.Options{})
		f.breakStreams(true)
		f.write(first, "two")
		f.die(first, 3, engine.Exited)
		second := f.create("web", 2)
		f.start(second)
		f.write(second, "new")
		f.change(func() { f.forgotten = len(f.events) }) // the engine forgets over a restart
		time.Sleep(5 * time.Second)
		f.change(func() { f.down = false })
		time.Sleep(5 * time.Second)
		f.write(second, "more")
		synctest.Wait()
		wantLines(t, r.texts("web-1"), []string{"one", "two"})
		wantLines(t, r.texts("web-2"), []string{"new", "more"})
		if notes := r.noted(); len(notes) != 1 || notes[0].Code != 3 {
			t.Errorf("notes: %v", notes)
		}
		r.end(t)
	})
}

func TestAnEventThatIsRepeatedAfterABreakCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		tick() // no two events have one time
		r := follow(t, f, logs.Options{})
		f.die(id, 1, engine.Exited)
		tick()
		f.breakStreams(false)
		time.Sleep(5 * time.Second)
		r.wantSequence(t, "web-1 exited with code 1")
		r.end(t)
	})
}

// An engine answers the request for its events before it tells of any.
func TestEventsThatAnEngineKeepsToItselfAtFirstCostNoLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		waits := f.create("waits", 1)
		r := follow(t, f, logs.Options{})
		f.mute(true)
		short := f.create("short", 1)
		f.start(short)
		f.start(waits)
		long := f.create("long", 1)
		f.start(long)
		f.mute(false)
		f.write(short, "one")
		f.die(short, 3, engine.Exited)
		f.write(waits, "two")
		f.write(long, "three")
		tick()
		r.wantSequence(t, "short-1 | one", "short-1 exited with code 3")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, display := range []string{"waits-1", "long-1"} {
			if got := r.texts(display); len(got) != 1 {
				t.Errorf("%s: %v", display, got)
			}
		}
		f.die(long, 4, engine.Exited)
		tick()
		if notes := r.noted(); len(notes) != 2 || notes[1].Code != 4 {
			t.Errorf("notes: %v", notes)
		}
		r.end(t)
	})
}

// An engine may tell of the end of a short process before its start.
func TestAnEndThatIsToldBeforeItsStartEndsTheFollowing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.start(f.create("other", 1))
		r := follow(t, f, logs.Options{StopWhenDone: true})
		id := f.create("web", 1)
		f.write(id, "one")
		tick()
		f.change(func() {
			b := f.box(id)
			b.row.State, b.row.ExitCode = engine.Exited, 3
			f.event(b, "die", map[string]string{"exitCode": "3"})
		})
		tick()
		f.change(func() { f.event(f.box(id), "start", nil) })
		tick()
		f.die("id0", 0, engine.Exited)
		time.Sleep(5 * time.Second)
		if !r.ended() {
			t.Fatal("has not ended")
		}
		r.wantSequence(t, "web-1 | one", "web-1 exited with code 3", "other-1 exited with code 0")
	})
}

// An engine may list a process as running after it has told of its end.
func TestAListThatIsLateRevivesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		r := follow(t, f, logs.Options{StopWhenDone: true})
		f.write(id, "one")
		time.Sleep(time.Second / 2)
		f.change(func() { f.late = true })
		f.die(id, 3, engine.Exited)
		time.Sleep(time.Second)
		f.change(func() { f.late = false })
		time.Sleep(time.Minute)
		if !r.ended() {
			t.Fatal("has not ended")
		}
		r.wantSequence(t, "web-1 | one", "web-1 exited with code 3")
	})
}

// An engine lists a container a moment before it knows it by its ID.
func TestAContainerThatTheEngineDeniesWhileItIsMadeLosesNoLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		deny := func(denied bool) { f.change(func() { f.vanish[id] = denied }) }
		deny(true)
		r := follow(t, f, logs.Options{})
		deny(false)
		f.start(id)
		f.write(id, "one")
		f.die(id, 3, engine.Exited)
		tick()
		r.wantSequence(t, "web-1 | one", "web-1 exited with code 3")
		r.end(t)
	})
}

func TestALostEngineIsNamedWithinFifteenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.start(f.create("web", 1))
		r := follow(t, f, logs.Options{})
		f.breakStreams(true)
		began := time.Now()
		err := <-r.done
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("after %s", took)
		}
		if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), f.Endpoint()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error: %v", err)
		}
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
			if err := logs.Follow(t.Context(), f, logs.Options{Project: project}, sink); err != gone {
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

// TestAnyBreakLosesRepeatsAndTearsNothing makes logs with everything that is
// hard: equal stamps, stamps that cross between the streams, long lines whose
// pieces carry old stamps. Then it breaks the stream again and again.
func TestAnyBreakLosesRepeatsAndTearsNothing(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			f := newFake()
			id := f.create("web", 1)
			f.start(id)
			f.cutAfter, f.cuts = 1+random.IntN(7), random.IntN(40)
			want := map[logs.Stream][]string{}
			r := follow(t, f, logs.Options{})
			for range 1 + random.IntN(4) {
				f.change(func() { scramble(random, f.box(id), want) })
				time.Sleep(time.Duration(random.IntN(4)) * time.Second)
			}
			f.die(id, 0, engine.Exited)
			time.Sleep(time.Hour)
			got := map[logs.Stream][]string{}
			for _, l := range r.all() {
				got[l.stream] = append(got[l.stream], l.text)
			}
			for _, stream := range []logs.Stream{logs.Stdout, logs.Stderr} {
				wantLines(t, got[stream], want[stream])
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
			r.end(t)
		})
	}
}

// scramble appends random messages to a log and the lines they make to want.
func scramble(random *rand.Rand, b *box, want map[logs.Stream][]string) {
	now := time.Now().UnixNano()
	for _, m := range b.messages {
		now = max(now, m.ns+1) // a process writes later than its predecessor
	}
	last := [2]int64{now, now}
	open := [2]string{}
	for i := range 5 + random.IntN(20) {
		stream := random.IntN(2)
		name := []logs.Stream{logs.Stdout, logs.Stderr}[stream]
		if open[stream] == "" {
			last[stream] = max(last[stream], now) + int64(random.IntN(2)*random.IntN(20))
		}
		now += int64(random.IntN(3) * random.IntN(10))
		m := message{last[stream], stream == 1, fmt.Sprintf("%s %d\n", name, i)}
		if random.IntN(4) == 0 {
			m.text = strings.Repeat(string(rune('a'+i)), 16*1024)
			if random.IntN(3) == 0 {
				now += int64(time.Minute)
			}
		}
		b.messages = append(b.messages, m)
		open[stream] += m.text
		if line, whole := strings.CutSuffix(open[stream], "\n"); whole {
			want[name] = append(want[name], line)
			open[stream] = ""
		}
	}
	for stream, name := range []logs.Stream{logs.Stdout, logs.Stderr} {
		if open[stream] != "" {
			b.messages = append(b.messages, message{last[stream], stream == 1, "end\n"})
			want[name] = append(want[name], open[stream]+"end")
		}
	}
}
