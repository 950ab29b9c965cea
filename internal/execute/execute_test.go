package execute_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/graph"
	"github.com/berth-dev/berth/pkg/labels"
)

const image = "app:latest"

// spec is a container of service name; its health check, if any, is the
// script's.
func spec(name string, checked bool) engine.ContainerSpec {
	svc := types.ServiceConfig{Name: name}
	if checked {
		svc.HealthCheck = &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "true"}}
	}
	return engine.ContainerSpec{
		Project: "p", Service: svc, Name: "p-" + name + "-1", Image: image,
		Labels: map[string]string{labels.Project: "p", labels.Service: name, labels.Number: "1", labels.OneOff: labels.False},
	}
}

// up adds the creation and start of a service to a plan and returns its
// reference and the start's node.
func up(p *plan.Plan, s engine.ContainerSpec, needs ...string) (plan.Ref, string) {
	name := s.Service.Name
	create := p.Add(plan.Node{ID: name + "/create", Op: plan.CreateContainer{Spec: s, Final: s.Name}, Service: name})
	ref := plan.Ref{From: create, Name: s.Name, Service: name}
	return ref, p.Add(plan.Node{ID: name + "/start", Op: plan.Start{Container: ref}, Service: name}, append(needs, create)...)
}

func wait(p *plan.Plan, id string, c plan.Condition, checked bool, after string, refs ...plan.Ref) string {
	return p.Add(plan.Node{ID: id, Service: refs[0].Service, Op: plan.Wait{
		Service: refs[0].Service, Containers: refs, Condition: c, Checked: map[string]bool{refs[0].Service: checked},
	}}, after)
}

// inBubble runs a test on an engine of its own, in time of its own.
func inBubble(t *testing.T, test func(t *testing.T, e *enginetest.Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.New(enginetest.WithImage(image))
		defer e.Close()
		test(t, e)
	})
}

func TestADependentStartsTheMomentItsDependencyIsHealthy(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("db", enginetest.Script{Health: enginetest.HealthyAfter(7 * time.Second)})
		p := plan.New("p")
		db, started := up(p, spec("db", true))
		healthy := wait(p, "db/healthy", plan.Healthy, true, started, db)
		up(p, spec("web", false), healthy)
		begin := time.Now()
		if _, err := execute.Run(t.Context(), p, e, execute.Options{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 7*time.Second {
			t.Errorf("took %s, want 7s to the tick", took)
		}
	})
}

func TestAFailureSkipsDependentsNamesTheRootAndLetsOthersFinish(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("db", enginetest.Script{StartError: "no such device"})
		p := plan.New("p")
		_, started := up(p, spec("db", false))
		up(p, spec("web", false), started)
		result, err := execute.Run(t.Context(), p, e, execute.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "service db: ") || strings.Contains(err.Error(), "web") {
			t.Errorf("error is %v", err)
		}
		if o := result.Outcomes["web/start"]; o.State != graph.Skipped || o.Cause != "db/start" {
			t.Errorf("web is %v", o)
		}
	})
}

func TestAFailureEndsWaitsThatHaveBecomePointless(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("slow", enginetest.Script{Health: enginetest.HealthyAfter(time.Hour)})
		e.SetScript("bad", enginetest.Script{StartError: "no"})
		p := plan.New("p")
		slow, started := up(p, spec("slow", true))
		wait(p, "slow/healthy", plan.Healthy, true, started, slow)
		up(p, spec("bad", false))
		begin := time.Now()
		_, err := execute.Run(t.Context(), p, e, execute.Options{})
		if err == nil || strings.Contains(err.Error(), "given up") {
			t.Errorf("error is %v, want only the root cause", err)
		}
		if time.Since(begin) > time.Minute {
			t.Errorf("waited %s", time.Since(begin))
		}
	})
}

func TestAReplacementThatHasBegunIsCarriedThroughAnInterruption(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		old := running(t, e, spec("web", false))
		p := replacement(old)
		e.FailOn(func(c enginetest.Call) error {
			if c.Method == "StopContainer" {
				cancel()
			}
			return nil
		})
		_, err := execute.Run(ctx, p, e, execute.Options{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		list := e.Snapshot().Containers
		if len(list) != 1 || list[0].ID == old || list[0].Name != "p-web-1" || list[0].State != engine.Running {
			t.Errorf("containers are %+v, want the new one under its name, running", list)
		}
	})
}

func TestAnInterruptionBeforeTheTurnLeavesTheOldContainerAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		old := running(t, e, spec("web", false))
		e.FailAfter(func(c enginetest.Call) error {
			if c.Method == "CreateContainer" {
				cancel()
			}
			return nil
		})
		if _, err := execute.Run(ctx, replacement(old), e, execute.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		list := e.Snapshot().Containers
		if len(list) != 1 || list[0].ID != old || list[0].State != engine.Running {
			t.Errorf("containers are %+v, want the old one, running, and nothing else", list)
		}
	})
}

// running creates and starts a container and returns its ID.
func running(t *testing.T, e *enginetest.Engine, s engine.ContainerSpec) string {
	t.Helper()
	made, err := e.CreateContainer(t.Context(), s)
	if err == nil {
		err = e.StartContainer(t.Context(), made.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// replacement is the plan that replaces web's container.
func replacement(old string) *plan.Plan {
	p := plan.New("p")
	s := spec("web", false)
	s.Name = old[:12] + "_p-web-1"
	ref := plan.Ref{ID: old, Name: "p-web-1", Service: "web"}
	create := p.Add(plan.Node{ID: "create", Unit: "web", Op: plan.CreateContainer{Spec: s, Final: "p-web-1", Replaces: &ref}})
	fresh := plan.Ref{From: create, Name: "p-web-1", Service: "web"}
	commit := func(id string, op plan.Operation, after string) string {
		return p.Add(plan.Node{ID: id, Unit: "web", Committing: true, Op: op}, after)
	}
	stop := commit("stop", plan.Stop{Container: ref, Replacing: true}, create)
	remove := commit("remove", plan.Remove{Container: ref, Replacing: true}, stop)
	rename := commit("rename", plan.Rename{Container: fresh, Name: "p-web-1", Replacing: true}, remove)
	commit("start", plan.Start{Container: fresh}, rename)
	return p
}

func TestABrokenEventStreamIsOpenedAgainAndNothingIsMissed(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("db", enginetest.Script{Health: enginetest.HealthyAfter(5 * time.Second)})
		p := plan.New("p")
		db, started := up(p, spec("db", true))
		wait(p, "db/healthy", plan.Healthy, true, started, db)
		go func() {
			time.Sleep(4900 * time.Millisecond)
			e.BreakStreams(errors.New("unexpected EOF"))
		}()
		begin := time.Now()
		if _, err := execute.Run(t.Context(), p, e, execute.Options{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestAnEngineThatGoesAwayEndsTheWaitWithinFifteenSecondsAndIsNamed(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("db", enginetest.Script{Health: enginetest.HealthyAfter(time.Hour)})
		p := plan.New("p")
		db, started := up(p, spec("db", true))
		wait(p, "db/healthy", plan.Healthy, true, started, db)
		var gone time.Time
		go func() {
			time.Sleep(3 * time.Second)
			gone = time.Now()
			e.Unreachable()
		}()
		_, err := execute.Run(t.Context(), p, e, execute.Options{})
		if !errors.Is(err, engine.ErrUnreachable) || !strings.Contains(err.Error(), e.Endpoint()) {
			t.Errorf("error is %v, want one that names %s", err, e.Endpoint())
		}
		if took := time.Since(gone); took > 15*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestHealthFromBeforeARestartDoesNotCount(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("db", enginetest.Script{Health: enginetest.HealthyAfter(5 * time.Second)})
		id := running(t, e, spec("db", true))
		time.Sleep(10 * time.Second)
		p := plan.New("p")
		ref := plan.Ref{ID: id, Name: "p-db-1", Service: "db"}
		restarted := p.Add(plan.Node{ID: "restart", Op: plan.Restart{Container: ref}, Service: "db"})
		wait(p, "healthy", plan.Healthy, true, restarted, ref)
		begin := time.Now()
		if _, err := execute.Run(t.Context(), p, e, execute.Options{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 5*time.Second {
			t.Errorf("took only %s: the old health was believed", took)
		}
	})
}

func TestReadyFindsWhatNeverWillBe(t *testing.T) {
	for _, c := range []struct {
		name    string
		script  enginetest.Script
		checked bool
		restart string
		says    string // empty: it is ready
	}{
		{"never healthy", enginetest.Script{Health: enginetest.NeverHealthy("no")}, true, "", "is unhealthy"},
		{"ends badly", enginetest.ExitAfter(time.Second, 3), false, "", "exited (3)"},
		{"ends well", enginetest.ExitAfter(time.Second, 0), false, "", ""},
		{"is always restarted", enginetest.ExitAfter(time.Millisecond, 0), false, "always", "keeps restarting"},
		{"crashes again and again", enginetest.ExitAfter(time.Second, 2), false, "on-failure", "keeps restarting"},
		{"is given up by its policy", enginetest.ExitAfter(time.Second, 3), true, "on-failure:1", "container p-web-1 exited (3)"},
		{"is healthy and dies", enginetest.Script{Exits: []enginetest.Exit{{After: 2 * time.Second, Code: 1}}}, true, "", "exited (1)"},
		{"stays up", enginetest.Script{}, false, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *enginetest.Engine) {
				e.SetScript("web", c.script)
				s := spec("web", c.checked)
				s.Service.Restart = c.restart
				p := plan.New("p")
				ref, started := up(p, s)
				wait(p, "ready", plan.Ready, c.checked, started, ref)
				_, err := execute.Run(t.Context(), p, e, execute.Options{WaitTimeout: 10 * time.Minute})
				switch {
				case c.says == "" && err != nil:
					t.Errorf("failed: %v", err)
				case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
					t.Errorf("error is %v, want %q", err, c.says)
				}
			})
		})
	}
}

func TestAContainerThatWasInACrashLoopBeforeIsSeen(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("db", enginetest.ExitAfter(time.Millisecond, 127))
		s := spec("db", true)
		s.Service.Restart = "always"
		id := running(t, e, s)
		time.Sleep(time.Minute)
		p := plan.New("p")
		ref := plan.Ref{ID: id, Name: "p-db-1", Service: "db"}
		wait(p, "healthy", plan.Healthy, true, "", ref)
		begin := time.Now()
		_, err := execute.Run(t.Context(), p, e, execute.Options{})
		if err == nil || !strings.Contains(err.Error(), "keeps restarting, last exited (127)") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(begin); took > 2*time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

func TestTheTimeoutOfWaitingNamesEachContainerThatIsNotReady(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("db", enginetest.Script{Health: enginetest.HealthyAfter(time.Hour)})
		p := plan.New("p")
		ref, started := up(p, spec("db", true))
		wait(p, "ready", plan.Ready, true, started, ref)
		begin := time.Now()
		_, err := execute.Run(t.Context(), p, e, execute.Options{WaitTimeout: 30 * time.Second})
		if err == nil || !strings.Contains(err.Error(), "container p-db-1 is not ready after 30s") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(begin); took > 31*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestDryRunTellsEveryStepAndAsksTheEngineNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		p := plan.New("p")
		up(p, spec("web", false))
		var told event.Recorder
		if _, err := execute.Run(t.Context(), p, e, execute.Options{DryRun: true, Sink: &told}); err != nil {
			t.Fatal(err)
		}
		if n := len(e.Calls()); n != 0 {
			t.Errorf("%d requests", n)
		}
		var words []string
		for _, ev := range told.Events() {
			words = append(words, fmt.Sprint(ev.ID(), " ", ev.Status, " ", ev.DryRun))
		}
		want := "Container p-web-1 Creating true, Container p-web-1 Created true, Container p-web-1 Starting true, Container p-web-1 Started true"
		if got := strings.Join(words, ", "); got != want {
			t.Errorf("told %s", got)
		}
	})
}

func TestPostStartFailsTheServiceAndPreStopOnlyWarns(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{Exec: func([]string, engine.Streams) int { return 3 }})
		id := running(t, e, spec("web", false))
		ref := plan.Ref{ID: id, Name: "p-web-1", Service: "web"}
		hook := func(phase string) (*plan.Plan, *event.Recorder) {
			p := plan.New("p")
			p.Add(plan.Node{ID: "hook", Service: "web", Op: plan.Hook{Container: ref, Phase: phase, Hook: engine.Hook{Command: types.ShellCommand{"x"}}}})
			return p, &event.Recorder{}
		}
		p, told := hook("post_start")
		if _, err := execute.Run(t.Context(), p, e, execute.Options{Sink: told}); err == nil || !strings.Contains(err.Error(), "exit code 3") {
			t.Errorf("error is %v", err)
		}
		p, told = hook("pre_stop")
		if _, err := execute.Run(t.Context(), p, e, execute.Options{Sink: told}); err != nil {
			t.Errorf("a pre_stop hook must not keep a container from being stopped: %v", err)
		}
		if list := told.Events(); len(list) != 1 || list[0].Kind != event.KindWarning {
			t.Errorf("told %+v, want one warning", list)
		}
	})
}
