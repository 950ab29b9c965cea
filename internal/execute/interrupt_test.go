package execute_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
)

// interruption is the cause of a context that a person has ended.
type interruption struct{}

func (interruption) Error() string { return "interrupted" }

func (interruption) Unwrap() error { return context.Canceled }

// slowStop is how long the containers of these tests take to stop.
const slowStop = 7 * time.Second

func slow() enginetest.Script { return enginetest.Script{TermDelay: slowStop} }

// single is a plan of one operation on the container of service web.
func single(id string, op func(plan.Ref) plan.Operation) *plan.Plan {
	p := plan.New("p")
	p.Add(plan.Node{ID: "one", Service: "web", Op: op(plan.Ref{ID: id, Name: "p-web-1", Service: "web"})})
	return p
}

func restart(ref plan.Ref) plan.Operation { return plan.Restart{Container: ref} }

func stop(ref plan.Ref) plan.Operation { return plan.Stop{Container: ref} }

// words are the status words told, with their texts.
func words(told *event.Recorder) string {
	var list []string
	for _, ev := range told.Events() {
		list = append(list, strings.TrimSpace(string(ev.Status)+" "+ev.Text))
	}
	return strings.Join(list, ", ")
}

func TestAnInterruptionLetsAStopAndARestartUnderWayComeToTheirEnd(t *testing.T) {
	for want, op := range map[string]func(plan.Ref) plan.Operation{
		"Stopping, Stopped": stop, "Restarting, Started": restart,
	} {
		inBubble(t, func(t *testing.T, e *enginetest.Engine) {
			e.SetScript("web", slow())
			id := running(t, e, spec("web", false))
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(interruption{}) })
			var told event.Recorder
			begin := time.Now()
			_, err := execute.Run(ctx, single(id, op), e, execute.Options{Sink: &told})
			if !errors.Is(err, interruption{}) || err.Error() != "interrupted" {
				t.Errorf("error is %v", err)
			}
			if took := time.Since(begin); took != slowStop {
				t.Errorf("%s: took %s", want, took)
			}
			if got := words(&told); got != want {
				t.Errorf("told %s, want %s", got, want)
			}
		})
	}
}

func TestACallerThatTakesTheRunBackCutsAStopOffWithoutAWord(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", slow())
		id := running(t, e, spec("web", false))
		ctx, takeBack := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, takeBack)
		var told event.Recorder
		begin := time.Now()
		if _, err := execute.Run(ctx, single(id, stop), e, execute.Options{Sink: &told}); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %s", took)
		}
		if got := words(&told); got != "Stopping" {
			t.Errorf("told %s", got)
		}
	})
}

func TestAStopHasTheTimeOfARequestAndTheGracePeriodOfItsContainer(t *testing.T) {
	const limit = 2 * time.Minute
	given := time.Hour
	for _, c := range []struct {
		own, given *time.Duration
		want       time.Duration
	}{
		{nil, nil, limit}, {&given, nil, limit + time.Hour}, {nil, &given, limit + time.Hour},
	} {
		inBubble(t, func(t *testing.T, e *enginetest.Engine) {
			s := spec("web", false)
			if c.own != nil {
				period := types.Duration(*c.own)
				s.Service.StopGracePeriod = &period
			}
			id := running(t, e, s)
			p := single(id, func(ref plan.Ref) plan.Operation { return plan.Stop{Container: ref, Timeout: c.given} })
			begin := time.Now()
			_, err := execute.Run(t.Context(), p, hanging{e}, execute.Options{})
			if err == nil || err.Error() != "service web: stop p-web-1: the engine has not answered for "+c.want.String() {
				t.Errorf("error is %v", err)
			}
			if took := time.Since(begin); took != c.want {
				t.Errorf("took %s, want %s", took, c.want)
			}
		})
	}
}

// hanging is an engine that does not answer stops.
type hanging struct{ *enginetest.Engine }

func (hanging) StopContainer(ctx context.Context, _ string, _ engine.StopOptions) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAnOldContainerThatAForgottenRestartRunsAgainIsStoppedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		old := running(t, e, spec("web", false))
		stops := 0
		p := replacement(old)
		_, err := execute.Run(t.Context(), p, &restarting{Engine: e, stops: &stops}, execute.Options{})
		if err != nil {
			t.Fatal(err)
		}
		list := e.Snapshot().Containers
		if stops != 2 || len(list) != 1 || list[0].ID == old || list[0].Name != "p-web-1" || list[0].State != engine.Running {
			t.Errorf("%d stops, containers are %+v", stops, list)
		}
	})
}

// restarting is an engine that starts a container again after its first stop, as
// it does at the end of a restart whose sender has gone.
type restarting struct {
	*enginetest.Engine
	stops *int
}

func (e *restarting) StopContainer(ctx context.Context, id string, opt engine.StopOptions) error {
	err := e.Engine.StopContainer(ctx, id, opt)
	if *e.stops++; err == nil && *e.stops == 1 {
		err = e.StartContainer(ctx, id)
	}
	return err
}

func TestAContainerThatNobodyAskedToStopIsNotStoppedToBeRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		id := running(t, e, spec("web", false))
		p := single(id, func(ref plan.Ref) plan.Operation { return plan.Remove{Container: ref} })
		if _, err := execute.Run(t.Context(), p, e, execute.Options{}); !errors.Is(err, engine.ErrRunning) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestAReplacementThatFailsBeforeTheOldContainerIsGoneLeavesNothingBehind(t *testing.T) {
	for _, fails := range []string{"StopContainer", "RemoveContainer", "RenameContainer"} {
		inBubble(t, func(t *testing.T, e *enginetest.Engine) {
			old := running(t, e, spec("web", false))
			done := false
			e.FailOn(func(c enginetest.Call) error {
				if c.Method == fails && !done {
					done = true
					return &engine.Error{Op: fails, Text: "no"}
				}
				return nil
			})
			if _, err := execute.Run(t.Context(), replacement(old), e, execute.Options{}); err == nil {
				t.Error("no error")
			}
			list := e.Snapshot().Containers
			if kept := len(list) == 1 && list[0].ID == old; kept == (fails == "RenameContainer") || len(list) != 1 {
				t.Errorf("%s: containers are %+v", fails, list)
			}
		})
	}
}

func TestARemovalThatIsUnderWayAlreadyIsAwaited(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		id := running(t, e, spec("web", false))
		begin := time.Now()
		e.FailOn(func(c enginetest.Call) error {
			if c.Method == "RemoveContainer" && time.Since(begin) < 5*time.Second {
				return &engine.Error{Op: "remove container", Name: id[:12], Kind: engine.ErrRemoving, Text: "removal of container is already in progress"}
			}
			return nil
		})
		p := single(id, func(ref plan.Ref) plan.Operation { return plan.Remove{Container: ref, Force: true} })
		if _, err := execute.Run(t.Context(), p, e, execute.Options{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("took %s", took)
		}
		begin = time.Now().Add(time.Hour) // for ever
		id = running(t, e, spec("web", false))
		p = single(id, func(ref plan.Ref) plan.Operation { return plan.Remove{Container: ref, Force: true} })
		if _, err := execute.Run(t.Context(), p, e, execute.Options{}); !errors.Is(err, engine.ErrRemoving) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestADisconnectionThatIsNotNeededAnyMoreIsASuccess(t *testing.T) {
	for _, kind := range []error{engine.ErrNotFound, engine.ErrRemoving} {
		inBubble(t, func(t *testing.T, e *enginetest.Engine) {
			id := running(t, e, spec("web", false))
			e.FailOn(func(c enginetest.Call) error {
				if c.Method == "DisconnectNetwork" {
					return &engine.Error{Op: "disconnect", Kind: kind}
				}
				return nil
			})
			p := single(id, func(ref plan.Ref) plan.Operation { return plan.Disconnect{Container: ref, NetworkID: "n"} })
			if _, err := execute.Run(t.Context(), p, e, execute.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnEndpointThatTheEngineHasForgottenIsNamedAsSuch(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		id, err := e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		e.FailOn(func(c enginetest.Call) error {
			if c.Method == "RemoveNetwork" {
				return &engine.Error{Op: "remove network", Name: "n", Kind: engine.ErrInUse, Text: "network n has active endpoints"}
			}
			return nil
		})
		p := plan.New("p")
		p.Add(plan.Node{ID: "n", Op: plan.RemoveNetwork{ID: id, Name: "n"}})
		_, err = execute.Run(t.Context(), p, e, execute.Options{})
		if !errors.Is(err, engine.ErrInUse) || !strings.Contains(err.Error(), "network n is used by no container") || !strings.Contains(err.Error(), "restart of the engine") {
			t.Errorf("error is %v", err)
		}
		if n := e.Count("RemoveNetwork"); n != 2 {
			t.Errorf("%d tries", n)
		}
	})
}

func TestARefusalNamesServiceAndContainerAndTheStatusLineOnlyTheReason(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		id := running(t, e, spec("web", false))
		refuse := func(c enginetest.Call) error {
			if slices.Contains(c.Args, id) {
				return &engine.Error{Op: "kill container", Name: id[:12], Text: "not so fast"}
			}
			return nil
		}
		e.FailOn(refuse)
		var told event.Recorder
		p := single(id, func(ref plan.Ref) plan.Operation { return plan.Kill{Container: ref} })
		_, err := execute.Run(t.Context(), p, e, execute.Options{Sink: &told})
		if err == nil || err.Error() != "service web: kill container p-web-1: not so fast" {
			t.Errorf("error is %v", err)
		}
		if got := words(&told); got != "Killing, Error not so fast" {
			t.Errorf("told %s", got)
		}
	})
}
