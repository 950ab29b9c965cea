package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
)

// takeBack restores the containers of services whose update has failed under
// failure_action: rollback. The error tells of both: what failed stays a failure.
func (a *App) takeBack(ctx context.Context, s *upState, services []string, failure error) error {
	a.warn(fmt.Sprintf("the update of %s failed: the containers from before it are restored", strings.Join(services, ", ")))
	var err error
	s.actual, err = actual.Read(ctx, s.engine, actual.Query{Project: s.desired.Project})
	if err == nil {
		p := plan.Undo(s.desired, s.actual, services, plan.UndoOptions{Timeout: s.request.Timeout, RenewVolumes: s.request.RenewAnonVolumes})
		_, err = execute.Run(ctx, p, s.engine, execute.Options{
			Parallel: a.opt.Parallel, Sink: a.opt.Sink, WaitTimeout: s.request.WaitTimeout, Provider: a.opt.Provider,
		})
	}
	if err != nil {
		return fmt.Errorf("%w\nthe rollback failed too, and what it has not reached stays as it is: %w", failure, err)
	}
	return fmt.Errorf("%w; the containers from before the update run again", failure)
}
