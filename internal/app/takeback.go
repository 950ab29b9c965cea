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
func (a *App) takeBack(ctx context.Context, s *upState, run *execute.Result, failure error) error {
	state, err := actual.Read(ctx, s.engine, actual.Query{Project: s.desired.Project})
	if err != nil {
		return fmt.Errorf("%w\nthe update is not taken back: %w", failure, err)
	}
	p := plan.Undo(s.desired, state, run.Rollback, plan.UndoOptions{
		Timeout: s.request.Timeout, RenewVolumes: s.request.RenewAnonVolumes, Renewed: run.Renewed,
	})
	if p.Empty() {
		return fmt.Errorf("%w; no container from before the update has been stopped", failure)
	}
	a.warn(fmt.Sprintf("the update of %s failed: the containers from before it are restored", strings.Join(run.Rollback, ", ")))
	// However long it was to take: half-way is no place to stop.
	_, err = execute.Run(ctx, p, s.engine, execute.Options{Parallel: a.opt.Parallel, Sink: a.opt.Sink, Provider: a.opt.Provider})
	if err != nil {
		return fmt.Errorf("%w\nthe rollback failed too, and what it has not reached stays as it is: %w", failure, err)
	}
	return fmt.Errorf("%w; the containers from before the update run again", failure)
}
