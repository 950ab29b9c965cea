package app

import (
	"context"
	"fmt"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// WaitRequest asks to wait until the containers of services have stopped.
type WaitRequest struct {
	Project  ProjectOptions
	Services []string
	// DownProject takes the project away when the first of them has stopped.
	DownProject bool
	DryRun      bool // take nothing away, but show what would be
}

// WaitResult is one container that has stopped.
type WaitResult struct {
	Container string // its name
	ID        string
	Service   string
	Number    int
	ExitCode  int
}

// Wait waits until the containers of services have stopped, and tells of each.
// It returns the exit code of the first one that failed, or 0; with DownProject
// it waits for one container and returns its code. Containers that do not run
// have stopped already. A rehearsal waits as well: only then is it known what
// would be taken away.
func (a *App) Wait(ctx context.Context, r WaitRequest, each func(WaitResult) error) (int, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return 1, err
	}
	list, err := found.replicas(r.Services)
	if err != nil {
		return 1, err
	}
	for _, service := range r.Services {
		if len(found.state.Replicas(service)) == 0 {
			return 1, fmt.Errorf("service %q is not running: it has no container", service)
		}
	}
	if len(list) == 0 {
		return 1, fmt.Errorf("no containers for project %q", found.state.Project)
	}
	code, err := a.awaitAll(ctx, list, r.DownProject, each)
	if err != nil || !r.DownProject {
		return code, err
	}
	return code, a.Down(ctx, DownRequest{Project: r.Project, DryRun: r.DryRun})
}

// stopped is the end of a wait for one container.
type stopped struct {
	result WaitResult
	err    error
}

func (a *App) awaitAll(ctx context.Context, list []engine.Container, one bool, each func(WaitResult) error) (int, error) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan stopped, len(list))
	for _, c := range list {
		go func() {
			code, err := a.engine.WaitContainer(waiting, c.ID)
			ends <- stopped{WaitResult{
				Container: c.Name, ID: c.ID, Service: c.Labels[labels.Service], Number: numberOf(c), ExitCode: code,
			}, err}
		}()
	}
	code := 0
	for range list {
		end := <-ends
		if ctx.Err() != nil {
			return 1, context.Cause(ctx)
		}
		if end.err != nil {
			return 1, end.err
		}
		if code == 0 {
			code = end.result.ExitCode
		}
		if err := each(end.result); err != nil {
			return 1, err
		}
		if one {
			break
		}
	}
	return code, nil
}
