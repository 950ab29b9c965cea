package execute

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
)

// UpdateError is an update of a service under update_config or rollback_config
// that more new containers failed than max_failure_ratio allows.
type UpdateError struct {
	Service string
	// Action is the failure_action that follows: continue, pause or rollback.
	Action        string
	Failed, Total int
	// Rollback: the update is one that goes back.
	Rollback bool
	// Causes are why the containers are not good, *WaitError where they ran.
	Causes []error
}

// Error is one line: the service, what happens, and the containers.
func (e *UpdateError) Error() string {
	words := map[string]string{plan.ActionRollback: "failed", plan.ActionContinue: "went on"}
	word := words[e.Action]
	if word == "" {
		word = "is paused"
	}
	causes := make([]string, len(e.Causes))
	for i, cause := range e.Causes {
		causes[i] = cause.Error()
	}
	what := "update"
	if e.Rollback {
		what = "rollback"
	}
	return fmt.Sprintf("service %s: the %s %s, %d of %d new containers are not good: %s",
		e.Service, what, word, e.Failed, e.Total, strings.Join(causes, "; "))
}

// Hint says how to go on from a pause.
func (e *UpdateError) Hint() string {
	if e.Action != plan.ActionPause || e.Rollback {
		return ""
	}
	return "up goes on with the update, rollback " + e.Service + " takes back what it has done"
}

// Unwrap gives the causes.
func (e *UpdateError) Unwrap() []error { return e.Causes }

// count notes the first failure of a container against the update of its service.
func (r *run) count(n *plan.Node, err error) {
	ref, ok := containerOf(n.Op)
	if hook, is := n.Op.(plan.Hook); is {
		ref, ok = hook.Container, true
	}
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counted[ref.Name] == nil {
		r.counted[ref.Name] = err
	}
}

// checkUpdate waits until the new containers of a step are good, each for itself,
// and decides whether the update goes on.
func (r *run) checkUpdate(op plan.Wait) error {
	errs := make([]error, len(op.Containers))
	var g sync.WaitGroup
	for i, ref := range op.Containers {
		r.mu.Lock()
		errs[i] = r.counted[ref.Name]
		r.mu.Unlock()
		if errs[i] != nil {
			continue
		}
		g.Go(func() {
			one := op
			one.Containers = []plan.Ref{ref}
			errs[i] = r.wait(one)
		})
	}
	g.Wait()
	var causes []error
	for _, err := range errs {
		var wait *WaitError
		var refused *engine.Error
		switch {
		case err == nil:
		case errors.As(err, &wait), errors.As(err, &refused) && !errors.Is(err, engine.ErrUnreachable):
			causes = append(causes, err)
		default:
			return err // an interruption, or the engine: nothing that the update is to blame for
		}
	}
	return r.judgeUpdate(op, causes)
}

// judgeUpdate counts the failures of a step.
func (r *run) judgeUpdate(op plan.Wait, causes []error) error {
	if len(causes) == 0 {
		return nil
	}
	r.mu.Lock()
	r.updates[op.Service] += len(causes)
	e := &UpdateError{
		Service: op.Service, Action: op.Update.Action, Failed: r.updates[op.Service], Total: op.Update.Total,
		Rollback: op.Update.Rollback, Causes: causes,
	}
	r.mu.Unlock()
	if float64(e.Failed) <= op.Update.MaxFailureRatio*float64(e.Total) {
		for _, cause := range causes {
			r.warn(op.Service, fmt.Sprintf("service %s: %v; the update goes on, as max_failure_ratio is %g", op.Service, cause, op.Update.MaxFailureRatio))
		}
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Action {
	case plan.ActionContinue:
		r.continued = append(r.continued, e)
		return nil
	case plan.ActionRollback:
		r.rollback[op.Service] = true
	}
	return e
}

// delay waits between two steps of an update.
func (r *run) delay(op plan.Delay) error {
	timer := time.NewTimer(op.For)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.waitCtx.Done():
		return (&waiting{r: r}).ended(r.waitCtx, r.waitCtx.Err())
	}
}
