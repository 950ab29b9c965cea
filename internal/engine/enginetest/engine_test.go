package enginetest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
)

const image = "app:latest"

// in runs the test in a bubble, on an engine that has the image.
func in(t *testing.T, test func(t *testing.T, e *enginetest.Engine), options ...enginetest.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.New(append([]enginetest.Option{enginetest.WithImage(image)}, options...)...)
		defer func() { _ = e.Close() }()
		test(t, e)
	})
}

// spec is a container of service web in project p.
func spec(name string, command ...string) engine.ContainerSpec {
	s := engine.ContainerSpec{
		Name: name, Image: image,
		Labels: map[string]string{"com.docker.compose.project": "p", "com.docker.compose.service": "web"},
	}
	s.Service.Command = command
	return s
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// started creates and starts a container.
func started(t *testing.T, e *enginetest.Engine, s engine.ContainerSpec) string {
	t.Helper()
	made := must[engine.CreatedContainer](t)(e.CreateContainer(t.Context(), s))
	ok(t, e.StartContainer(t.Context(), made.ID))
	return made.ID
}

// happened are the container events so far, in words.
func happened(e *enginetest.Engine) []string {
	var words []string
	for _, ev := range e.PastEvents() {
		word := ev.Action
		if ev.Detail != "" {
			word += ": " + ev.Detail
		}
		if ev.Kind == "container" {
			words = append(words, word)
		}
	}
	return words
}

func TestHealthTurnsHealthyWhenItsScriptSays(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Health: enginetest.HealthyAfter(3 * time.Second)})
		stream := must[engine.EventStream](t)(e.Events(t.Context(), engine.EventFilter{Project: "p"}))
		s := spec("p-web-1")
		s.Service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "check"}}
		begin := time.Now()
		id := started(t, e, s)
		for ev := range stream.C {
			if ev.Action == "health_status" {
				if ev.Detail != "healthy" || time.Since(begin) != 3*time.Second || ev.ID != id {
					t.Errorf("got %+v after %v", ev, time.Since(begin))
				}
				break
			}
		}
		list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{Project: "p"}))
		if list[0].Status != "Up 3 seconds (healthy)" || list[0].Health != engine.Healthy {
			t.Errorf("got %q %q", list[0].Status, list[0].Health)
		}
	})
}

func TestFailingProbesMakeItUnhealthyAfterTheRetries(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Health: enginetest.NeverHealthy("refused")})
		s := spec("p-web-1")
		interval, retries := types.Duration(2*time.Second), uint64(2)
		s.Service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "check"}, Interval: &interval, Retries: &retries}
		id := started(t, e, s)
		time.Sleep(3 * time.Second)
		if d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id)); d.Health != engine.Starting {
			t.Errorf("after one probe: %q", d.Health)
		}
		time.Sleep(2 * time.Second)
		d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id))
		if d.Health != engine.Unhealthy || len(d.Probes) != 2 || d.Probes[1].Output != "refused" {
			t.Errorf("got %q %v", d.Health, d.Probes)
		}
	})
}

func TestACrashLoopIsSeenInStateCountAndEvents(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.ExitAfter(time.Second, 7))
		s := spec("p-web-1")
		s.Service.Restart = "always"
		id := started(t, e, s)
		time.Sleep(time.Second + 50*time.Millisecond)
		d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id))
		row := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{}))[0]
		if d.State != engine.Restarting || row.ExitCode != 7 || row.Status != "Restarting (7) Less than a second ago" {
			t.Errorf("in back-off: %s %d %q", d.State, row.ExitCode, row.Status)
		}
		time.Sleep(time.Second)
		d = must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id))
		if d.State != engine.Running || d.RestartCount != 1 {
			t.Errorf("after the restart: %s %d", d.State, d.RestartCount)
		}
		if got := happened(e); !slices.Equal(got, []string{"create", "start", "die", "start"}) {
			t.Errorf("events %v", got)
		}
		ok(t, e.StopContainer(t.Context(), id, engine.StopOptions{}))
		time.Sleep(time.Hour)
		d = must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id))
		if d.State != engine.Exited {
			t.Errorf("after stop by hand: %s", d.State)
		}
	})
}

func TestOnFailureGivesUpAfterItsRetries(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.ExitAfter(0, 1))
		s := spec("p-web-1")
		s.Service.Restart = "on-failure:2"
		id := started(t, e, s)
		time.Sleep(time.Minute)
		d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id))
		if d.State != engine.Exited || d.RestartCount != 2 || d.ExitCode != 1 {
			t.Errorf("got %s %d %d", d.State, d.RestartCount, d.ExitCode)
		}
	})
}

func TestAContainerDeafToTermIsKilledAfterItsTime(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{IgnoreTerm: true})
		id := started(t, e, spec("p-web-1"))
		begin, timeout := time.Now(), 4*time.Second
		ok(t, e.StopContainer(t.Context(), id, engine.StopOptions{Timeout: &timeout}))
		if time.Since(begin) != timeout {
			t.Errorf("took %v", time.Since(begin))
		}
		list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{}))
		if list[0].ExitCode != 137 || list[0].Status != "Exited (137) Less than a second ago" {
			t.Errorf("got %d %q", list[0].ExitCode, list[0].Status)
		}
	})
}

func TestAFailureBeforeChangesNothingAndOneAfterDoes(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		boom := errors.New("boom")
		fail := func(c enginetest.Call) error {
			if c.Method == "CreateContainer" {
				return boom
			}
			return nil
		}
		e.FailOn(fail)
		_, err := e.CreateContainer(t.Context(), spec("a"))
		if list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{})); !errors.Is(err, boom) || len(list) != 0 {
			t.Errorf("before: %v, %d containers", err, len(list))
		}
		e.FailOn(nil)
		e.FailAfter(fail)
		_, err = e.CreateContainer(t.Context(), spec("a"))
		if list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{})); !errors.Is(err, boom) || len(list) != 1 {
			t.Errorf("after: %v, %d containers", err, len(list))
		}
	})
}

func TestKillAtRefusesFromTheNthRequestOnAndKeepsTheState(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		died := errors.New("the client died")
		stream := must[engine.EventStream](t)(e.Events(t.Context(), engine.EventFilter{}))
		e.KillAt(2, died)
		ok(t, func() error { _, err := e.CreateContainer(t.Context(), spec("a")); return err }())
		if err := e.StartContainer(t.Context(), "a"); !errors.Is(err, died) || !e.Killed() {
			t.Errorf("second request: %v", err)
		}
		if err := e.StartContainer(t.Context(), "a"); !errors.Is(err, died) {
			t.Errorf("third request: %v", err)
		}
		for range stream.C {
			continue
		}
		if !errors.Is(stream.Err(), died) {
			t.Errorf("stream ended with %v", stream.Err())
		}
		e.KillAt(0, nil)
		list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{}))
		if len(list) != 1 || list[0].State != engine.Created {
			t.Errorf("the next client sees %+v", list)
		}
	})
}

func TestAnUnreachableEngineRefusesUntilItIsBack(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.Unreachable()
		if _, err := e.Info(t.Context()); !errors.Is(err, engine.ErrUnreachable) {
			t.Errorf("got %v", err)
		}
		e.Reachable()
		must[engine.Info](t)(e.Info(t.Context()))
	})
}

func TestLongestChainCountsParallelRequestsOnce(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				name := fmt.Sprint("c", i)
				if _, err := e.CreateContainer(t.Context(), spec(name)); err != nil {
					t.Error(err)
				}
				if err := e.StartContainer(t.Context(), name); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		chain := e.LongestChain()
		var methods []string
		for _, c := range chain {
			methods = append(methods, c.Method)
		}
		if got := strings.Join(methods, " "); got != "Ping CreateContainer StartContainer" {
			t.Errorf("chain %s", got)
		}
		if e.Count("") != 41 || e.Count("StartContainer") != 20 || len(e.Mutations()) != 40 {
			t.Errorf("%d requests, %d mutations", e.Count(""), len(e.Mutations()))
		}
	}, enginetest.Tick(time.Millisecond))
}

func TestAnOldAPIConnectsFurtherNetworksOneByOne(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		s := spec("a")
		for _, name := range []string{"n1", "n2", "n3"} {
			must[string](t)(e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: name}))
			s.Networks = append(s.Networks, engine.Endpoint{Network: name})
		}
		e.ResetCalls()
		started(t, e, s)
		if e.Count("ConnectNetwork") != 2 || e.Count("") != 4 {
			t.Errorf("calls %v", e.Calls())
		}
		list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{}))
		if len(list[0].Networks) != 3 {
			t.Errorf("networks %v", list[0].Networks)
		}
	}, enginetest.APIVersion("1.41"))
}

func TestVolumesKeepWhatEachRunWrote(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.AddImage(engine.Image{Tags: []string{"db:1"}, Volumes: []string{"/var/lib/db"}})
		s := spec("db")
		s.Image = "db:1"
		s.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Source: "data", Target: "/data"}}
		id := started(t, e, s)
		list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{}))
		if len(list[0].Mounts) != 2 || len(list[0].Mounts[1].Name) != 64 {
			t.Fatalf("mounts %+v", list[0].Mounts)
		}
		if len(e.VolumeData("data")) != 1 || len(e.Writes()) != 2 {
			t.Errorf("data %v, writes %v", e.VolumeData("data"), e.Writes())
		}
		ok(t, e.RemoveContainer(t.Context(), id, engine.RemoveOptions{Force: true, Volumes: true}))
		if lost := e.LostWrites(); len(lost) != 1 || lost[0].Target != "/var/lib/db" {
			t.Errorf("lost %v", lost)
		}
	})
}

func TestPortsAreChosenFromTheRangeAndRefusedWhenTaken(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		for i, want := range []int{8000, 8001} {
			s := spec(fmt.Sprint("c", i))
			s.NetworkMode = "bridge"
			s.Service.Ports = []types.ServicePortConfig{{Target: 80, Published: "8000-8001", Protocol: "tcp"}}
			started(t, e, s)
			list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{Names: []string{s.Name}}))
			if list[0].Ports[0].Published != want {
				t.Errorf("got %v, want %d", list[0].Ports, want)
			}
		}
		s := spec("c2")
		s.NetworkMode = "bridge"
		s.Service.Ports = []types.ServicePortConfig{{Target: 80, Published: "8001", Protocol: "tcp"}}
		must[engine.CreatedContainer](t)(e.CreateContainer(t.Context(), s))
		err := e.StartContainer(t.Context(), "c2")
		if !errors.Is(err, engine.ErrPortTaken) || !strings.Contains(err.Error(), "Bind for 0.0.0.0:8001 failed: port is already allocated") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLinesArriveWhenTheScriptSaysAndFollowEndsWithTheRun(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{
			Lines: []enginetest.Line{{Text: "one"}, {After: time.Second, Stderr: true, Text: "two"}, {After: 9 * time.Second, Text: "never"}},
			Exits: []enginetest.Exit{{After: 2 * time.Second}},
		})
		id := started(t, e, spec("a"))
		begin := time.Now()
		var out, errout strings.Builder
		ok(t, e.Logs(t.Context(), id, engine.LogOptions{Follow: true, Timestamps: true}, &out, &errout))
		if out.String() != "2000-01-01T00:00:00.000000000Z one\n" || errout.String() != "2000-01-01T00:00:01.000000000Z two\n" {
			t.Errorf("got %q %q", out.String(), errout.String())
		}
		if time.Since(begin) != 2*time.Second {
			t.Errorf("took %v", time.Since(begin))
		}
	})
}
