package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
)

// errUnanswered ends a request that the engine has not answered in time.
var errUnanswered = errors.New("the engine has not answered")

// stop stops a container; committing is a stop that nothing may cut off.
func (r *run) stop(ctx context.Context, committing bool, op plan.Stop) error {
	id := r.resolve(op.Container)
	return r.carried(ctx, committing, id, op.Timeout, func(ctx context.Context) error {
		return gone(r.e.StopContainer(ctx, id, engine.StopOptions{Timeout: op.Timeout}))
	})
}

func (r *run) restart(ctx context.Context, op plan.Restart) error {
	id := r.resolve(op.Container)
	r.watch.expectStart(id, true)
	return r.carried(ctx, false, id, op.Timeout, func(ctx context.Context) error {
		return r.e.RestartContainer(ctx, id, engine.StopOptions{Timeout: op.Timeout})
	})
}

// carried sends a request that takes as long as a container takes to end. An
// interruption does not cut it off: the engine would go on with it, behind the
// back of whatever comes next. Only a caller that takes the run back does, by
// ending the context without a cause, because it is about to kill the container.
func (r *run) carried(ctx context.Context, committing bool, id string, timeout *time.Duration, request func(context.Context) error) error {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	if !committing {
		defer context.AfterFunc(ctx, func() {
			if context.Cause(ctx) == context.Canceled { //nolint:errorlint // one that wraps it is a cause
				cancel(context.Canceled)
			}
		})()
	}
	defer r.limit(own, cancel, id, timeout)()
	err := request(own)
	if err != nil && errors.Is(context.Cause(own), errUnanswered) {
		return context.Cause(own)
	}
	return err
}

// limit ends a request that stops a container once it has had the time of any
// request and the grace period, which the engine is asked for if it is not
// known. A grace period without an end has no limit.
func (r *run) limit(ctx context.Context, cancel context.CancelCauseFunc, id string, timeout *time.Duration) (done func() bool) {
	if timeout != nil && *timeout < 0 {
		return func() bool { return true }
	}
	given := mutationLimit
	if timeout != nil {
		given += *timeout
	}
	return time.AfterFunc(given, func() {
		if timeout == nil {
			grace := r.grace(ctx, id)
			if grace < 0 {
				return
			}
			select {
			case <-time.After(grace):
			case <-ctx.Done():
			}
			given += grace
		}
		cancel(unanswered(given))
	}).Stop
}

func unanswered(after time.Duration) error {
	return fmt.Errorf("%w for %s", errUnanswered, after)
}

// grace is a container's own grace period, 0 if it has none or the engine does
// not say.
func (r *run) grace(ctx context.Context, id string) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	detail, err := r.e.InspectContainer(ctx, id)
	if err != nil || detail.StopTimeout == nil {
		return 0
	}
	return *detail.StopTimeout
}
