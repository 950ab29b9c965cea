package execute

import (
	"context"
	"errors"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// An engine finishes the request of a command that was killed. What the plan
// found undone may be done by the time it is asked for.

// connect joins a container to a network. It may be on it by now.
func (r *run) connect(ctx context.Context, op plan.Connect) error {
	id := r.resolve(op.Container)
	err := r.e.ConnectNetwork(ctx, op.Endpoint.Network, id, op.Endpoint)
	if err == nil {
		return nil
	}
	detail, lookErr := r.e.InspectContainer(ctx, id)
	if _, on := detail.Networks[op.Endpoint.Network]; lookErr == nil && on {
		return nil
	}
	return err
}

// rename gives a container a name. It may have it by now.
func (r *run) rename(ctx context.Context, op plan.Rename) error {
	id := r.resolve(op.Container)
	err := r.e.RenameContainer(ctx, id, op.Name)
	if err == nil {
		return nil
	}
	if detail, lookErr := r.e.InspectContainer(ctx, id); lookErr == nil && detail.Name == op.Name {
		return nil
	}
	return err
}

// nameLimit bounds the waiting for a container to appear whose name is taken
// already, as an engine takes it before it makes the container.
const nameLimit = 10 * time.Second

// createUnder creates a container. Its name may be taken by now by one of the
// same service that a killed command has asked for: nobody has started that one,
// nor will, and it goes.
func (r *run) createUnder(ctx context.Context, spec engine.ContainerSpec) (engine.CreatedContainer, error) {
	begun := r.now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		made, err := r.e.CreateContainer(ctx, spec)
		if !errors.Is(err, engine.ErrConflict) {
			return made, err
		}
		holders, lookErr := r.e.Containers(ctx, engine.ContainerFilter{Names: []string{spec.Name}})
		if lookErr != nil || len(holders) > 0 && !r.isAbandoned(holders[0], spec) || r.now().Sub(begun) > nameLimit {
			return made, err
		}
		if len(holders) > 0 {
			if err := gone(r.e.RemoveContainer(ctx, holders[0].ID, engine.RemoveOptions{Volumes: true})); err != nil {
				return made, err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return made, err
		case <-time.After(pause):
		}
	}
}

// isAbandoned tells whether a container that has the name of another to be made
// is a replica of the same service that was never started.
func (r *run) isAbandoned(c engine.Container, spec engine.ContainerSpec) bool {
	return c.State == engine.Created && c.Labels[labels.Project] == r.p.Project &&
		c.Labels[labels.Service] == spec.Service.Name && c.Labels[labels.Number] == spec.Labels[labels.Number]
}
