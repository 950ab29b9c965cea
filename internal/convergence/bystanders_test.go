package convergence

import (
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

func (h *run) byID() map[string]engine.Container {
	out := map[string]engine.Container{}
	for _, c := range h.e.Snapshot().Containers {
		out[c.ID] = c.Container
	}
	return out
}
