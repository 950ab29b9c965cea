package logs_test

import (
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
