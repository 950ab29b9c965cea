package enginetest

import (
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// checked is a container with a health check every second.
func (s *subject) checked(name string, test ...string) engine.ContainerSpec {
	spec := s.sleeper(name)
	interval, retries := types.Duration(time.Second), uint64(2)
	spec.Service.HealthCheck = &types.HealthCheckConfig{Test: test, Interval: &interval, Timeout: &interval, Retries: &retries}
	return spec
}

// healthBehaviours are about health checks.
func healthBehaviours() []Behaviour {
	return []Behaviour{
		{"a check that succeeds makes the container healthy", func(s *subject) {
			id := s.run(s.checked("a", "CMD", "true"))
			equal(s, "health at first", s.row(id).Health, engine.Starting)
			if status := s.row(id).Status; !strings.HasSuffix(status, " (health: starting)") {
				s.Errorf("status at first %q", status)
			}
			s.eventually("healthy", func() bool { return s.row(id).Health == engine.Healthy })
			if status := s.row(id).Status; !strings.HasSuffix(status, " (healthy)") {
				s.Errorf("status %q", status)
			}
			equal(s, "has a check", s.detail(id).HasHealth, true)
		}},
		{"a check that fails makes the container unhealthy after its retries", func(s *subject) {
			id := s.run(s.checked("a", "CMD-SHELL", "echo refused; exit 1"))
			s.eventually("unhealthy", func() bool { return s.row(id).Health == engine.Unhealthy })
			probes := s.detail(id).Probes
			if len(probes) < 2 || probes[0].ExitCode != 1 || !strings.Contains(probes[0].Output, "refused") {
				s.Errorf("probes %+v", probes)
			}
			equal(s, "state", s.row(id).State, engine.Running)
		}},
		{"a restart forgets the health of the run before", func(s *subject) {
			id := s.run(s.checked("a", "CMD", "true"))
			s.eventually("healthy", func() bool { return s.row(id).Health == engine.Healthy })
			none := time.Duration(0)
			s.fine(s.e.RestartContainer(s.Context(), id, engine.StopOptions{Timeout: &none}))
			equal(s, "health", s.row(id).Health, engine.Starting)
		}},
		{"a stopped container has no health in the list", func(s *subject) {
			id := s.run(s.checked("a", "CMD", "true"))
			s.eventually("healthy", func() bool { return s.row(id).Health == engine.Healthy })
			s.fine(s.e.KillContainer(s.Context(), id, ""))
			s.reaches(id, engine.Exited)
			equal(s, "health in the list", s.row(id).Health, engine.NoHealth)
			equal(s, "health of the inspection", s.detail(id).Health, engine.Unhealthy)
		}},
		{"a disabled check is none", func(s *subject) {
			spec := s.sleeper("a")
			spec.Service.HealthCheck = &types.HealthCheckConfig{Disable: true}
			id := s.run(spec)
			equal(s, "health", s.row(id).Health, engine.NoHealth)
			equal(s, "has a check", s.detail(id).HasHealth, false)
		}},
		{"a change of health is an event", func(s *subject) {
			events := s.follow(engine.EventFilter{Project: s.project})
			id := s.run(s.checked("a", "CMD", "true"))
			ev := events.next("health_status")
			equal(s, "detail", ev.Detail, "healthy")
			equal(s, "container", ev.ID, id)
		}},
	}
}
