package convergence

import (
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// oneOff runs a container that belongs to no replica, as run does.
func (h *run) oneOff() {
	if !h.w.chance(40) {
		return
	}
	ctx := h.t.Context()
	made, err := h.e.CreateContainer(ctx, engine.ContainerSpec{
		Project: "p", Name: "p-a-run-1", Image: "plain", Networks: []engine.Endpoint{{Network: h.w.pick("p_default", "p_back")}},
		Labels: map[string]string{labels.Project: "p", labels.Service: "a", labels.OneOff: labels.True},
	})
	if err == nil {
		err = h.e.StartContainer(ctx, made.ID)
	}
	if err != nil {
		h.log = append(h.log, "no one-off: "+err.Error()) // the first up did not get that far
	}
}

// checkBystanders sees that containers which are no replicas still run, on the
// networks that they were found on.
func (h *run) checkBystanders(found []engine.ContainerDetail) {
	now := h.byID()
	for _, c := range found {
		if !labels.IsOneOff(c.Labels) || !c.IsRunning() {
			continue
		}
		for name := range c.Networks {
			if _, on := now[c.ID].Networks[name]; !on {
				h.t.Errorf("%s is no longer on %s", c.Name, name)
			}
		}
	}
}

// checkNamespaces sees that no container runs on in the namespace that its
// parent, which did not run, had before.
func (h *run) checkNamespaces(found []engine.ContainerDetail) {
	now := h.byID()
	for _, c := range found {
		id, joined := strings.CutPrefix(c.NetworkMode, "container:")
		if _, stays := now[c.ID]; !joined || !stays {
			continue
		}
		for _, parent := range found {
			if parent.ID == id && !parent.IsRunning() && h.startedAt(c.ID).Before(h.startedAt(id)) {
				h.t.Errorf("%s runs in the namespace that %s had", c.Name, parent.Name)
			}
		}
	}
}

func (h *run) startedAt(id string) time.Time {
	d, err := h.e.InspectContainer(h.t.Context(), id)
	if err != nil {
		h.t.Error(err)
	}
	return d.StartedAt
}

func (h *run) byID() map[string]engine.Container {
	out := map[string]engine.Container{}
	for _, c := range h.e.Snapshot().Containers {
		out[c.ID] = c.Container
	}
	return out
}
