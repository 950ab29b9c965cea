package execute

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/event"
)

const (
	// reportLimit bounds the gathering of a failure's details.
	reportLimit = 5 * time.Second
	// reportLines is how many log lines a failure shows.
	reportLines = "10"
)

// WaitError is a condition that was not met, with what is needed to see why.
type WaitError struct {
	Service   string
	Container string
	Reason    string // "is unhealthy", "exited (1)", ...
	// Dependency says that another service was waiting for this one.
	Dependency bool
	// Incomplete says that it was to exit with code 0 and did so with ExitCode.
	Incomplete bool
	ExitCode   int
	Probe      string   // the output of the last health probe
	ProbeCode  int      // its exit code
	Logs       []string // the last log lines
	Others     []*WaitError
}

// Error is one line that names the container and the reason, in the words that
// docker compose has for it.
func (e *WaitError) Error() string {
	s := fmt.Sprintf("container %s %s", e.Container, e.Reason)
	switch {
	case e.Incomplete:
		s = fmt.Sprintf("service %q %s (container %s exited (%d))", e.Service, e.Reason, e.Container, e.ExitCode)
	case e.Dependency:
		s = "dependency failed to start: " + s
	}
	for _, o := range e.Others {
		s += fmt.Sprintf("; container %s %s", o.Container, o.Reason)
	}
	return s
}

// incomplete begins the reason of a container that was to exit with code 0.
const incomplete = "didn't complete successfully: "

// failure makes the error of a container that does not meet the condition; for
// an optional dependency it is only a warning.
func (w *waiting) failure(ctx context.Context, i int, l life, reason string) error {
	ref := w.op.Containers[i]
	if w.op.Optional {
		w.r.warn(ref.Service, fmt.Sprintf("optional dependency %s: container %s %s", ref.Service, ref.Name, reason))
		return nil
	}
	e := w.report(ctx, i, l, reason)
	w.r.tell(ref, event.Error, event.Failed, nil)
	return e
}

// ended turns the end of the wait's context into what it means.
func (w *waiting) ended(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case errors.Is(cause, errWaitGivenUp):
		return errWaitGivenUp
	case !errors.Is(cause, errWaitTimeout):
		return ctx.Err()
	}
	return w.timedOut(ctx)
}

// timedOut names every container that is not ready. Those that are as they should
// be, only not for long, were denied nothing but time: they are ready, except for
// an update, which is done only when all of them have been seen to last.
func (w *waiting) timedOut(ended context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), reportLimit)
	defer cancel()
	w.over = w.op.Update == nil
	if !w.prepared {
		// What this cannot find out either is not ready.
		_ = w.prepare(ctx)
	}
	lives, _, err := w.r.watch.look(w.ids)
	if err != nil {
		return err
	}
	var first *WaitError
	for i := range lives {
		o, err := w.judge(ctx, i, lives[i])
		if err == nil && o.judgement == met && w.prepared {
			w.tellMet(i, lives[i])
			continue
		}
		reason := o.reason
		if err != nil || o.judgement != failed {
			reason = "is not " + string(w.op.Condition) + " after " + w.r.opt.WaitTimeout.String() + w.standing(i, lives[i])
		}
		e := w.report(ended, i, lives[i], reason)
		if first == nil {
			first = e
		} else {
			first.Others = append(first.Others, e)
		}
	}
	if first == nil {
		return nil
	}
	return first
}

func (w *waiting) standing(i int, l life) string {
	switch {
	case l.exited && w.exits[i].policy != "":
		return fmt.Sprintf(": it keeps restarting, last exited (%d)", l.code)
	case l.deaths > 0:
		return fmt.Sprintf(": it has exited %d times, last with (%d)", l.deaths, l.code)
	case l.running && w.probed[i]:
		return ": its health check has not passed"
	case l.running:
		return ": it is still running"
	}
	return ": it is not running"
}

// report gathers what shows why a container failed. What cannot be had is left
// out: the failure itself must reach the user.
func (w *waiting) report(ctx context.Context, i int, l life, reason string) *WaitError {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
	defer cancel()
	ref := w.op.Containers[i]
	e := &WaitError{Service: ref.Service, Container: ref.Name, Reason: reason, Dependency: w.op.Condition != plan.Ready && w.op.Update == nil && !w.op.OneOff}
	if strings.HasPrefix(reason, incomplete) {
		e.Incomplete, e.ExitCode = true, l.code
	}
	detail, err := w.r.e.InspectContainer(ctx, w.ids[i])
	if err != nil {
		return e
	}
	if n := len(detail.Probes); n > 0 {
		p := detail.Probes[n-1]
		e.Probe, e.ProbeCode = strings.TrimSpace(p.Output), p.ExitCode
		if e.Probe == "" {
			e.Probe = "(no output)"
		}
	}
	if detail.OOMKilled {
		e.Reason += ", killed because it was out of memory"
	}
	var buf bytes.Buffer
	if err := w.r.e.Logs(ctx, w.ids[i], engine.LogOptions{Tail: reportLines, TTY: detail.Tty}, &buf, &buf); err == nil {
		for _, line := range strings.Split(strings.TrimRight(buf.String(), "\n"), "\n") {
			if line != "" {
				e.Logs = append(e.Logs, strings.TrimRight(line, "\r"))
			}
		}
	}
	return e
}
