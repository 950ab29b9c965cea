package enginetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// polite ends with code 5 when it is asked to, and says when it is ready for it.
const polite = "trap 'exit 5' TERM; echo ready; sleep 1000 & wait"

// deaf has to be killed.
const deaf = "trap '' TERM; echo ready; sleep 1000"

// stopBehaviours are about the end of a run and waiting for it.
func stopBehaviours() []Behaviour {
	return []Behaviour{
		{"a process that ends leaves its exit code", aProcessLeavesItsExitCode},
		{"waiting for a running container ends with its run", func(s *subject) {
			id := s.run(s.spec("a", "sleep 1; exit 4"))
			code, err := s.e.WaitContainer(s.Context(), id)
			s.fine(err)
			equal(s, "exit code", code, 4)
		}},
		{"waiting for a container that is restarted ends with its run", func(s *subject) {
			spec := s.spec("a", "sleep 1; exit 4")
			spec.Service.Restart = "always"
			code, err := s.e.WaitContainer(s.Context(), s.run(spec))
			s.fine(err)
			equal(s, "exit code", code, 4)
		}},
		{"waiting for a container that never ran ends at once", func(s *subject) {
			code, err := s.e.WaitContainer(s.Context(), s.create(s.sleeper("a")))
			s.fine(err)
			equal(s, "exit code", code, 0)
		}},
		{"waiting ends with its context", func(s *subject) {
			id := s.run(s.sleeper("a"))
			ctx, cancel := context.WithTimeout(s.Context(), settle)
			defer cancel()
			if _, err := s.e.WaitContainer(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
				s.Errorf("got %v", err)
			}
		}},
	}
}

// politeStopBehaviours are about stops.
func politeStopBehaviours() []Behaviour {
	return []Behaviour{
		{"a stop lets the process end by itself", func(s *subject) {
			id := s.run(s.spec("a", polite))
			s.says(id, "ready")
			s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{}))
			equal(s, "exit code", s.row(id).ExitCode, 5)
			equal(s, "state", s.row(id).State, engine.Exited)
		}},
		{"a stop kills the process after its time", func(s *subject) {
			id := s.run(s.spec("a", deaf))
			s.says(id, "ready")
			begin, timeout := time.Now(), time.Second
			s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{Timeout: &timeout}))
			equal(s, "exit code", s.row(id).ExitCode, 137)
			if took := time.Since(begin); took < timeout {
				s.Errorf("killed after %v", took)
			}
		}},
		{"the stop signal is the service's, or the request's", theStopSignalIsObeyed},
		{"the service's grace period is the time a stop takes at most", func(s *subject) {
			spec := s.spec("a", deaf)
			period := types.Duration(time.Second)
			spec.Service.StopGracePeriod = &period
			id := s.run(spec)
			s.says(id, "ready")
			begin := time.Now()
			s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{}))
			if took := time.Since(begin); took < time.Second || took > 6*time.Second {
				s.Errorf("took %v", took)
			}
		}},
	}
}

// killBehaviours are about kills, and stops that change nothing.
func killBehaviours() []Behaviour {
	return []Behaviour{
		{"starting what runs and stopping what does not are no errors", func(s *subject) {
			id := s.create(s.sleeper("a"))
			s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{}))
			s.fine(s.e.StartContainer(s.Context(), id))
			s.fine(s.e.StartContainer(s.Context(), id))
		}},
		{"a stop goes on when its caller goes away", func(s *subject) {
			id := s.run(s.spec("a", deaf))
			s.says(id, "ready")
			ctx, cancel := context.WithTimeout(s.Context(), settle)
			defer cancel()
			second := time.Second
			if err := s.e.StopContainer(ctx, id, engine.StopOptions{Timeout: &second}); !errors.Is(err, context.DeadlineExceeded) {
				s.Errorf("got %v", err)
			}
			s.reaches(id, engine.Exited)
			equal(s, "exit code", s.row(id).ExitCode, 137)
		}},
		{"a kill without a signal is SIGKILL", func(s *subject) {
			id := s.run(s.sleeper("a"))
			s.fine(s.e.KillContainer(s.Context(), id, ""))
			s.reaches(id, engine.Exited)
			equal(s, "exit code", s.row(id).ExitCode, 137)
			s.refused(s.e.KillContainer(s.Context(), id, ""), engine.ErrConflict, "is not running")
		}},
		{"a kill with a signal lets the process handle it", func(s *subject) {
			id := s.run(s.spec("a", polite))
			s.says(id, "ready")
			s.fine(s.e.KillContainer(s.Context(), id, "SIGTERM"))
			s.reaches(id, engine.Exited)
			equal(s, "exit code", s.row(id).ExitCode, 5)
		}},
		{"a container that removes itself is gone after its run", func(s *subject) {
			spec := s.spec("a", "true")
			spec.AutoRemove = true
			id := s.run(spec)
			s.eventually("removal", func() bool {
				_, err := s.e.InspectContainer(s.Context(), id)
				return errors.Is(err, engine.ErrNotFound)
			})
		}},
	}
}

func aProcessLeavesItsExitCode(s *subject) {
	id := s.run(s.spec("a", "sleep 1; exit 3"))
	s.reaches(id, engine.Exited)
	c := s.row(id)
	equal(s, "exit code in the list", c.ExitCode, 3)
	if !strings.HasPrefix(c.Status, "Exited (3) ") {
		s.Errorf("status %q", c.Status)
	}
	d := s.detail(id)
	equal(s, "exit code of the inspection", d.ExitCode, 3)
	if d.StartedAt.IsZero() || d.FinishedAt.Before(d.StartedAt) {
		s.Errorf("from %v to %v", d.StartedAt, d.FinishedAt)
	}
	code, err := s.e.WaitContainer(s.Context(), id)
	s.fine(err)
	equal(s, "exit code of waiting", code, 3)
}

func theStopSignalIsObeyed(s *subject) {
	const script = "trap 'exit 6' INT; trap 'exit 7' QUIT; trap '' TERM; echo ready; sleep 1000 & wait"
	spec := s.spec("a", script)
	spec.Service.StopSignal = "SIGINT"
	id := s.run(spec)
	s.says(id, "ready")
	s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{}))
	equal(s, "exit code after the service's signal", s.row(id).ExitCode, 6)
}

// startBehaviours are about starts, restarts and what they need.
func startBehaviours() []Behaviour {
	return []Behaviour{
		{"a started container is up", func(s *subject) {
			id := s.run(s.sleeper("a"))
			c := s.row(id)
			equal(s, "state", c.State, engine.Running)
			if !strings.HasPrefix(c.Status, "Up ") || !c.IsRunning() {
				s.Errorf("status %q", c.Status)
			}
			if d := s.detail(id); d.Pid == 0 || d.StartedAt.IsZero() {
				s.Errorf("pid %d, started at %v", d.Pid, d.StartedAt)
			}
		}},
		{"the image's command runs if the service has none", func(s *subject) {
			spec := s.sleeper("a")
			spec.Service.Command = nil
			id := s.run(spec) // sh without a terminal or input ends at once
			s.reaches(id, engine.Exited)
			equal(s, "command", strings.Join(s.detail(id).Cmd, " "), "sh")
			equal(s, "exit code", s.row(id).ExitCode, 0)
			spec = s.sleeper("b")
			spec.Service.Command, spec.TTY, spec.Interactive = nil, true, true
			id = s.run(spec)
			time.Sleep(settle)
			equal(s, "state with a terminal", s.row(id).State, engine.Running)
		}},
		{"a restart gives a new run", func(s *subject) {
			id := s.run(s.spec("a", polite))
			s.says(id, "ready")
			first := s.detail(id).StartedAt
			s.fine(s.e.RestartContainer(s.Context(), id, engine.StopOptions{}))
			d := s.detail(id)
			equal(s, "state", d.State, engine.Running)
			equal(s, "restarts of the policy", d.RestartCount, 0)
			if !d.StartedAt.After(first) {
				s.Errorf("started at %v, before at %v", d.StartedAt, first)
			}
		}},
		{"a restart starts a container that does not run", func(s *subject) {
			id := s.create(s.sleeper("a"))
			s.fine(s.e.RestartContainer(s.Context(), id, engine.StopOptions{}))
			equal(s, "state", s.row(id).State, engine.Running)
		}},
		{"a paused container says so, and starts by unpausing only", aPausedContainerSaysSo},
	}
}

// restartBehaviours are about restart policies and what a start needs.
func restartBehaviours() []Behaviour {
	return []Behaviour{
		{"on-failure restarts as often as it may", func(s *subject) {
			spec := s.spec("a", "exit 1")
			spec.Service.Restart = "on-failure:2"
			id := s.run(spec)
			s.eventually("giving up", func() bool {
				d := s.detail(id)
				return d.State == engine.Exited && d.RestartCount == 2
			})
			equal(s, "policy", s.detail(id).RestartPolicy, "on-failure")
		}},
		{"a crash loop is seen as restarting", func(s *subject) {
			spec := s.spec("a", "exit 9")
			spec.Service.Restart = "always"
			id := s.run(spec)
			s.eventually("restarting", func() bool {
				c := s.row(id)
				return c.State == engine.Restarting && c.ExitCode == 9 && strings.HasPrefix(c.Status, "Restarting (9) ")
			})
			s.fine(s.e.StopContainer(s.Context(), id, engine.StopOptions{}))
			time.Sleep(settle)
			equal(s, "state after a stop by hand", s.row(id).State, engine.Exited)
		}},
		{"the environment of service and request reaches the process", func(s *subject) {
			spec := s.spec("a", "echo $A $B")
			one := "one"
			spec.Service.Environment = types.MappingWithEquals{"A": &one, "B": &one, "ABSENT": nil}
			spec.Env = []string{"B=two"}
			id := s.run(spec)
			s.says(id, "one two")
		}},
		{"a host port is had by one container at a time", aHostPortIsHadByOne},
		{"a port range gives each container a port of its own", aPortRangeGivesPorts},
		{"a port without a number is chosen by the engine", func(s *subject) {
			id := s.run(s.published("a", ""))
			if ports := s.row(id).Ports; len(ports) != 1 || ports[0].Published == 0 || ports[0].Target != 80 {
				s.Errorf("got %+v", ports)
			}
		}},
		{"a container that shares a network needs its owner to run", sharingNeedsTheOwner},
	}
}

func aPausedContainerSaysSo(s *subject) {
	id := s.run(s.sleeper("a"))
	s.fine(s.e.PauseContainer(s.Context(), id))
	c := s.row(id)
	equal(s, "state", c.State, engine.Paused)
	if !strings.HasSuffix(c.Status, " (Paused)") || !c.IsRunning() {
		s.Errorf("status %q", c.Status)
	}
	s.refused(s.e.PauseContainer(s.Context(), id), engine.ErrConflict, "is already paused")
	s.refused(s.e.StartContainer(s.Context(), id), engine.ErrConflict, "paused container")
	s.fine(s.e.UnpauseContainer(s.Context(), id))
	s.reaches(id, engine.Running)
	s.refused(s.e.UnpauseContainer(s.Context(), id), nil, "is not paused")
}

// Ports of the suite, on an address of the test's own.
const (
	fixedPort  = "18471"
	portsOfTwo = "18481-18482"
)

func aHostPortIsHadByOne(s *subject) {
	first, second := s.run(s.published("a", fixedPort)), s.create(s.published("b", fixedPort))
	want := engine.Port{HostIP: s.address, Published: 18471, Target: 80, Protocol: "tcp"}
	if got := s.row(first).Ports; len(got) != 1 || got[0] != want {
		s.Errorf("got %+v", got)
	}
	s.refused(s.e.StartContainer(s.Context(), second), engine.ErrPortTaken, s.address+":"+fixedPort)
	c := s.row(second)
	equal(s, "state after the refusal", c.State, engine.Created)
	equal(s, "exit code in the list after the refusal", c.ExitCode, 0)
	if d := s.detail(second); d.Error == "" || d.ExitCode != startFailedCode {
		s.Errorf("inspection after the refusal: %d %q", d.ExitCode, d.Error)
	}
	s.fine(s.e.KillContainer(s.Context(), first, ""))
	s.reaches(first, engine.Exited)
	equal(s, "ports of a stopped container", len(s.row(first).Ports), 0)
	s.fine(s.e.StartContainer(s.Context(), second))
	equal(s, "error after a good start", s.detail(second).Error, "")
}

func aPortRangeGivesPorts(s *subject) {
	had := map[int]bool{}
	for _, name := range []string{"a", "b"} {
		for _, p := range s.row(s.run(s.published(name, portsOfTwo))).Ports {
			had[p.Published] = true
		}
	}
	if len(had) != 2 || !had[18481] || !had[18482] {
		s.Errorf("got %v", had)
	}
	third := s.create(s.published("c", portsOfTwo))
	s.refused(s.e.StartContainer(s.Context(), third), engine.ErrPortTaken, "allocated")
}

func sharingNeedsTheOwner(s *subject) {
	owner := s.create(s.sleeper("owner"))
	spec := s.sleeper("guest")
	spec.NetworkMode = "container:" + owner
	guest := s.create(spec)
	s.refused(s.e.StartContainer(s.Context(), guest), engine.ErrConflict, "cannot join network of a non running container")
	s.fine(s.e.StartContainer(s.Context(), owner))
	s.fine(s.e.StartContainer(s.Context(), guest))
	equal(s, "network mode", s.row(guest).NetworkMode, "container:"+owner)
	equal(s, "networks of its own", len(s.row(guest).Networks), 0)
}
