package convergence

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// drift changes something behind berth's back: half the time, where there is
// one, to a container whose namespaces others share.
func (h *run) drift() {
	list := h.e.Snapshot().Containers
	if len(list) == 0 || !h.w.chance(50) {
		return
	}
	c := list[h.w.r.IntN(len(list))]
	parents := slices.DeleteFunc(slices.Clone(list), func(c engine.ContainerDetail) bool { return !h.isParent(c.ID, list) })
	if len(parents) > 0 && h.w.chance(50) {
		c = parents[h.w.r.IntN(len(parents))]
	}
	what := h.w.pick("stop", "remove", "restart", "disconnect", "rename")
	h.log = append(h.log, fmt.Sprintf("%s %s: %v", what, c.Name, h.byHandDo(h.t.Context(), what, c)))
}

func (h *run) byHandDo(ctx context.Context, what string, c engine.ContainerDetail) error {
	switch what {
	case "stop":
		return h.e.KillContainer(ctx, c.ID, "SIGKILL")
	case "remove":
		return h.e.RemoveContainer(ctx, c.ID, engine.RemoveOptions{Force: true})
	case "restart":
		return h.e.RestartContainer(ctx, c.ID, engine.StopOptions{})
	case "rename":
		if strings.Contains(c.Name, "_") {
			return nil // a leftover must be known as one; see anonymous
		}
		return h.e.RenameContainer(ctx, c.ID, "by-hand-"+c.ID[:6])
	}
	for _, a := range c.Networks {
		return h.e.DisconnectNetwork(ctx, a.NetworkID, c.ID, true)
	}
	return nil
}

// joined lists the IDs of the containers whose namespaces one shares.
func (h *run) joined(id string) []string {
	spec := h.e.Spec(id)
	var out []string
	for _, mode := range []string{spec.NetworkMode, spec.IPCMode, spec.PIDMode} {
		if parent, ok := strings.CutPrefix(mode, "container:"); ok {
			out = append(out, parent)
		}
	}
	return out
}

func (h *run) isParent(id string, list []engine.ContainerDetail) bool {
	return slices.ContainsFunc(list, func(c engine.ContainerDetail) bool { return slices.Contains(h.joined(c.ID), id) })
}

// checkNamespaces sees that no container runs on in a namespace that its parent
// had in an earlier run, or that is gone with it.
func (h *run) checkNamespaces() {
	now := h.byID()
	for id, c := range now {
		if !c.IsRunning() {
			continue
		}
		for _, joined := range h.joined(id) {
			parent, exists := now[joined]
			switch started := h.startedAt(joined); {
			case !exists || !parent.IsRunning():
				h.t.Errorf("%s runs in the namespace of %.12s, which does not", c.Name, joined)
			case h.startedAt(id).Before(started):
				h.t.Errorf("%s runs in the namespace that %s had", c.Name, parent.Name)
			}
		}
	}
}

// startedAt is when a container was last started; zero if it is gone.
func (h *run) startedAt(id string) time.Time {
	for _, c := range h.e.Snapshot().Containers {
		if c.ID == id {
			return c.StartedAt
		}
	}
	return time.Time{}
}
