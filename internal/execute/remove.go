package execute

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/graph"
)

const (
	// firstPause and longestPause are the times between looks at something that
	// the engine is about to finish.
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
	// stopTries is how often a container is stopped that runs again.
	stopTries = 3
)

// gone takes "there is no such thing" for success of a removal or a stop.
func gone(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	return err
}

// remove removes a container, and the volumes that are to go with it.
func (r *run) remove(ctx context.Context, op plan.Remove) error {
	if err := r.takeAway(ctx, op); err != nil {
		return err
	}
	ctx, cancel := brief(ctx)
	defer cancel()
	for _, name := range op.Anonymous {
		if err := gone(r.e.RemoveVolume(ctx, name, false)); err != nil && !errors.Is(err, engine.ErrInUse) && !errors.Is(err, engine.ErrConflict) {
			return fmt.Errorf("anonymous volume of %s: %w", op.Container.Name, err)
		}
	}
	return nil
}

// takeAway removes a container for certain. One that did not run, or that this
// run has stopped, may run by now: an engine finishes a start or a restart whose
// sender was killed. And one with
// --rm is being removed by the engine itself from the moment it ends.
func (r *run) takeAway(ctx context.Context, op plan.Remove) error {
	id := r.resolve(op.Container)
	stop, mayStop := r.stopOf(op)
	for stops := 0; ; {
		err := r.untilFree(ctx, func(ctx context.Context) error {
			return r.e.RemoveContainer(ctx, id, engine.RemoveOptions{Force: op.Force, Volumes: op.Volumes})
		})
		if !mayStop || stops == stopTries || !errors.Is(err, engine.ErrRunning) {
			return gone(err)
		}
		stops++
		if err := r.stop(ctx, true, stop); err != nil {
			return err
		}
	}
}

// stopOf is the stop by which the container of a removal may be stopped; false
// if only one that does not run is to be removed.
func (r *run) stopOf(op plan.Remove) (plan.Stop, bool) {
	nodes, err := r.p.Nodes()
	if err != nil {
		return plan.Stop{}, false
	}
	for _, n := range nodes {
		if stop, ok := n.Op.(plan.Stop); ok && stop.Container == op.Container {
			return stop, true
		}
	}
	return plan.Stop{Container: op.Container}, op.Stops
}

// untilFree sends a removal again as long as the engine answers that it is at it
// already. So a removal that the engine gives up is taken up.
func (r *run) untilFree(ctx context.Context, remove func(context.Context) error) error {
	ctx, cancel := brief(ctx)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := remove(ctx)
		if !errors.Is(err, engine.ErrRemoving) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// disconnect takes a container off a network; one that is not on it, or about to
// vanish, needs no more.
func (r *run) disconnect(ctx context.Context, op plan.Disconnect) error {
	err := gone(r.e.DisconnectNetwork(ctx, op.NetworkID, r.resolve(op.Container), true))
	if errors.Is(err, engine.ErrRemoving) {
		return nil
	}
	return err
}

// removeNetwork removes a network; one that is still in use is reported with
// its users.
func (r *run) removeNetwork(ctx context.Context, op plan.RemoveNetwork) error {
	err := gone(r.e.RemoveNetwork(ctx, op.ID))
	if !errors.Is(err, engine.ErrInUse) {
		return err
	}
	users, listErr := r.usersOf(ctx, op.Name)
	switch {
	case listErr != nil:
		return err
	case len(users) > 0:
		return fmt.Errorf("network %s is still in use by %s: %w", op.Name, strings.Join(users, ", "), err)
	}
	// An endpoint may outlive its container by a moment.
	time.Sleep(longestPause)
	err = gone(r.e.RemoveNetwork(ctx, op.ID))
	if !errors.Is(err, engine.ErrInUse) {
		return err
	}
	return fmt.Errorf("network %s is used by no container, but the engine still counts an endpoint on it, which only a restart of the engine clears: %w", op.Name, err)
}

// usersOf are the running containers on a network, of whatever project.
func (r *run) usersOf(ctx context.Context, network string) ([]string, error) {
	all, err := r.e.Containers(ctx, engine.ContainerFilter{})
	var users []string
	for _, c := range all {
		if _, on := c.Networks[network]; on && c.IsRunning() {
			users = append(users, c.Name)
		}
	}
	sort.Strings(users)
	return users, err
}

// removeImage removes an image; one that another container uses stays, with a
// warning.
func (r *run) removeImage(ctx context.Context, op plan.RemoveImage) error {
	err := gone(r.e.RemoveImage(ctx, op.Ref, false))
	if errors.Is(err, engine.ErrConflict) || errors.Is(err, engine.ErrInUse) {
		r.warn("", "image "+op.Ref+" stays: "+err.Error())
		return errKept
	}
	return err
}

// errKept ends an operation that left things as they were, for a reason that has
// been told.
var errKept = errors.New("kept")

// cleanup removes replacements whose turn never came, or whose turn ended before
// the old container was removed, so that an interruption or a failure leaves the
// old container alone and nothing beside it. What an update has kept to be taken
// back goes where that will not be.
func (r *run) cleanup(ctx context.Context, outcomes map[string]graph.Outcome) error {
	interrupted := ctx.Err() != nil // nothing is taken back then
	ctx, cancel := brief(ctx)
	defer cancel()
	nodes, err := r.p.Nodes()
	if err != nil {
		return err
	}
	var errs []error
	d := doneBy(nodes, outcomes)
	for _, n := range nodes {
		state := outcomes[n.ID].State
		switch op := n.Op.(type) {
		case plan.Remove:
			kept := op.Retired != "" && state != graph.Done && d.retired[op.Container.ID] && d.names[op.Retired]
			if kept && (interrupted || !r.rollback[n.Service]) {
				errs = append(errs, r.remove(ctx, op))
			}
		case plan.CreateContainer:
			if op.Replaces != nil && state == graph.Done && !d.named[n.ID] && (!r.begun[n.Unit] || r.stays(ctx, op.Replaces.ID, outcomes)) {
				errs = append(errs, r.removeUnused(ctx, n.ID, op, d.started[n.ID]))
			}
		}
	}
	r.halfway(nodes, d)
	return errors.Join(errs...)
}

// removeUnused removes a replacement. Its own anonymous volumes go with it, unless
// it has run and may have written to them.
func (r *run) removeUnused(ctx context.Context, create string, op plan.CreateContainer, started bool) error {
	err := r.e.RemoveContainer(ctx, r.ids[create], engine.RemoveOptions{Force: true, Volumes: !started})
	if err == nil || errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrUnreachable) {
		return nil
	}
	return fmt.Errorf("remove the unused replacement of %s: %w", op.Final, err)
}

// done is what a run has done with the containers of replacements.
type done struct {
	started map[string]bool // creation node: its container was to be started
	named   map[string]bool // creation node: its container has got its final name
	names   map[string]bool // the same, by that name
	retired map[string]bool // container ID: the old container of an update has given its name away
}

func doneBy(nodes []*plan.Node, outcomes map[string]graph.Outcome) done {
	d := done{started: map[string]bool{}, named: map[string]bool{}, names: map[string]bool{}, retired: map[string]bool{}}
	for _, n := range nodes {
		state := outcomes[n.ID].State
		switch op := n.Op.(type) {
		case plan.Start:
			d.started[op.Container.From] = state == graph.Done || state == graph.Failed
		case plan.Rename:
			switch {
			case state != graph.Done:
			case op.Retiring:
				d.retired[op.Container.ID] = true
			default:
				d.named[op.Container.From], d.names[op.Name] = true, true
			}
		}
	}
	return d
}

// stays tells whether a container that was to be replaced is certainly still
// there, although its turn had come.
func (r *run) stays(ctx context.Context, id string, outcomes map[string]graph.Outcome) bool {
	nodes, err := r.p.Nodes()
	if err != nil {
		return false
	}
	for _, n := range nodes {
		if op, ok := n.Op.(plan.Remove); ok && op.Container.ID == id && outcomes[n.ID].State == graph.Done {
			return false
		}
	}
	detail, err := r.e.InspectContainer(ctx, id)
	return err == nil && detail.State != engine.Removing && detail.State != engine.Dead
}
