package execute

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/graph"
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
	what := "update"
	if e.Rollback {
		what = "rollback"
	}
	return fmt.Sprintf("service %s: the %s %s, %d of %d new containers are not good: %s",
		e.Service, what, word, e.Failed, e.Total, joined(e.Causes))
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
	if _, starts := n.Op.(plan.Start); starts {
		r.watch.startFailed(r.resolve(ref))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counted[ref.Name] == nil {
		r.counted[ref.Name] = err
	}
}

// checkUpdate waits until the new containers of a step are good, each for itself,
// and decides whether the update goes on. In the end all are looked at once more:
// the first may have turned bad while the last was waited for.
func (r *run) checkUpdate(op plan.Wait) error {
	waits, errs := make([]*waiting, len(op.Containers)), make([]error, len(op.Containers))
	for i, ref := range op.Containers {
		if errs[i] = r.countedOf(ref.Name); errs[i] == nil {
			one := op
			one.Containers, one.Quiet = []plan.Ref{ref}, r.wasGood(ref.Name)
			waits[i] = r.waitingFor(one)
		}
	}
	for range 2 {
		var g sync.WaitGroup
		for i, w := range waits {
			if errs[i] == nil {
				g.Go(func() { errs[i] = w.until(r.checkCtx) })
			}
		}
		g.Wait()
	}
	found := map[string]error{}
	for i, err := range errs {
		name := op.Containers[i].Name
		var wait *WaitError
		switch {
		case err == nil:
			r.markGood(name)
		case errors.Is(err, engine.ErrUnreachable):
			return err
		case errors.As(err, &wait), r.countedOf(name) != nil:
			found[name] = err
		default:
			return err // an interruption: nothing that the update is to blame for
		}
	}
	return r.judgeUpdate(op, found)
}

// countedOf is the failure that counts against the update of a container.
func (r *run) countedOf(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counted[name]
}

// wasGood tells whether a check has found a container good before.
func (r *run) wasGood(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.good[name]
}

func (r *run) markGood(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.good[name] = true
}

// judgeUpdate counts the containers that are not good, each once.
func (r *run) judgeUpdate(op plan.Wait, found map[string]error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	bad := r.bad[op.Service]
	if bad == nil {
		bad = map[string]error{}
		r.bad[op.Service] = bad
	}
	known := len(bad)
	maps.Copy(bad, found)
	if len(bad) == known {
		return nil
	}
	e := &UpdateError{
		Service: op.Service, Action: op.Update.Action, Failed: len(bad), Total: op.Update.Total, Rollback: op.Update.Rollback,
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		e.Causes = append(e.Causes, bad[name])
	}
	switch {
	case float32(e.Failed) <= op.Update.MaxFailureRatio*float32(e.Total):
		r.tolerated(e, op.Update.MaxFailureRatio)
		return nil
	case e.Action == plan.ActionContinue:
		r.continued[op.Service] = e
		return nil
	case e.Action == plan.ActionRollback:
		r.rollback[op.Service] = true
	}
	return e
}

// tolerated tells of failures that do not end an update.
func (r *run) tolerated(e *UpdateError, ratio float32) {
	r.opt.Sink.Emit(event.Event{
		Version: event.Version, Time: r.now(), Kind: event.KindWarning, Project: r.p.Project, Service: e.Service,
		Text: fmt.Sprintf("service %s: %d of %d new containers are not good (%s); the update goes on, as max_failure_ratio is %g",
			e.Service, e.Failed, e.Total, joined(e.Causes), ratio),
	})
}

func joined(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// delay waits between two steps of an update.
func (r *run) delay(op plan.Delay) error {
	timer := time.NewTimer(op.For)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.waitCtx.Done():
	}
	switch cause := context.Cause(r.waitCtx); {
	case errors.Is(cause, errWaitGivenUp):
		return errWaitGivenUp
	case errors.Is(cause, errWaitTimeout):
		return fmt.Errorf("the update is not done after %s", r.opt.WaitTimeout)
	}
	return r.waitCtx.Err()
}

// halfway tells of the services that the run leaves with old and new containers.
func (r *run) halfway(nodes []*plan.Node, d done) {
	total, updated := map[string]int{}, map[string]int{}
	for _, n := range nodes {
		if op, ok := n.Op.(plan.Remove); ok && op.Replacing && op.Retired != "" {
			total[n.Service]++
			if d.names[op.Retired] {
				updated[n.Service]++
			}
		}
	}
	for _, service := range slices.Sorted(maps.Keys(total)) {
		if n := updated[service]; n > 0 && n < total[service] && !r.rollback[service] {
			r.warn(service, fmt.Sprintf("service %s: %d of %d containers are updated, the others are as before", service, n, total[service]))
		}
	}
}

// renewed are the services of which a container has been replaced.
func (r *run) renewed(outcomes map[string]graph.Outcome) map[string]bool {
	out := map[string]bool{}
	for id, o := range outcomes {
		n := r.p.Graph().Value(id)
		if op, ok := n.Op.(plan.Rename); ok && op.Replacing && !op.Retiring && o.State == graph.Done {
			out[n.Service] = true
		}
	}
	return out
}
