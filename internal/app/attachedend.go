package app

import (
	"context"
	"fmt"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

const (
	// drainLimit is how long the rest of the output of stopped containers is
	// awaited.
	drainLimit = 10 * time.Second
	// lockPatience is how long another command's change of the project is
	// awaited before the containers are stopped all the same.
	lockPatience = 5 * time.Second
)

// exitCode is the command's exit code after an abort.
func (f *foreground) exitCode(ctx context.Context) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known {
		return f.code
	}
	list, err := f.containers(context.WithoutCancel(ctx))
	if err == nil {
		for _, c := range list {
			if c.Labels[labels.Service] == f.request.ExitCodeFrom && c.State == engine.Exited {
				return c.ExitCode
			}
		}
	}
	// The service never ran: what kept it from running is the reason.
	return max(1, f.first.Code)
}

// stop stops the containers of this command, dependents first, and reads what
// they write until they have ended. The second interrupt kills them.
func (f *foreground) stop(ctx context.Context) error {
	f.over.Store(true)
	f.stopping()
	ctx = context.WithoutCancel(ctx)
	stopCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-f.control.Faster:
			cancel()
		case <-stopCtx.Done():
		}
	}()
	defer f.lock(stopCtx)()
	err := f.stopAll(stopCtx)
	if closed(f.control.Faster) {
		err = f.killAll(ctx)
	}
	select {
	case <-f.ended:
	case <-time.After(drainLimit):
	}
	return err
}

// lock takes the project's lock again, as everything that changes a project
// does. What the person has asked to stop does not wait for it for long.
func (f *foreground) lock(ctx context.Context) (release func()) {
	f.state.release()
	release, err := f.app.lock(ctx, f.state.desired.Project, lockPatience, false)
	if err != nil {
		return func() {}
	}
	return release
}

func (f *foreground) stopAll(ctx context.Context) error {
	list, err := f.containers(ctx)
	if err != nil {
		return err
	}
	p, err := plan.StopAll(plan.ModelOf(f.state.desired), list, f.state.request.Timeout)
	if err != nil {
		return err
	}
	return f.app.run(ctx, p, execute.Options{KeepGoing: true})
}

func (f *foreground) killAll(ctx context.Context) error {
	list, err := f.containers(ctx)
	if err != nil {
		return err
	}
	err = f.app.run(ctx, plan.KillAll(plan.ModelOf(f.state.desired), list, "SIGKILL"), execute.Options{KeepGoing: true})
	if err == nil {
		return nil
	}
	// One that has ended by itself meanwhile cannot be killed, and need not be.
	list, listErr := f.containers(ctx)
	if listErr != nil {
		return err
	}
	for _, c := range list {
		if c.IsRunning() {
			return fmt.Errorf("kill what runs: %w", err)
		}
	}
	return nil
}

// containers are those that an interrupt stops.
func (f *foreground) containers(ctx context.Context) ([]engine.Container, error) {
	all, err := f.state.engine.Containers(ctx, engine.ContainerFilter{Project: f.state.desired.Project})
	if err != nil {
		return nil, err
	}
	var out []engine.Container
	for _, c := range all {
		if f.owned[c.Labels[labels.Service]] && !labels.IsOneOff(c.Labels) {
			out = append(out, c)
		}
	}
	return out, nil
}
