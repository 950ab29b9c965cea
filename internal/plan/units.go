package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// coldUnit is the unit of everything that a volume's renewal takes: the
// containers that mount it must be gone before their replacements can be made.
const coldUnit = "volumes"

// releaseVolumes lets the removal of each renewed volume come after the removal
// of every container that mounts it.
func (u *up) releaseVolumes() {
	for _, c := range u.a.Containers {
		for _, m := range c.Mounts {
			if m.Type != "volume" || !u.renewedVolume[m.Name] {
				continue
			}
			gone := u.removalOf(c)
			if gone == "" {
				gone = u.remove(c, "volume "+m.Name+" is made anew", false)
			}
			u.p.nodes.Need("volume/"+m.Name+"/remove", gone)
		}
	}
}

// removalOf is the node that removes a container, if there is one.
func (u *up) removalOf(c engine.Container) string {
	if id := removeID(c); u.p.nodes.Has(id) {
		return id
	}
	return u.replacedBy[c.ID]
}

// orderNames lets a creation come after the renaming that frees its name.
func (u *up) orderNames() {
	for _, id := range u.p.nodes.IDs() {
		if op, ok := u.p.nodes.Value(id).Op.(CreateContainer); ok && u.freedName[op.Spec.Name] != "" {
			u.p.nodes.Need(id, u.freedName[op.Spec.Name])
		}
	}
}

// orderReferences lets a creation come after the node that gives the container
// its name which the new one refers to: an engine looks for it at once.
func (u *up) orderReferences() {
	ids := u.p.nodes.IDs()
	named := map[string]string{}
	for _, id := range ids {
		if op, ok := u.p.nodes.Value(id).Op.(CreateContainer); ok {
			named[op.Final] = id
			if op.Spec.Name != op.Final {
				named[op.Final] = "container/" + op.Final + "/rename"
			}
		}
	}
	for _, id := range ids {
		op, ok := u.p.nodes.Value(id).Op.(CreateContainer)
		if !ok {
			continue
		}
		for _, name := range referredTo(op.Spec) {
			if given := named[name]; given != "" && given != id && !u.p.nodes.Depends(given, id) {
				u.p.nodes.Need(id, given)
			}
		}
	}
}

// referredTo are the names of the containers that a new one refers to by name.
func referredTo(spec engine.ContainerSpec) []string {
	var out []string
	for _, mode := range []string{spec.NetworkMode, spec.IPCMode, spec.PIDMode} {
		if name, ok := strings.CutPrefix(mode, types.ContainerPrefix); ok {
			out = append(out, name)
		}
	}
	entries := slices.Clone(spec.VolumesFrom)
	if len(spec.Networks) == 0 { // on networks of one's own, links are only names
		entries = append(entries, spec.Links...)
	}
	for _, entry := range entries {
		name, _, _ := strings.Cut(entry, ":")
		out = append(out, name)
	}
	return out
}

// hostPorts are host ports of one protocol, first to last.
type hostPorts struct {
	first, last int
	protocol    string
}

// hostPortsOf reads what a service publishes. What is neither a port nor a range
// is left to the engine's judgement.
func hostPortsOf(p types.ServicePortConfig) (hostPorts, bool) {
	low, high, isRange := strings.Cut(p.Published, "-")
	if !isRange {
		high = low
	}
	first, err := strconv.Atoi(low)
	last, err2 := strconv.Atoi(high)
	return hostPorts{first, last, protocolOf(p.Protocol)}, err == nil && err2 == nil && first > 0
}

func (h hostPorts) has(p engine.Port) bool {
	return p.Published >= h.first && p.Published <= h.last && p.Protocol == h.protocol
}

// orderPorts lets a start that wants a host port, or one of a range, come after
// the removal of every container that holds such a port and goes.
func (u *up) orderPorts() {
	for _, name := range sortedKeys(u.services) {
		pr := u.services[name]
		for _, p := range pr.svc.Config.Ports {
			wanted, ok := hostPortsOf(p)
			if !ok {
				continue
			}
			for _, gone := range u.freeing(wanted, name) {
				for _, ref := range pr.refs {
					start := "container/" + ref.Name + "/start"
					if u.p.nodes.Has(start) && !u.p.nodes.Depends(gone, start) {
						u.p.nodes.Need(start, gone)
						u.joinUnits(start, gone)
					}
				}
			}
		}
	}
}

// freeing are the removals of running containers that hold one of some ports
// which a service wants. Of a range, its own old containers have a port for each
// of the new ones.
func (u *up) freeing(ports hostPorts, service string) []string {
	var out []string
	for _, c := range u.a.Containers {
		gone := u.stoppedBy[c.ID]
		if gone == "" {
			gone = u.removalOf(c)
		}
		if ports.first != ports.last && c.Labels[labels.Service] == service {
			continue
		}
		if gone != "" && c.IsRunning() && slices.ContainsFunc(c.Ports, ports.has) {
			out = append(out, gone)
		}
	}
	return out
}

func protocolOf(p string) string {
	if p == "" {
		return "tcp"
	}
	return strings.ToLower(p)
}

// joinUnits makes one unit of two replacements of which one needs what the other
// frees: an interruption between them would leave the one stopped.
func (u *up) joinUnits(a, b string) {
	x, y := u.p.nodes.Value(a).Unit, u.p.nodes.Value(b).Unit
	if x == "" || y == "" || x == y {
		return
	}
	for _, id := range u.p.nodes.IDs() {
		if n := u.p.nodes.Value(id); n.Unit == y {
			n.Unit = x
		}
	}
}

// finishUnits lets the first committing nodes of each unit come after everything
// outside that any of its nodes needs: once begun, a unit waits for nothing that
// an interruption could keep from happening.
func (u *up) finishUnits() {
	members := map[string][]string{}
	for _, id := range u.p.nodes.IDs() {
		if n := u.p.nodes.Value(id); n.Committing {
			members[n.Unit] = append(members[n.Unit], id)
		}
	}
	for _, unit := range sortedKeys(members) {
		entries, outside := u.border(members[unit])
		for _, entry := range entries {
			for _, need := range outside {
				if !u.p.nodes.Depends(need, entry) {
					u.p.nodes.Need(entry, need)
				}
			}
		}
	}
}

// border lists those members of a unit that need none of it, and what any of them
// needs outside.
func (u *up) border(members []string) (entries, outside []string) {
	for _, id := range members {
		entry := true
		for _, need := range u.p.nodes.Needs(id) {
			if slices.Contains(members, need) {
				entry = false
			} else {
				outside = append(outside, need)
			}
		}
		if entry {
			entries = append(entries, id)
		}
	}
	return entries, outside
}
