package execute_test

import (
	"context"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/execute"
)

func TestAContainerThatAKilledCommandHadAskedToStopIsWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", slow())
		since := time.Now()
		id := running(t, e, spec("web", false))
		running(t, e, spec("db", false))
		go func() { _ = e.StopContainer(context.WithoutCancel(t.Context()), id, engine.StopOptions{}) }()
		time.Sleep(time.Second)
		if err := execute.Settle(t.Context(), e, "p", since); err != nil {
			t.Error(err)
		}
		detail, err := e.InspectContainer(t.Context(), id)
		if err != nil || detail.IsRunning() {
			t.Errorf("it is %s, %v", detail.State, err)
		}
	})
}

func TestWhatIsNotBeingStoppedIsNotWaitedFor(t *testing.T) {
	for name, disturb := range map[string]func(e *enginetest.Engine, id string) error{
		"nothing happened": func(*enginetest.Engine, string) error { return nil },
		"it has ended": func(e *enginetest.Engine, id string) error {
			return e.KillContainer(context.Background(), id, "SIGKILL")
		},
		"it was restarted": func(e *enginetest.Engine, id string) error {
			return e.RestartContainer(context.Background(), id, engine.StopOptions{})
		},
		"it has been removed": func(e *enginetest.Engine, id string) error {
			return e.RemoveContainer(context.Background(), id, engine.RemoveOptions{Force: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *enginetest.Engine) {
				begun := time.Now()
				if err := disturb(e, running(t, e, spec("web", false))); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				settled := time.Now()
				if err := execute.Settle(t.Context(), e, "p", begun); err != nil {
					t.Error(err)
				}
				if took := time.Since(settled); took != 0 {
					t.Errorf("waited %s", took)
				}
			})
		})
	}
}

func TestASignalThatEndsNothingIsWaitedForNoLongerThanTheGracePeriod(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		e.SetScript("web", enginetest.Script{TermDelay: time.Hour})
		begun := time.Now()
		id := running(t, e, spec("web", false))
		if err := e.KillContainer(t.Context(), id, "SIGTERM"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := execute.Settle(t.Context(), e, "p", begun); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > 15*time.Second || took < 10*time.Second {
			t.Errorf("waited until %s", took)
		}
	})
}

// lagging is an engine that counts a container as running for some time after
// the event of its end.
type lagging struct {
	*enginetest.Engine
	looks *int
}

func (e lagging) InspectContainer(ctx context.Context, id string) (engine.ContainerDetail, error) {
	detail, err := e.Engine.InspectContainer(ctx, id)
	if *e.looks++; *e.looks < 4 {
		detail.State = engine.Running
	}
	return detail, err
}

func TestAContainerHasNotEndedBeforeTheEngineCountsItAsEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		begun := time.Now()
		if err := e.KillContainer(t.Context(), running(t, e, spec("web", false)), "SIGKILL"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		looks := 0
		if err := execute.Settle(t.Context(), lagging{e, &looks}, "p", begun); err != nil || looks != 4 {
			t.Errorf("%d looks, %v; want 4", looks, err)
		}
	})
}
