package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/pkg/event"
)

// updating is a service of three replicas on an engine in memory, in time of its
// own. The containers of image sick never become healthy, those of image dead end
// at once.
type updating struct {
	*testing.T
	e   *enginetest.Engine
	dir string
}

func inUpdate(t *testing.T, test func(u *updating)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.New(enginetest.WithImage("good", "better", "sick", "dead", "refused"))
		defer e.Close()
		e.SetScript("sick", enginetest.Script{Health: enginetest.HealthScript{Probe: func(int) (int, string) { return 1, "no" }}})
		e.SetScript("dead", enginetest.ExitAfter(time.Second, 3))
		e.SetScript("refused", enginetest.Script{StartError: "exec: not found"})
		test(&updating{T: t, e: e, dir: t.TempDir()})
	})
}

func (u *updating) app(image, config string) *app.App {
	return newApp(u.T, u.e, u.dir, fmt.Sprintf(`name: p
services:
  web:
    image: %s
    healthcheck: {test: [CMD, ok], interval: 1s, retries: 2}
    deploy: {%s}
`, image, replicated(config)))
}

func (u *updating) up(image, config string) error {
	u.Helper()
	_, err := u.app(image, config).Up(u.Context(), app.UpRequest{})
	return err
}

// begin brings the service up with the good image.
func (u *updating) begin(config string) map[string]string {
	u.Helper()
	if err := u.up("good", config); err != nil {
		u.Fatal(err)
	}
	return u.ids()
}

// ids are the containers by name.
func (u *updating) ids() map[string]string {
	u.Helper()
	list, err := u.e.Containers(context.Background(), engine.ContainerFilter{})
	if err != nil {
		u.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range list {
		out[c.Name] = c.ID
		if c.State != engine.Running && c.State != engine.Exited {
			u.Errorf("%s is %s", c.Name, c.State)
		}
	}
	return out
}

// images are those of the containers, by name.
func (u *updating) images() string {
	u.Helper()
	list, err := u.e.Containers(context.Background(), engine.ContainerFilter{})
	if err != nil {
		u.Fatal(err)
	}
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s=%s %s", strings.TrimPrefix(c.Name, "p-"), strings.TrimSuffix(c.Image, ":latest"), c.State))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestAFailedUpdateIsTakenBackToTheVeryContainersFromBefore(t *testing.T) {
	for _, order := range []string{"stop-first", "start-first"} {
		for _, image := range []string{"sick", "dead", "refused"} {
			for _, parallelism := range []int{0, 1, 2} {
				inUpdate(t, func(u *updating) {
					config := fmt.Sprintf("update_config: {failure_action: rollback, order: %s, parallelism: %d}, rollback_config: {order: %[1]s}", order, parallelism)
					before := u.begin(config)
					err := u.up(image, config)
					end := "the containers from before the update run again"
					if order == "start-first" {
						end = "no container from before the update has been stopped"
					}
					if err == nil || !strings.Contains(err.Error(), "service web: the update failed") || !strings.HasSuffix(err.Error(), end) {
						t.Errorf("%s %s: error is %v", order, image, err)
					}
					if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
						t.Errorf("%s %s %d: containers are %v, were %v", order, image, parallelism, now, before)
					}
					if got := u.images(); strings.Count(got, "good running") != 3 {
						t.Errorf("%s %s: %s", order, image, got)
					}
				})
			}
		}
	}
}

func TestAnUpdateThatFailsLateIsTakenBackFromItsBeginning(t *testing.T) {
	inUpdate(t, func(u *updating) {
		const config = "update_config: {failure_action: rollback, monitor: 10s, delay: 30s}, rollback_config: {parallelism: 0}"
		before := u.begin(config)
		begin := time.Now()
		time.AfterFunc(50*time.Second, func() { u.e.SetScript("better", enginetest.ExitAfter(0, 1)) })
		err := u.up("better", config)
		if err == nil || !strings.Contains(err.Error(), "1 of 3 new containers") {
			t.Errorf("error is %v", err)
		}
		if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("containers are %v, were %v", now, before)
		}
		if took := time.Since(begin); took < 80*time.Second {
			t.Errorf("took %s: two steps and two delays must have gone before", took)
		}
	})
}

func TestAPausedUpdateLeavesTheOthersAloneAndTheNextUpGoesOn(t *testing.T) {
	inUpdate(t, func(u *updating) {
		u.begin("update_config: {}")
		err := u.up("sick", "update_config: {}")
		if err == nil || !strings.Contains(err.Error(), "the update is paused, 1 of 3 new containers are not good: container p-web-1 is unhealthy") {
			t.Errorf("error is %v", err)
		}
		if got, want := u.images(), "web-1=sick running, web-2=good running, web-3=good running"; got != want {
			t.Errorf("containers: %s, want %s", got, want)
		}
		if err := u.up("better", "update_config: {}"); err != nil {
			t.Error(err)
		}
		if got, want := u.images(), "web-1=better running, web-2=better running, web-3=better running"; got != want {
			t.Errorf("containers: %s, want %s", got, want)
		}
	})
}

func TestAnUpdateGoesOnUpToTheToleratedRatio(t *testing.T) {
	for _, c := range []struct {
		config string
		fails  string
		sick   int
	}{
		{"update_config: {max_failure_ratio: 1}", "", 3},
		{"update_config: {max_failure_ratio: 0.5}", "2 of 3", 2},
		{"update_config: {failure_action: continue}", "3 of 3", 3},
	} {
		inUpdate(t, func(u *updating) {
			u.begin(c.config)
			err := u.up("sick", c.config)
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: error is %v", c.config, err)
			}
			if got := strings.Count(u.images(), "sick running"); got != c.sick {
				t.Errorf("%s: %s", c.config, u.images())
			}
		})
	}
}

// atLeast watches how many containers of the service run and are healthy, once
// it has been brought up, until the test ends.
func (u *updating) atLeast(least int) (stop func()) {
	done := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			list, err := u.e.Containers(context.Background(), engine.ContainerFilter{})
			if err != nil {
				u.Error(err)
				return
			}
			n := 0
			for _, c := range list {
				if c.State == engine.Running && c.Health == engine.Healthy {
					n++
				}
			}
			if n < least {
				u.Errorf("only %d containers run and are healthy", n)
				return
			}
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() { close(done); <-gone }
}

func TestAnUpdateThatStartsFirstNeverHasFewerGoodContainers(t *testing.T) {
	for _, image := range []string{"better", "sick"} {
		inUpdate(t, func(u *updating) {
			const config = "update_config: {order: start-first, failure_action: rollback}"
			u.begin(config)
			time.Sleep(10 * time.Second)
			stop := u.atLeast(3)
			err := u.up(image, config)
			stop()
			if (err == nil) != (image == "better") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestAnUpdateThatStopsFirstStopsNoMoreThanItsParallelism(t *testing.T) {
	inUpdate(t, func(u *updating) {
		const config = "update_config: {parallelism: 2, monitor: 1s}"
		u.begin(config)
		time.Sleep(10 * time.Second)
		stop := u.atLeast(1)
		err := u.up("better", config)
		stop()
		if err != nil {
			t.Error(err)
		}
	})
}

func TestAnInterruptedUpdateLeavesNothingButWholeReplicas(t *testing.T) {
	for _, after := range []time.Duration{500 * time.Millisecond, 3 * time.Second, 8 * time.Second, 12 * time.Second} {
		inUpdate(t, func(u *updating) {
			const config = "update_config: {failure_action: rollback}"
			u.begin(config)
			ctx, cancel := context.WithCancel(u.Context())
			time.AfterFunc(after, cancel)
			if _, err := u.app("better", config).Up(ctx, app.UpRequest{}); err == nil {
				t.Error("an interruption is no success")
			}
			got := u.images()
			if strings.Count(got, "running") != 3 || strings.Contains(got, "_") {
				t.Errorf("after %s: %s", after, got)
			}
		})
	}
}

func TestAContainerThatEndsOnceWhileItIsWatchedIsNotGood(t *testing.T) {
	inUpdate(t, func(u *updating) {
		u.e.SetScript("better", enginetest.Script{Exits: []enginetest.Exit{{After: time.Second, Code: 3}, {Never: true}}})
		const config = "restart_policy: {condition: any}, update_config: {monitor: 10s}"
		u.begin(config)
		err := u.up("better", config)
		if err == nil || !strings.Contains(err.Error(), "container p-web-1 exited (3)") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestAnUpdateAsksSixTimesForEachReplica(t *testing.T) {
	for _, replicas := range []int{3, 10} {
		inUpdate(t, func(u *updating) {
			config := fmt.Sprintf("replicas: %d, update_config: {parallelism: 2, order: start-first, monitor: 1s}", replicas)
			u.begin(config)
			u.e.ResetCalls()
			if err := u.up("better", config); err != nil {
				t.Fatal(err)
			}
			asked := map[string]int{}
			for _, c := range u.e.Calls() {
				asked[c.Method]++
			}
			if got, most := len(u.e.Calls()), 6*replicas+5; got > most {
				t.Errorf("%d replicas took %d requests, want at most %d: %v", replicas, got, most, asked)
			}
		})
	}
}

// replicated adds three replicas to a deploy section that says nothing of them.
func replicated(config string) string {
	if strings.HasPrefix(config, "replicas:") {
		return config
	}
	return "replicas: 3, " + config
}

// pairOf is a project of two services that are updated, each with its image.
func pairOf(one, other, more string) string {
	service := func(name, image string) string {
		return fmt.Sprintf("  %s:\n    image: %s\n    healthcheck: {test: [CMD, ok], interval: 1s, retries: 2}\n%s", name, image, more)
	}
	return "name: p\nservices:\n" + service("one", one) + service("other", other)
}

func TestTheFailureOfOneUpdateLeavesNoStepOfAnotherUnjudged(t *testing.T) {
	const config = "    deploy: {replicas: 3, update_config: {failure_action: rollback}}\n"
	inUpdate(t, func(u *updating) {
		if _, err := newApp(u.T, u.e, u.dir, pairOf("good", "good", config)).Up(u.Context(), app.UpRequest{}); err != nil {
			t.Fatal(err)
		}
		before := u.ids()
		// dead fails after a second, sick after two.
		_, err := newApp(u.T, u.e, u.dir, pairOf("dead", "sick", config)).Up(u.Context(), app.UpRequest{})
		if err == nil || !strings.Contains(err.Error(), "service one: the update failed") || !strings.Contains(err.Error(), "service other: the update failed") {
			t.Errorf("error is %v", err)
		}
		if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("containers are %v, were %v", now, before)
		}
	})
	inUpdate(t, func(u *updating) {
		if _, err := newApp(u.T, u.e, u.dir, pairOf("good", "good", config)).Up(u.Context(), app.UpRequest{}); err != nil {
			t.Fatal(err)
		}
		told := &event.Recorder{}
		newApp(u.T, u.e, u.dir, pairOf("dead", "better", config))
		a := app.New(app.Options{Engine: func() (app.Engine, error) { return u.e, nil }, WorkDir: u.dir, Version: "test", Sink: told})
		if _, err := a.Up(u.Context(), app.UpRequest{}); err == nil {
			t.Error("no error")
		}
		if got := u.images(); strings.Count(got, "one-1=good running, one-2=good running, one-3=good running") != 1 || strings.Count(got, "=better running") != 1 {
			t.Errorf("containers are %s", got)
		}
		var text string
		for _, ev := range told.Events() {
			text += ev.Text + "\n"
		}
		if !strings.Contains(text, "service other: 1 of 3 containers are updated, the others are as before") {
			t.Errorf("told: %s", text)
		}
	})
}

func TestTheEndOfTheTimeToWaitIsTheEndOfAnUpdateThatIsNotProven(t *testing.T) {
	inUpdate(t, func(u *updating) {
		const config = "update_config: {failure_action: rollback, monitor: 30s}"
		before := u.begin(config)
		_, err := u.app("better", config).Up(u.Context(), app.UpRequest{Wait: true, WaitTimeout: 10 * time.Second})
		if err == nil || !strings.Contains(err.Error(), "p-web-1 is not good after 10s") {
			t.Errorf("error is %v", err)
		}
		if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("containers are %v, were %v", now, before)
		}
	})
	inUpdate(t, func(u *updating) {
		const config = "update_config: {delay: 1m, monitor: 1s}"
		u.begin(config)
		_, err := u.app("better", config).Up(u.Context(), app.UpRequest{Wait: true, WaitTimeout: 10 * time.Second})
		if err == nil || !strings.Contains(err.Error(), "the update is not done after 10s") {
			t.Errorf("error is %v", err)
		}
		if got := strings.Count(u.images(), "better"); got != 1 {
			t.Errorf("containers are %s", u.images())
		}
	})
}

func TestAnUpdateThatIsTriedAgainReplacesNoFurtherGoodContainer(t *testing.T) {
	inUpdate(t, func(u *updating) {
		u.begin("update_config: {}")
		for range 3 {
			if err := u.up("sick", "update_config: {}"); err == nil || !strings.Contains(err.Error(), "container p-web-1 is unhealthy") {
				t.Errorf("error is %v", err)
			}
			if got, want := u.images(), "web-1=sick running, web-2=good running, web-3=good running"; got != want {
				t.Fatalf("containers: %s, want %s", got, want)
			}
		}
	})
}

func TestAFailingHookIsAFailureOfTheUpdate(t *testing.T) {
	inUpdate(t, func(u *updating) {
		const config = "update_config: {failure_action: rollback}"
		before := u.begin(config)
		a := newApp(u.T, u.e, u.dir, "name: p\nservices:\n  web:\n    image: better\n    post_start: [{command: [\"false\"]}]\n    deploy: {replicas: 3, "+config+"}\n")
		if _, err := a.Up(u.Context(), app.UpRequest{}); err == nil || !strings.Contains(err.Error(), "post_start hook 1 (false)") {
			t.Errorf("error is %v", err)
		}
		if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("containers are %v, were %v", now, before)
		}
	})
}

func TestWhatTurnsBadAfterItsStepIsSeenBeforeTheOldOnesGo(t *testing.T) {
	inUpdate(t, func(u *updating) {
		u.e.SetScript("better", enginetest.Script{Health: enginetest.HealthScript{Turns: []enginetest.HealthTurn{
			{After: time.Second, State: engine.Healthy}, {After: 12 * time.Second, State: engine.Unhealthy},
		}}})
		const config = "update_config: {failure_action: rollback}"
		before := u.begin(config)
		if err := u.up("better", config); err == nil || !strings.Contains(err.Error(), "p-web-1 is unhealthy") {
			t.Errorf("error is %v", err)
		}
		if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("containers are %v, were %v", now, before)
		}
	})
}

func TestAnUpdateThatWasKilledIsCheckedBeforeTheOldContainersGo(t *testing.T) {
	inUpdate(t, func(u *updating) {
		const config = "parallelism: 0, failure_action: rollback"
		before := u.begin("update_config: {" + config + "}")
		killed := errors.New("killed")
		begun := 0
		u.e.FailOn(func(c enginetest.Call) error {
			if c.Method == "StartContainer" {
				begun++
			}
			if begun >= 3 && c.Method != "StartContainer" {
				return killed // from the last start on, nothing reaches the engine
			}
			return nil
		})
		if err := u.up("sick", "update_config: {"+config+"}"); err == nil {
			t.Error("no error")
		}
		u.e.FailOn(nil)
		if got := u.images(); strings.Count(got, "sick running") != 3 || strings.Count(got, "good exited") != 3 {
			t.Fatalf("the kill left %s", got)
		}
		if err := u.up("sick", "update_config: {"+config+"}"); err == nil || !strings.Contains(err.Error(), "run again") {
			t.Errorf("error is %v", err)
		}
		if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("containers are %v, were %v", now, before)
		}
	})
}

func TestWhatGoesWithAServiceIsRestartedWhenItsUpdateIsTakenBack(t *testing.T) {
	files := func(image string) string {
		return fmt.Sprintf(`name: p
services:
  base:
    image: %s
    healthcheck: {test: [CMD, ok], interval: 1s, retries: 2}
    deploy: {update_config: {failure_action: rollback}}
  side: {image: good, network_mode: "service:base"}
  after: {image: good, depends_on: {base: {condition: service_started, restart: true}}}
  apart: {image: good}
`, image)
	}
	inUpdate(t, func(u *updating) {
		if _, err := newApp(u.T, u.e, u.dir, files("good")).Up(u.Context(), app.UpRequest{}); err != nil {
			t.Fatal(err)
		}
		before := u.ids()
		u.e.ResetCalls()
		if _, err := newApp(u.T, u.e, u.dir, files("sick")).Up(u.Context(), app.UpRequest{}); err == nil || !strings.Contains(err.Error(), "run again") {
			t.Errorf("error is %v", err)
		}
		if now := u.ids(); fmt.Sprint(now) != fmt.Sprint(before) {
			t.Errorf("containers are %v, were %v", now, before)
		}
		var restarted []string
		for _, c := range u.e.Calls() {
			if c.Method == "RestartContainer" {
				restarted = append(restarted, c.Args[0])
			}
		}
		slices.Sort(restarted)
		want := []string{before["p-side-1"], before["p-after-1"]}
		slices.Sort(want)
		if !slices.Equal(restarted, want) {
			t.Errorf("restarted are %v, want %v", restarted, want)
		}
	})
}
