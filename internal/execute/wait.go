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

// opinion is what is held of a container; the empty one is that it is pending.
type opinion struct {
	judgement judgement
	reason    string        // of a failure
	recheck   time.Duration // when time alone may change it; 0 if it cannot
}

// bad is the opinion of a container that cannot meet the condition any more.
func bad(reason string) opinion { return opinion{judgement: failed, reason: reason} }

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
	if op.Condition == plan.Ready && r.opt.BeforeReady != nil {
		r.opt.BeforeReady()
	}
	return r.waitingFor(op).until(r.waitCtx)
}

// waitingFor begins a Wait.
func (r *run) waitingFor(op plan.Wait) *waiting {
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
	return w
}

// until waits until the condition is met or cannot be met any more.
func (w *waiting) until(ctx context.Context) error {
	if err := w.r.watch.opened(ctx); err != nil {
		return w.ended(ctx, err)
	}
	if !w.prepared {
		if err := w.prepare(ctx); err != nil {
			return w.ended(ctx, err)
		}
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
		o, err := w.judge(ctx, i, lives[i])
		if err != nil {
			return w.ended(ctx, err)
		}
		switch o.judgement {
		case failed:
			return w.failure(ctx, i, lives[i], o.reason)
		case met:
			w.tellMet(i, lives[i])
		default:
			all = false
			if o.recheck > 0 {
				wake = min(wake, o.recheck)
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

// judge says how one container stands.
func (w *waiting) judge(ctx context.Context, i int, l life) (opinion, error) {
	switch {
	case l.gone:
		return bad("was removed"), nil
	case !l.settled():
		return opinion{}, nil
	case l.deaths > 0 && w.op.Update != nil:
		return w.judgeEnd(ctx, i, l)
	case l.exited:
		return w.judgeExit(ctx, i, l)
	case l.deaths >= crashLimit && w.op.Condition != plan.Healthy:
		return bad(fmt.Sprintf("keeps restarting, last exited (%d)", l.code)), nil
	case w.op.Condition == plan.Completed:
		return opinion{}, nil
	case w.probed[i]:
		return w.judgeHealth(l), nil
	case w.op.Condition == plan.Healthy:
		return bad("has no healthcheck configured"), nil
	case !l.running:
		return opinion{}, nil
	}
	return w.settle(l, w.lasting(settleRunning)), nil
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
func (w *waiting) judgeEnd(ctx context.Context, i int, l life) (opinion, error) {
	if err := w.ask(ctx, i, l); err != nil {
		return opinion{}, err
	}
	switch {
	case l.exited && l.code == 0 && !w.exits[i].restarts(0):
		return opinion{judgement: met}, nil
	case l.exited:
		return bad(fmt.Sprintf("exited (%d)", l.code)), nil
	}
	return bad(fmt.Sprintf("exited (%d) and was restarted", l.code)), nil
}

func (w *waiting) judgeHealth(l life) opinion {
	switch l.health {
	case engine.Unhealthy:
		return bad("is unhealthy")
	case engine.Healthy:
		if w.op.Condition == plan.Healthy {
			return opinion{judgement: met}
		}
		return w.settle(l, w.lasting(settleHealthy))
	}
	return opinion{}
}

// settle asks that a state has lasted for a while; when the time of waiting is
// up, that there has been no other.
func (w *waiting) settle(l life, d time.Duration) opinion {
	if l.since.IsZero() || w.over && l.deaths == 0 {
		return opinion{judgement: met}
	}
	if left := d - w.r.now().Sub(l.since); left > 0 {
		return opinion{recheck: left}
	}
	return opinion{judgement: met}
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
func (w *waiting) judgeExit(ctx context.Context, i int, l life) (opinion, error) {
	if err := w.ask(ctx, i, l); err != nil {
		return opinion{}, err
	}
	e := w.exits[i]
	switch restarts := e.restarts(l.code); {
	case restarts && max(l.deaths, e.loops) >= crashLimit:
		return bad(fmt.Sprintf("keeps restarting, last exited (%d)", l.code)), nil
	case restarts && e.idle && !e.final:
		return opinion{recheck: idlePause}, nil
	case restarts && !e.final:
		return opinion{}, nil
	case l.code == 0 && w.op.Condition != plan.Healthy:
		return opinion{judgement: met}, nil
	case w.op.Condition == plan.Completed && !w.op.OneOff:
		return bad(fmt.Sprintf(incomplete+"exit %d", l.code)), nil
	}
	return bad(fmt.Sprintf("exited (%d)", l.code)), nil
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
