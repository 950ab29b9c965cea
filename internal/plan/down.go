package plan

import (
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// DownOptions steer Down.
type DownOptions struct {
	// Services restrict it to some services; empty means the whole project.
	Services []string
	// Volumes removes the volumes that the services concerned mount, anonymous
	// ones included; without files all that bear the project's label.
	Volumes bool
	// NetworkNames are the networks the files declare (not the external ones);
	// without files all that bear the project's label go.
	NetworkNames  []string
	RemoveOrphans bool
	// Images are references to be removed at the end.
	Images  []string
	Timeout *time.Duration
}

// Down plans to take a project away: containers, dependents first, then its
// networks, and what else was asked for.
func Down(m Model, a *actual.State, opt DownOptions) (*Plan, error) {
	gone := downContainers(m, a, opt)
	s, err := newSelection(m, gone)
	if err != nil {
		return nil, err
	}
	removed := map[string]string{} // container ID -> its removal
	stops := s.each(true, func(c engine.Container, needs []string) string {
		stopped := ""
		if c.IsRunning() {
			stopped = s.stop(c, opt.Timeout, needs)
		}
		removed[c.ID] = s.p.Add(Node{
			ID: nodeID(c, "remove"), Service: c.Labels[labels.Service],
			Op: Remove{Container: refOf(c), Force: true, Volumes: opt.Volumes, Anonymous: anonymousOf(c, opt.Volumes)},
		}, stopped)
		return stopped
	})
	s.providers(opt, stops)
	downNetworks(s.p, m, a, opt, removed)
	downVolumes(s.p, m, a, opt, removed)
	for _, ref := range opt.Images {
		s.p.Add(Node{ID: "image/" + ref + "/remove", Op: RemoveImage{Ref: ref}}, slices.Collect(maps.Values(removed))...)
	}
	return s.p, nil
}

// providers takes provider services down once those that depend on them have
// stopped.
func (s *selection) providers(opt DownOptions, stops map[string][]string) {
	for _, name := range sortedKeys(s.m.Providers) {
		if wanted(opt.Services, name) {
			var needs []string
			for service, deps := range s.m.DependsOn {
				for _, d := range deps {
					if d.Service == name {
						needs = append(needs, stops[service]...)
					}
				}
			}
			s.p.Add(Node{
				ID: "service/" + name + "/provide", Service: name,
				Op: Provide{Service: name, Config: s.m.Providers[name], Action: "down"},
			}, needs...)
		}
	}
}

func downContainers(m Model, a *actual.State, opt DownOptions) []engine.Container {
	var out []engine.Container
	for _, c := range a.Containers {
		service := c.Labels[labels.Service]
		switch {
		case len(opt.Services) > 0:
			if wanted(opt.Services, service) {
				out = append(out, c)
			}
		case m.Known == nil || m.Active[service] || opt.RemoveOrphans && !m.Known[service],
			m.Known[service] && labels.IsOneOff(c.Labels): // `run` of a service that is off is how such services are used
			out = append(out, c)
		}
	}
	return out
}

// wanted tells whether a selection includes a service; an empty one includes all.
func wanted(selected []string, service string) bool {
	if len(selected) == 0 {
		return true
	}
	for _, s := range selected {
		if s == service {
			return true
		}
	}
	return false
}

// downNetworks removes the project's networks once their containers are gone.
// With services named, only networks that no other container uses go.
func downNetworks(p *Plan, m Model, a *actual.State, opt DownOptions, removed map[string]string) {
	names := make([]string, 0, len(a.Networks))
	for name, n := range a.Networks {
		if n.Labels[labels.Project] == p.Project && (len(opt.NetworkNames) == 0 || wanted(opt.NetworkNames, name)) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		needs, others := leaving(a, name, removed)
		if len(opt.Services) > 0 && (others || len(needs) == 0) {
			continue
		}
		onIt := func(c engine.Container) bool { _, on := c.Networks[name]; return on }
		if !m.Networks[name] && inactiveUser(m, a, removed, onIt) != "" {
			continue // it belongs to services that are not active
		}
		p.Add(Node{ID: "network/" + name + "/remove", Op: RemoveNetwork{ID: a.Networks[name].ID, Name: name}}, needs...)
	}
}

// leaving lists the removals of the containers that are on a network. others tells
// whether some stay there.
func leaving(a *actual.State, network string, removed map[string]string) (removals []string, others bool) {
	for _, c := range a.Containers {
		if _, on := c.Networks[network]; !on {
			continue
		}
		if id, ok := removed[c.ID]; ok {
			removals = append(removals, id)
		} else {
			others = true
		}
	}
	return removals, others
}

// downVolumes removes volumes once all containers that go are gone. What a
// container of an inactive service uses stays.
func downVolumes(p *Plan, m Model, a *actual.State, opt DownOptions, removed map[string]string) {
	if !opt.Volumes {
		return
	}
	needs := slices.Collect(maps.Values(removed))
	for _, name := range sortedKeys(a.Volumes) {
		if !m.removesVolume(a.Volumes[name], opt) {
			continue
		}
		if user := inactiveUser(m, a, removed, func(c engine.Container) bool { return mountsVolume(c, name) }); user != "" {
			p.warn("volume %s stays: %s uses it, whose service is not active", name, user)
			continue
		}
		p.Add(Node{ID: "volume/" + name + "/remove", Op: RemoveVolume{Name: name}}, needs...)
	}
}

// removesVolume tells whether down with volumes takes a volume.
func (m Model) removesVolume(v engine.Volume, opt DownOptions) bool {
	if m.Volumes == nil {
		return v.Labels[labels.Project] == m.Project
	}
	for service, names := range m.Volumes {
		if wanted(opt.Services, service) && slices.Contains(names, v.Name) {
			return true
		}
	}
	return false
}

func mountsVolume(c engine.Container, name string) bool {
	return slices.ContainsFunc(c.Mounts, func(m engine.Mount) bool { return m.Type == "volume" && m.Name == name })
}

// inactiveUser names a container that stays because its service is not active
// and that uses something; empty if there is none.
func inactiveUser(m Model, a *actual.State, removed map[string]string, uses func(engine.Container) bool) string {
	for _, c := range a.Containers {
		service := c.Labels[labels.Service]
		if _, goes := removed[c.ID]; !goes && m.Known[service] && !m.Active[service] && uses(c) {
			return c.Name
		}
	}
	return ""
}
