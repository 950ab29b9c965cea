package logs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
)

func TestAttachingLeavesOutWhatWasWrittenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		stopped, running := f.create("stopped", 1), f.create("running", 1)
		for _, id := range []string{stopped, running} {
			f.start(id)
			f.write(id, "old 1", "old 2")
		}
		f.die(stopped, 0, engine.Exited)
		r := attach(t, f, logs.AttachOptions{})
		r.wantSequence(t)
		f.write(running, "now")
		tick()
		f.write(stopped, "early") // the engine stamps the start after this
		f.start(stopped)
		f.write(stopped, "late")
		tick()
		fresh := f.create("fresh", 1)
		f.start(fresh)
		f.write(fresh, "first")
		r.wantSequence(t, "running-1 | now", "stopped-1 | early", "stopped-1 | late", "fresh-1 | first")
		r.end(t)
	})
}

func TestAttachingGivesAsManyOldLinesAsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := f.create("web", 1)
		f.start(id)
		f.write(id, "old 1", "old 2", "old 3")
		r := attach(t, f, logs.AttachOptions{Tail: "2"})
		f.write(id, "new")
		r.wantSequence(t, "web-1 | old 2", "web-1 | old 3", "web-1 | new")
		r.end(t)
	})
}

func TestAttachingReportsStartsAndExitsOfHiddenServicesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		started := make(chan logs.Source, 9)
		exited := make(chan logs.Exit, 9)
		r := attach(t, f, logs.AttachOptions{
			Services: []string{"web", "db"},
			Show:     func(service string) bool { return service == "web" },
			OnStart:  func(s logs.Source) { started <- s },
			OnExit:   func(e logs.Exit) { exited <- e },
		})
		for i, service := range []string{"web", "db", "other"} {
			id := f.create(service, 1)
			f.start(id)
			f.write(id, "x")
			f.die(id, i, engine.Exited)
			tick()
		}
		r.wantSequence(t, "web-1 | x", "web-1 exited with code 0")
		if a, b := <-started, <-started; a.Service != "web" || b.Service != "db" || len(started) > 0 {
			t.Errorf("started: %v, %v and %d more", a, b, len(started))
		}
		if a, b := <-exited, <-exited; a.Code != 0 || b.Code != 1 || b.Display != "db-1" || len(exited) > 0 {
			t.Errorf("exited: %v, %v and %d more", a, b, len(exited))
		}
		r.end(t)
	})
}

func TestAContainerThatTheCallerReplacesIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		settled := make(chan struct{})
		var exits []logs.Exit
		id := f.create("web", 1)
		f.start(id)
		r := attach(t, f, logs.AttachOptions{Settled: settled, OnExit: func(e logs.Exit) { exits = append(exits, e) }})
		f.write(id, "bye")
		f.kill(id)
		f.remove(id)
		tick()
		successor := f.create("web", 1)
		f.start(successor)
		f.write(successor, "hello")
		tick()
		close(settled)
		r.wantSequence(t, "web-1 | bye", "web-1 | hello")
		f.kill(successor)
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		if len(exits) != 1 || !exits[0].Killed || exits[0].Code != 137 {
			t.Errorf("exits: %v", exits)
		}
	})
}

func TestAttachingEndsOnceEverythingIsStartedAndHasStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		settled, stopping := make(chan struct{}), make(chan struct{})
		r := attach(t, f, logs.AttachOptions{Settled: settled, Stopping: stopping})
		id := f.create("job", 1)
		f.start(id)
		f.die(id, 0, engine.Exited)
		time.Sleep(time.Hour)
		if r.ended() {
			t.Fatal("ended although more may be started")
		}
		web := f.create("web", 1)
		f.start(web)
		close(settled)
		time.Sleep(time.Hour)
		close(stopping)
		if r.ended() {
			t.Fatal("ended although one runs")
		}
		began := time.Now()
		f.write(web, "bye")
		f.kill(web)
		if err := <-r.done; err != nil || time.Since(began) > 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		r.wantSequence(t, "job-1 exited with code 0", "web-1 | bye", "web-1 exited with code 137")
	})
}

func TestAJobThatEndsByItselfEndsAttachingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		settled := make(chan struct{})
		r := attach(t, f, logs.AttachOptions{Settled: settled})
		id := f.create("job", 1)
		f.start(id)
		close(settled)
		time.Sleep(time.Second)
		began := time.Now()
		f.die(id, 4, engine.Exited)
		if err := <-r.done; err != nil || time.Since(began) > 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestAttachingDoesNotWaitForContainersThatAreNotAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		settled := make(chan struct{})
		r := attach(t, f, logs.AttachOptions{Settled: settled, Await: func(service string) bool { return service == "web" }})
		db, web := f.create("db", 1), f.create("web", 1)
		f.start(db)
		f.start(web)
		f.write(db, "up")
		close(settled)
		time.Sleep(time.Minute)
		if r.ended() {
			t.Fatal("ended although web runs")
		}
		f.die(web, 0, engine.Exited)
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		r.wantSequence(t, "db-1 | up", "web-1 exited with code 0")
	})
}
