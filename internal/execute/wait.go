package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
)

const (
	// crashLimit is how many exits since its start make a container that its
	// restart policy keeps starting again a crash loop.
	crashLimit = 5
	// settleHealthy and settleRunning are how long a container must stay healthy,
	// or running where it has no health check, before Ready holds.
	settleHealthy = 3 * time.Second
	settleRunning = 3 * time.Second
	// idlePause is after how long a container that is not about to be started
	// again, though it has a restart policy, is asked about once more.
	idlePause = 500 * time.Millisecond
	// steadyRun is how long a container must have run for the engine to begin its
	// pauses between restarts anew; one that ran for less is in a loop.
	steadyRun = 10 * time.Second
)

var (
	errWaitTimeout = errors.New("timed out")
	// errWaitGivenUp ends waits that a failure elsewhere has made pointless.
	errWaitGivenUp = errors.New("given up because of another failure")
)

// judgement is how a container stands towards a condition.
type judgement int

const (
	pending judgement = iota
	met
	failed
)

// waiting is the state of one Wait node.
type waiting struct {
	r      *run
	op     plan.Wait
	ids    []string
	probed []bool // the container has a health check
	exits  []exit
	told   []bool
	// prepared says that probed is known of all.
	prepared bool
	// over says that the time is up: a state that has not lasted long yet counts.
	over bool
}

// wait carries out a Wait.
func (r *run) wait(op plan.Wait) error {
	ctx := r.waitCtx
	if op.Condition == plan.Ready && r.opt.BeforeReady != nil {
		r.opt.BeforeReady()
	}
	n := len(op.Containers)
	w := &waiting{
		r: r, op: op, ids: make([]string, n), probed: make([]bool, n),
		exits: make([]exit, n), told: make([]bool, n),
	}
	for i, ref := range op.Containers {
		w.ids[i] = r.resolve(ref)
		if !op.Quiet {
			r.tell(ref, event.Waiting, event.Working, nil)
		}
	}
	if err := r.watch.opened(ctx); err != nil {
		return w.ended(ctx, err)
	}
	if err := w.prepare(ctx); err != nil {
		return w.ended(ctx, err)
	}
	for {
		if err := w.once(ctx); !errors.Is(err, errGoOn) {
			return err
		}
	}
}

var errGoOn = errors.New("go on")

// once looks at all containers and returns when the condition is met or cannot
// be met any more; otherwise it sleeps until something has changed.
func (w *waiting) once(ctx context.Context) error {
	lives, changed, err := w.r.watch.look(w.ids)
	if err != nil {
		return err
	}
	all, wake := true, heartbeat
	for i := range lives {
		j, reason, recheck, err := w.judge(ctx, i, lives[i])
		if err != nil {
			return w.ended(ctx, err)
		}
		switch j {
		case failed:
			return w.failure(ctx, i, lives[i], reason)
		case met:
			w.tellMet(i, lives[i])
		default:
			all = false
			if recheck > 0 {
				wake = min(wake, recheck)
			}
		}
	}
	if all {
		return nil
	}
	timer := time.NewTimer(wake)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
		if wake == heartbeat {
			if err := w.r.watch.beat(ctx); err != nil {
				return w.ended(ctx, err)
			}
		}
	case <-ctx.Done():
		return w.ended(ctx, ctx.Err())
	}
	return errGoOn
}

// prepare finds out which containers are still unknown to the event stream and
// which have a health check, with as few requests as that takes.
func (w *waiting) prepare(ctx context.Context) error {
	lives, _, err := w.r.watch.look(w.ids)
	if err != nil {
		return err
	}
	for i := range lives {
		if !lives[i].known && lives[i].wanted == 0 {
			if err := w.r.watch.sync(ctx); err != nil {
				return err
			}
			break
		}
	}
	for i, ref := range w.op.Containers {
		w.probed[i] = w.op.Checked[ref.Service]
		if w.probed[i] || w.op.Condition == plan.Completed {
			continue
		}
		detail, err := w.r.e.InspectContainer(ctx, w.ids[i])
		if err != nil {
			return err
		}
		w.probed[i] = detail.HasHealth
	}
	w.prepared = true
	return nil
}

// judge says how one container stands. recheck, when set, is when time alone may
// change that.
func (w *waiting) judge(ctx context.Context, i int, l life) (judgement, string, time.Duration, error) {
	switch {
	case l.gone:
		return failed, "was removed", 0, nil
	case !l.settled():
		return pending, "", 0, nil
	case l.deaths > 0 && w.op.Update != nil:
		return w.judgeEnd(ctx, i, l)
	case l.exited:
		return w.judgeExit(ctx, i, l)
	case l.deaths >= crashLimit && w.op.Condition != plan.Healthy:
		return failed, fmt.Sprintf("keeps restarting, last exited (%d)", l.code), 0, nil
	case w.op.Condition == plan.Completed:
		return pending, "", 0, nil
	case w.probed[i]:
		return w.judgeHealth(l)
	case w.op.Condition == plan.Healthy:
		return failed, "has no healthcheck configured", 0, nil
	case !l.running:
		return pending, "", 0, nil
	}
	j, recheck := w.settle(l, w.lasting(settleRunning))
	return j, "", recheck, nil
}

// lasting is how long a state must last: what an update asks for, or d.
func (w *waiting) lasting(d time.Duration) time.Duration {
	if w.op.Update != nil {
		return w.op.Update.Monitor
	}
	return d
}

// judgeEnd judges a new container of an update that has ended: good is only a
// one-shot that has ended well.
func (w *waiting) judgeEnd(ctx context.Context, i int, l life) (judgement, string, time.Duration, error) {
	if err := w.ask(ctx, i, l); err != nil {
		return pending, "", 0, err
	}
	switch {
	case l.exited && l.code == 0 && !w.exits[i].restarts(0):
		return met, "", 0, nil
	case l.exited:
		return failed, fmt.Sprintf("exited (%d)", l.code), 0, nil
	}
	return failed, fmt.Sprintf("exited (%d) and was restarted", l.code), 0, nil
}

func (w *waiting) judgeHealth(l life) (judgement, string, time.Duration, error) {
	switch l.health {
	case engine.Unhealthy:
		return failed, "is unhealthy", 0, nil
	case engine.Healthy:
		if w.op.Condition == plan.Healthy {
			return met, "", 0, nil
		}
		j, recheck := w.settle(l, w.lasting(settleHealthy))
		return j, "", recheck, nil
	}
	return pending, "", 0, nil
}

// settle asks that a state has lasted for a while; when the time of waiting is
// up, that there has been no other.
func (w *waiting) settle(l life, d time.Duration) (judgement, time.Duration) {
	if l.since.IsZero() || w.over && l.deaths == 0 {
		return met, 0
	}
	if left := d - w.r.now().Sub(l.since); left > 0 {
		return pending, left
	}
	return met, 0
}

// exit is what the engine has been asked about a container that does not run.
type exit struct {
	asked  time.Time // zero: never
	policy string    // its restart policy
	loops  int       // the restarts the engine counts of one that does not run for long
	deaths int       // the exits that had been seen
	// idle says that it was not about to be started again; final, that it still
	// was not a moment later.
	idle, final bool
}

// restarts tells whether a restart policy answers an exit with the code.
func (e exit) restarts(code int) bool {
	return e.policy == "always" || e.policy == "unless-stopped" || e.policy == "on-failure" && code != 0
}

// ask finds out once what a container's restart policy is and, where that
// answers its exits, at each exit whether the engine follows it: a policy may
// have a limit, and does nothing for what somebody has stopped.
func (w *waiting) ask(ctx context.Context, i int, l life) error {
	e := &w.exits[i]
	again := e.restarts(l.code) && (e.deaths != l.deaths || e.idle && w.r.now().Sub(e.asked) >= idlePause)
	if !e.asked.IsZero() && !again {
		return nil
	}
	detail, err := w.r.e.InspectContainer(ctx, w.ids[i])
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	idle := err == nil && detail.State == engine.Exited
	e.final = idle && e.idle && e.deaths == l.deaths
	e.asked, e.policy, e.deaths, e.idle = w.r.now(), detail.RestartPolicy, l.deaths, idle
	if detail.FinishedAt.Sub(detail.StartedAt) < steadyRun {
		e.loops = detail.RestartCount
	}
	return nil
}

// judgeExit tells a finished one-shot from a failure and from a container that
// its restart policy will start again.
func (w *waiting) judgeExit(ctx context.Context, i int, l life) (judgement, string, time.Duration, error) {
	if err := w.ask(ctx, i, l); err != nil {
		return pending, "", 0, err
	}
	e := w.exits[i]
	switch restarts := e.restarts(l.code); {
	case restarts && max(l.deaths, e.loops) >= crashLimit:
		return failed, fmt.Sprintf("keeps restarting, last exited (%d)", l.code), 0, nil
	case restarts && e.idle && !e.final:
		return pending, "", idlePause, nil
	case restarts && !e.final:
		return pending, "", 0, nil
	case l.code == 0 && w.op.Condition != plan.Healthy:
		return met, "", 0, nil
	case w.op.Condition == plan.Completed && !w.op.OneOff:
		return failed, fmt.Sprintf(incomplete+"exit %d", l.code), 0, nil
	}
	return failed, fmt.Sprintf("exited (%d)", l.code), 0, nil
}

func (w *waiting) tellMet(i int, l life) {
	if w.told[i] || w.op.Quiet {
		return
	}
	w.told[i] = true
	ref := w.op.Containers[i]
	switch {
	case l.exited:
		w.r.tell(ref, event.Exited, event.Done, &l.code)
	case w.probed[i]:
		w.r.tell(ref, event.Healthy, event.Done, nil)
	default:
		w.r.tell(ref, event.Running, event.Done, nil)
	}
}
