package plan

import (
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
	// Volumes removes the volumes named in VolumeNames and anonymous ones.
	Volumes     bool
	VolumeNames []string
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
	var all []string
	stops := s.each(true, func(c engine.Container, needs []string) string {
		stopped := ""
		if c.IsRunning() {
			stopped = s.stop(c, opt.Timeout, needs)
		}
		removed[c.ID] = s.p.Add(Node{
			ID: nodeID(c, "remove"), Service: c.Labels[labels.Service],
			Op: Remove{Container: refOf(c), Force: true, Volumes: opt.Volumes, Anonymous: anonymousOf(c, opt.Volumes)},
		}, stopped)
		all = append(all, removed[c.ID])
		return stopped
	})
	s.providers(opt, stops)
	downNetworks(s.p, a, opt, removed)
	downVolumes(s.p, a, opt, all)
	for _, ref := range opt.Images {
		s.p.Add(Node{ID: "image/" + ref + "/remove", Op: RemoveImage{Ref: ref}}, all...)
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
		case m.Known == nil || m.Active[service] || opt.RemoveOrphans && !m.Known[service]:
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
func downNetworks(p *Plan, a *actual.State, opt DownOptions, removed map[string]string) {
	names := make([]string, 0, len(a.Networks))
	for name, n := range a.Networks {
		if n.Labels[labels.Project] == p.Project && (len(opt.NetworkNames) == 0 || wanted(opt.NetworkNames, name)) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		var needs []string
		others := false
		for _, c := range a.Containers {
			if _, on := c.Networks[name]; !on {
				continue
			}
			if id, ok := removed[c.ID]; ok {
				needs = append(needs, id)
			} else {
				others = true
			}
		}
		if len(opt.Services) > 0 && (others || len(needs) == 0) {
			continue
		}
		p.Add(Node{ID: "network/" + name + "/remove", Op: RemoveNetwork{ID: a.Networks[name].ID, Name: name}}, needs...)
	}
}

func downVolumes(p *Plan, a *actual.State, opt DownOptions, needs []string) {
	if !opt.Volumes {
		return
	}
	for _, name := range sortedKeys(a.Volumes) {
		if wanted(opt.VolumeNames, name) && (len(opt.VolumeNames) > 0 || a.Volumes[name].Labels[labels.Project] == p.Project) {
			p.Add(Node{ID: "volume/" + name + "/remove", Op: RemoveVolume{Name: name}}, needs...)
		}
	}
}
