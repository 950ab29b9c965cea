package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// following reads an event stream.
type following struct {
	s      *subject
	stream engine.EventStream
	seen   []string // actions so far, with their details
}

// follow opens an event stream for as long as the test runs. An engine answers
// such a request a moment before it listens to itself, so a stream that begins
// now is first seen to tell of something.
func (s *subject) follow(filter engine.EventFilter) *following {
	s.Helper()
	stream, err := s.e.Events(s.Context(), filter)
	s.fine(err)
	f := &following{s: s, stream: stream}
	if filter.Project != "" && filter.Since == "" {
		f.probe()
	}
	return f
}

// probe makes containers and takes them away until the stream tells of it.
func (f *following) probe() {
	f.s.Helper()
	for start := time.Now(); time.Since(start) < patience; {
		id := f.s.create(f.s.sleeper("probe"))
		f.s.fine(f.s.e.RemoveContainer(f.s.Context(), id, engine.RemoveOptions{Force: true}))
		limit := time.After(time.Second)
		for waiting := true; waiting; {
			select {
			case ev := <-f.stream.C:
				if ev.ID == id && ev.Action == "destroy" {
					return
				}
			case <-limit:
				waiting = false
			}
		}
	}
	f.s.Fatalf("the stream told of no container within %v", patience)
}

// next waits for the next event with the action.
func (f *following) next(action string) engine.Event {
	f.s.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case ev, open := <-f.stream.C:
			if !open {
				f.s.Fatalf("stream ended before %s: %v", action, f.stream.Err())
			}
			f.seen = append(f.seen, strings.TrimSuffix(ev.Action+" "+ev.Detail, " "))
			if ev.Action == action {
				return ev
			}
		case <-limit.C:
			f.s.Fatalf("no event %s within %v; seen %v", action, patience, f.seen)
		}
	}
}

// rest reads the stream to its end.
func (f *following) rest() []string {
	for ev := range f.stream.C {
		f.seen = append(f.seen, strings.TrimSuffix(ev.Action+" "+ev.Detail, " "))
	}
	return f.seen
}

// happens checks the actions seen up to the last one.
func (f *following) happens(actions ...string) {
	f.s.Helper()
	f.next(actions[len(actions)-1])
	if !slices.Equal(f.seen, actions) {
		f.s.Errorf("got %v, want %v", f.seen, actions)
	}
	f.seen = nil
}

// eventBehaviours are about the event stream.
func eventBehaviours() []Behaviour {
	return []Behaviour{
		{"a container's life is told in events", aLifeIsTold},
		{"a restart is told as stop, start and restart", func(s *subject) {
			id := s.run(s.spec("a", polite))
			s.says(id, "ready")
			events := s.follow(engine.EventFilter{Project: s.project})
			s.fine(s.e.RestartContainer(s.Context(), id, engine.StopOptions{}))
			events.happens("kill", "die", "stop", "start", "restart")
		}},
		{"a stop that has to kill tells of both signals", func(s *subject) {
			id := s.run(s.spec("a", deaf))
			s.says(id, "ready")
			events := s.follow(engine.EventFilter{Project: s.project})
			second := time.Second
			s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{Timeout: &second}))
			events.happens("kill", "kill", "die", "stop")
		}},
		{"a forced removal is told as kill, die and destroy", func(s *subject) {
			id := s.run(s.sleeper("a"))
			events := s.follow(engine.EventFilter{Project: s.project})
			s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{Force: true}))
			events.happens("kill", "die", "destroy")
		}},
		{"pausing and renaming are told", func(s *subject) {
			id := s.run(s.sleeper("a"))
			events := s.follow(engine.EventFilter{Project: s.project})
			s.fine(s.e.PauseContainer(s.Context(), id))
			s.fine(s.e.UnpauseContainer(s.Context(), id))
			s.fine(s.e.RenameContainer(s.Context(), id, s.name("b")))
			events.next("rename")
			// An engine may tell of the pause twice: by the request and by containerd.
			if events.seen[0] != "pause" || !slices.Contains(events.seen, "unpause") {
				s.Errorf("got %v", events.seen)
			}
		}},
	}
}

// policyEventBehaviours are about events that nobody asked for.
func policyEventBehaviours() []Behaviour {
	return []Behaviour{
		{"a restart policy is told as die and start", func(s *subject) {
			spec := s.spec("a", "exit 1")
			spec.Service.Restart = "on-failure:1"
			events := s.follow(engine.EventFilter{Project: s.project})
			s.run(spec)
			events.next("die")
			events.next("start")
			events.next("die")
			if want := []string{"create", "start", "die", "start", "die"}; !slices.Equal(events.seen, want) {
				s.Errorf("got %v", events.seen)
			}
		}},
		{"a failed start is told as nothing but the creation", func(s *subject) {
			spec := s.sleeper("a")
			spec.Networks = []engine.Endpoint{{Network: s.name("missing")}}
			events := s.follow(engine.EventFilter{Project: s.project})
			id := s.create(spec)
			s.refused(s.e.StartContainer(s.Context(), id), engine.ErrNotFound, "not found")
			s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{}))
			events.next("destroy")
			if slices.Contains(events.seen, "start") {
				s.Errorf("got %v", events.seen)
			}
		}},
	}
}

// eventStreamBehaviours are about the stream itself.
func eventStreamBehaviours() []Behaviour {
	return []Behaviour{
		{"a stream begins in the past if it is asked to", theStreamBeginsInThePast},
		{"a stream ends in peace at the time it is asked to", func(s *subject) {
			since := time.Now()
			s.create(s.sleeper("a"))
			until := fmt.Sprintf("%.9f", float64(time.Now().Add(time.Second).UnixMicro())/1e6)
			events := s.follow(engine.EventFilter{Project: s.project, Since: unixTime(since), Until: until})
			if seen := events.rest(); !slices.Equal(seen, []string{"create"}) {
				s.Errorf("got %v", seen)
			}
			s.fine(events.stream.Err())
		}},
		{"a stream ends in peace with its context", func(s *subject) {
			ctx, cancel := context.WithCancel(s.Context())
			stream, err := s.e.Events(ctx, engine.EventFilter{Project: s.project})
			s.fine(err)
			cancel()
			for range stream.C {
				continue
			}
			s.fine(stream.Err())
		}},
		{"a stream of one kind carries no other", func(s *subject) {
			events := s.follow(engine.EventFilter{Kinds: []string{"network"}})
			spec := s.sleeper("a")
			network := s.network("n")
			spec.Networks = []engine.Endpoint{{Network: s.name("n")}}
			id := s.run(spec)
			for {
				ev := events.next("connect")
				if ev.Kind != "network" {
					s.Fatalf("got %+v", ev)
				}
				if ev.ID == network && ev.Attributes["container"] == id && ev.Name == s.name("n") {
					return
				}
			}
		}},
	}
}

func aLifeIsTold(s *subject) {
	events := s.follow(engine.EventFilter{Project: s.project})
	spec := s.spec("a", polite)
	spec.Labels["more"] = "label"
	id := s.run(spec)
	s.says(id, "ready")
	s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{}))
	s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{}))
	created := events.next("create")
	equal(s, "kind", created.Kind, "container")
	equal(s, "ID", created.ID, id)
	equal(s, "name", created.Name, s.name("a"))
	equal(s, "label", created.Attributes["more"], "label")
	events.next("start")
	died := events.next("die")
	code, ok := died.ExitCode()
	equal(s, "has an exit code", ok, true)
	equal(s, "exit code", code, 5)
	if died.Time.Before(created.Time) || time.Since(died.Time) > time.Minute {
		s.Errorf("created at %v, died at %v", created.Time, died.Time)
	}
	events.next("destroy")
	if want := []string{"create", "start", "kill", "die", "stop", "destroy"}; !slices.Equal(events.seen, want) {
		s.Errorf("got %v, want %v", events.seen, want)
	}
}

func theStreamBeginsInThePast(s *subject) {
	// Engines keep the time of events and compare it with that of requests.
	since := time.Now().Add(-time.Second)
	id := s.run(s.spec("a", "exit 2"))
	s.reaches(id, engine.Exited)
	events := s.follow(engine.EventFilter{Project: s.project, Since: unixTime(since)})
	events.happens("create", "start", "die")
	s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{}))
	events.happens("destroy")
}

// unixTime is a time in the engine's form.
func unixTime(t time.Time) string {
	return strconv.FormatInt(t.Unix(), 10) + fmt.Sprintf(".%09d", t.Nanosecond())
}
