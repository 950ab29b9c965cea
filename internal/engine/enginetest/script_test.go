package enginetest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
)

func TestAStartFailsAsScripted(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript(image, enginetest.Script{StartError: `exec: "nope": executable file not found in $PATH: unknown`})
		made := must[engine.CreatedContainer](t)(e.CreateContainer(t.Context(), spec("a")))
		err := e.StartContainer(t.Context(), made.ID)
		if err == nil || !strings.Contains(err.Error(), "executable file not found") {
			t.Errorf("got %v", err)
		}
		d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), "a"))
		if d.State != engine.Created || d.ExitCode != 128 || d.Error == "" {
			t.Errorf("got %s %d %q", d.State, d.ExitCode, d.Error)
		}
	})
}

func TestEachRunEndsAsItsTurnSays(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Exits: []enginetest.Exit{{Code: 1}, {Code: 2, OOM: true}, {Never: true}}})
		s := spec("a")
		s.Service.Restart = "unless-stopped"
		id := started(t, e, s)
		time.Sleep(time.Minute)
		d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id))
		if d.State != engine.Running || d.RestartCount != 2 {
			t.Errorf("got %s %d", d.State, d.RestartCount)
		}
		if got := happened(e); !slices.Equal(got, []string{"create", "start", "die", "start", "oom", "die", "start"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestProbesWithinTheStartPeriodDoNotCountAgainstIt(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Health: enginetest.HealthyAfterProbes(5)})
		s := spec("a")
		second, period, retries := types.Duration(time.Second), types.Duration(10*time.Second), uint64(2)
		s.Service.HealthCheck = &types.HealthCheckConfig{
			Test: []string{"CMD", "x"}, Interval: &second, StartPeriod: &period, StartInterval: &second, Retries: &retries,
		}
		id := started(t, e, s)
		time.Sleep(4500 * time.Millisecond)
		if d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id)); d.Health != engine.Starting {
			t.Errorf("after 4 probes: %s", d.Health)
		}
		time.Sleep(time.Second)
		if d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id)); d.Health != engine.Healthy {
			t.Errorf("after 5 probes: %s", d.Health)
		}
	})
}

func TestHealthTurnsBadAsScripted(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Health: enginetest.HealthyThenUnhealthy(time.Second, 2*time.Second, "gone")})
		s := spec("a")
		s.Service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "x"}}
		started(t, e, s)
		time.Sleep(3 * time.Second)
		want := []string{"create", "start", "health_status: healthy", "health_status: unhealthy"}
		if got := happened(e); !slices.Equal(got, want) {
			t.Errorf("got %v", got)
		}
	})
}

func TestAPausedContainersTimeStandsStill(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.ExitAfter(10*time.Second, 3))
		id := started(t, e, spec("a"))
		time.Sleep(9 * time.Second)
		ok(t, e.PauseContainer(t.Context(), id))
		time.Sleep(time.Hour)
		ok(t, e.UnpauseContainer(t.Context(), id))
		begin := time.Now()
		code := must[int](t)(e.WaitContainer(t.Context(), id))
		if code != 3 || time.Since(begin) != time.Second {
			t.Errorf("got %d after %v", code, time.Since(begin))
		}
	})
}

func TestATestCanEndPrintAndJudgeByHand(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		s := spec("a")
		s.Service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "x"}}
		id := started(t, e, s)
		if !e.Print(id, false, "hello") || !e.SetHealth(id, engine.Unhealthy, "bad") || !e.Exit(id, 9) || e.Exit(id, 9) {
			t.Error("the container was not as expected")
		}
		var out strings.Builder
		ok(t, e.Logs(t.Context(), id, engine.LogOptions{}, &out, nil))
		d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id))
		if out.String() != "hello\n" || d.ExitCode != 9 || d.Probes[0].Output != "bad" {
			t.Errorf("got %q, %+v", out.String(), d)
		}
	})
}

func TestAnExecIsScripted(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Exec: func(cmd []string, streams engine.Streams) int {
			_, _ = fmt.Fprint(streams.Out, strings.Join(cmd, "+"))
			return 7
		}})
		id := started(t, e, spec("a"))
		e.ResetCalls()
		var out strings.Builder
		code := must[int](t)(e.Exec(t.Context(), id, engine.ExecSpec{Cmd: []string{"a", "b"}}, engine.Streams{Out: &out}))
		if code != 7 || out.String() != "a+b" || methods(e.Calls()) != "ExecCreate ExecStart ExecInspect" {
			t.Errorf("got %d %q %v", code, out.String(), e.Calls())
		}
	})
}

func TestTheShellUnderstandsWhatTestContainersDo(t *testing.T) {
	for script, want := range map[string]string{
		"echo a; echo b":                                    "a\nb\n",
		"false && echo a || echo b":                         "b\n",
		"if test -f /x; then echo a; else echo b; fi":       "b\n",
		"echo a > /x; if [ -f /x ]; then cat /x; fi":        "a\n",
		"while false; do echo a; done; echo 'b  c'":         "b  c\n",
		`printf "a\nb\n"; seq 2 3`:                          "a\nb\n2\n3\n",
		"echo $A ${A}x":                                     "one onex\n",
		"echo lost 1>&2 > /dev/null; exit 0; echo a":        "",
		"nope; test 1 = 1 && echo same; test 1 != 1 || :":   "same\n",
		"trap 'exit 3' TERM; sleep 0.5 & wait; exec echo a": "a\n",
	} {
		in(t, func(t *testing.T, e *enginetest.Engine) {
			s := spec("a", "sh", "-c", script)
			one := "one"
			s.Service.Environment = types.MappingWithEquals{"A": &one}
			id := started(t, e, s)
			must[int](t)(e.WaitContainer(t.Context(), id))
			var out strings.Builder
			ok(t, e.Logs(t.Context(), id, engine.LogOptions{}, &out, nil))
			if out.String() != want {
				t.Errorf("%s: got %q, want %q", script, out.String(), want)
			}
		})
	}
}

func TestALoopWritesUntilItIsStopped(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		id := started(t, e, spec("a", "sh", "-c", "while true; do echo tick; sleep 1; done"))
		time.Sleep(4500 * time.Millisecond)
		ok(t, e.StopContainer(t.Context(), id, engine.StopOptions{}))
		var out strings.Builder
		ok(t, e.Logs(t.Context(), id, engine.LogOptions{}, &out, nil))
		if out.String() != strings.Repeat("tick\n", 5) {
			t.Errorf("got %q", out.String())
		}
		if d := must[engine.ContainerDetail](t)(e.InspectContainer(t.Context(), id)); d.ExitCode != 143 {
			t.Errorf("exit code %d", d.ExitCode)
		}
	})
}

func TestImagesArePulledFromTheRegistryThatTheTestFilled(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		id := e.AddRemote(engine.Image{Tags: []string{"db:1"}, Volumes: []string{"/data"}})
		begin, told := time.Now(), 0
		ok(t, e.PullImage(t.Context(), "docker.io/library/db:1", engine.PullOptions{Progress: func(engine.PullProgress) { told++ }}))
		if time.Since(begin) != time.Second || told == 0 {
			t.Errorf("took %v, told %d times", time.Since(begin), told)
		}
		img := must[engine.Image](t)(e.InspectImage(t.Context(), "db:1"))
		digest := must[string](t)(e.ResolveDigest(t.Context(), "db:1"))
		if img.ID != id || len(img.Volumes) != 1 || len(img.Digests) != 1 || img.Digests[0] != "db@"+digest {
			t.Errorf("got %+v, digest %s", img, digest)
		}
		if err := e.PullImage(t.Context(), "db:2", engine.PullOptions{}); !errors.Is(err, engine.ErrDenied) {
			t.Errorf("got %v", err)
		}
		ok(t, e.TagImage(t.Context(), "db:1", "mine:1"))
		ok(t, e.PushImage(t.Context(), "mine:1", engine.PullOptions{}))
		must[string](t)(e.ResolveDigest(t.Context(), "mine:1"))
	}, enginetest.PullTime(time.Second))
}

func TestImagesAskOnlyForWhatTheyMust(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		must[map[string]engine.Image](t)(e.Images(t.Context()))
		if got := methods(e.Calls()); got != "" {
			t.Errorf("nothing asked for: %s", got)
		}
		must[map[string]engine.Image](t)(e.Images(t.Context(), image, "a:1", "b:2", "0123456789ab"))
		if got := methods(e.Calls()); got != "Ping Images InspectImage" {
			t.Errorf("got %s", got)
		}
	})
}

func TestAMovedTagIsADifference(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		id := started(t, e, spec("a"))
		e.AddImage(engine.Image{Tags: []string{image}})
		e.SetDrift(id, engine.Change{Path: "networks"})
		changes := must[[]engine.Change](t)(e.Compare(t.Context(), spec("a"), id))
		if len(changes) != 2 || changes[0].Path != "networks" || changes[1].Path != "image" {
			t.Errorf("got %+v", changes)
		}
		if c := e.Snapshot().Containers[0]; c.Image != image {
			t.Errorf("inspected image %s", c.Image)
		}
		list := must[[]engine.Container](t)(e.Containers(t.Context(), engine.ContainerFilter{}))
		if list[0].Image != list[0].ImageID {
			t.Errorf("listed image %s", list[0].Image)
		}
	})
}

// TestManyClientsAtOnceDoNoHarm is for the race detector and for deadlocks.
func TestManyClientsAtOnceDoNoHarm(t *testing.T) {
	in(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Exits: []enginetest.Exit{{After: 50 * time.Millisecond, Code: 1}}})
		var all sync.WaitGroup
		for client := range 8 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(client)))
				for range 200 {
					act(t, e, random)
				}
			})
		}
		all.Wait()
		if len(e.LongestChain()) < 200 {
			t.Errorf("chain of %d", len(e.LongestChain()))
		}
	}, enginetest.Tick(time.Millisecond))
}

// act sends one request about one of a few containers; most are refused.
func act(t *testing.T, e *enginetest.Engine, random *rand.Rand) {
	t.Helper()
	ctx, name := t.Context(), fmt.Sprint("c", random.IntN(4))
	second := time.Second
	var err error
	switch random.IntN(9) {
	case 0, 1:
		s := spec(name)
		s.Service.Restart = "on-failure:3"
		_, err = e.CreateContainer(ctx, s)
	case 2, 3:
		err = e.StartContainer(ctx, name)
	case 4:
		err = e.StopContainer(ctx, name, engine.StopOptions{Timeout: &second})
	case 5:
		err = e.RestartContainer(ctx, name, engine.StopOptions{})
	case 6:
		err = e.RemoveContainer(ctx, name, engine.RemoveOptions{Force: true, Volumes: true})
	case 7:
		_, err = e.Containers(ctx, engine.ContainerFilter{Project: "p"})
	case 8:
		err = e.RenameContainer(ctx, name, name+"x")
	}
	var refused *engine.Error
	if err != nil && !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}
