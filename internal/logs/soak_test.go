//go:build unix

package logs_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/logs"
)

// counter is a sink that only counts, and measures the heap as it goes.
type counter struct {
	lines, bytes int
	notes        atomic.Int64
	peak         uint64
}

func (c *counter) Line(l logs.Line) error {
	c.bytes += len(l.Text)
	if c.lines++; c.lines%50_000 == 0 {
		c.peak = max(c.peak, heap())
	}
	return nil
}

func (c *counter) Note(logs.Note) error {
	c.notes.Add(1)
	return nil
}

// heap is how much memory Go holds.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys - m.HeapReleased
}

// cpu is the processor time that this process has used.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestIdleContainersThatAreFollowedCostNoTime(t *testing.T) {
	b := newBed(t)
	containers := 5
	if soakLines(t) > 20_000 {
		containers = 50
	}
	for i := range containers {
		b.run("idle", i+1, "echo ready; exec sleep 1000")
	}
	r := newRecorder()
	stop := b.follow(logs.Options{}, r)
	eventually(t, "all ready", func() bool { return len(r.all()) == containers })
	const watched = 5 * time.Second
	before := cpu(t)
	time.Sleep(watched)
	used := cpu(t) - before
	stop()
	t.Logf("%d containers, %s of processor time in %s", containers, used, watched)
	if used > watched/100 {
		t.Errorf("%s of processor time in %s", used, watched)
	}
}

func TestASlowSinkHoldsTheEngineBackInLittleMemory(t *testing.T) {
	b := newBed(t)
	id := b.run("flood", 1, fmt.Sprintf("yes %0200d | head -n %d", 7, 5*soakLines(t)))
	b.exited(id)
	before := heap()
	slow := &slowSink{}
	stop := b.follow(logs.Options{StopWhenDone: false}, slow)
	time.Sleep(2 * time.Second)
	held := heap()
	slow.quick.Store(true)
	eventually(t, "every line", func() bool { return slow.lines.Load() == int64(5*soakLines(t)) })
	stop()
	const allowed = 10 << 20
	if held > before+allowed {
		t.Errorf("%d bytes while the sink waited, %d before", held, before)
	}
}

// slowSink takes its time until it is told to be quick.
type slowSink struct {
	quick atomic.Bool
	lines atomic.Int64
}

func (s *slowSink) Line(logs.Line) error {
	s.lines.Add(1)
	if !s.quick.Load() {
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

func (s *slowSink) Note(logs.Note) error { return nil }

// BenchmarkEngine measures reading five containers' logs from the real engine.
func BenchmarkEngine(bench *testing.B) {
	b := newBed(bench)
	n := soakLines(bench)
	const containers = 5
	for i := range containers {
		b.exited(b.run("writer", i+1, fmt.Sprintf("yes a line of a container that writes as others do | head -n %d", n)))
	}
	list, err := b.engine.Containers(bench.Context(), containerFilter(b.project))
	if err != nil {
		bench.Fatal(err)
	}
	read := map[string]func(logs.Sink) error{
		"Print": func(sink logs.Sink) error {
			return logs.Print(bench.Context(), b.engine, logs.Select(list, logs.Options{Project: b.project}), logs.Options{}, sink)
		},
		"Follow": func(sink logs.Sink) error {
			return logs.Follow(bench.Context(), b.engine, logs.Options{Project: b.project, StopWhenDone: true}, sink)
		},
	}
	for name, run := range read {
		bench.Run(name, func(bench *testing.B) {
			var c counter
			for bench.Loop() {
				if err := run(&c); err != nil {
					bench.Fatal(err)
				}
			}
			if c.lines != bench.N*containers*n {
				bench.Fatalf("%d lines in %d rounds", c.lines, bench.N)
			}
			bench.SetBytes(int64(c.bytes / bench.N))
			bench.ReportMetric(float64(c.lines)/bench.Elapsed().Seconds(), "lines/s")
			bench.ReportMetric(float64(c.peak)/(1<<20), "peak-MB")
		})
	}
}

// BenchmarkMemory measures the same without an engine.
func BenchmarkMemory(bench *testing.B) {
	f := newFake()
	const containers, n = 5, 100_000
	for i := range containers {
		box := f.box(f.create("writer", i+1))
		for k := range n {
			box.messages = append(box.messages, message{int64(k*containers + i), false, "a line of a container that writes as others do\n"})
		}
	}
	list, _ := f.Containers(bench.Context(), containerFilter(project))
	for bench.Loop() {
		if err := logs.Print(bench.Context(), f, list, logs.Options{}, &counter{}); err != nil {
			bench.Fatal(err)
		}
	}
	bench.ReportMetric(float64(bench.N*containers*n)/bench.Elapsed().Seconds(), "lines/s")
}
