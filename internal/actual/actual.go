// Package actual reads what a project has on an engine into one snapshot, by
// labels. It only reads.
package actual

import (
	"context"
	"sort"

	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// Reader is what a snapshot needs of an engine. Each call is one request.
type Reader interface {
	Containers(ctx context.Context, filter engine.ContainerFilter) ([]engine.Container, error)
	Networks(ctx context.Context, project string, names ...string) ([]engine.Network, error)
	Volumes(ctx context.Context, project string, names ...string) ([]engine.Volume, error)
	Images(ctx context.Context, refs ...string) (map[string]engine.Image, error)
}

// Query says what a snapshot must hold beside the project's containers.
type Query struct {
	Project string
	// Networks and Volumes ask for the project's own and for these by name.
	Networks     bool
	NetworkNames []string
	Volumes      bool
	VolumeNames  []string
	Images       []string // references
}

// State is one snapshot of a project on an engine.
type State struct {
	Project    string
	Containers []engine.Container // sorted by service, number, name
	Networks   map[string]engine.Network
	Volumes    map[string]engine.Volume
	Images     map[string]engine.Image
}

// Read takes a snapshot; its requests run side by side.
func Read(ctx context.Context, r Reader, q Query) (*State, error) {
	s := &State{
		Project: q.Project, Networks: map[string]engine.Network{}, Volumes: map[string]engine.Volume{},
		Images: map[string]engine.Image{},
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.Containers, err = r.Containers(ctx, engine.ContainerFilter{Project: q.Project})
		return err
	})
	if q.Networks {
		g.Go(func() error {
			list, err := r.Networks(ctx, q.Project, q.NetworkNames...)
			s.Networks = byName(list, func(n engine.Network) string { return n.Name })
			return err
		})
	}
	if q.Volumes {
		g.Go(func() error {
			list, err := r.Volumes(ctx, q.Project, q.VolumeNames...)
			s.Volumes = byName(list, func(v engine.Volume) string { return v.Name })
			return err
		})
	}
	if len(q.Images) > 0 {
		g.Go(func() (err error) {
			s.Images, err = r.Images(ctx, q.Images...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	sortContainers(s.Containers)
	return s, nil
}

func byName[T any](list []T, name func(T) string) map[string]T {
	out := make(map[string]T, len(list))
	for _, e := range list {
		out[name(e)] = e
	}
	return out
}

func sortContainers(list []engine.Container) {
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if x, y := a.Labels[labels.Service], b.Labels[labels.Service]; x != y {
			return x < y
		}
		if x, y := labels.ReplicaNumber(a.Labels), labels.ReplicaNumber(b.Labels); x != y {
			return x < y
		}
		return a.Name < b.Name
	})
}

// Replicas are the containers of a service, one-offs and hooks left out.
func (s *State) Replicas(service string) []engine.Container {
	var out []engine.Container
	for _, c := range s.Containers {
		if c.Labels[labels.Service] == service && !labels.IsOneOff(c.Labels) && !labels.IsHook(c.Labels) {
			out = append(out, c)
		}
	}
	return out
}

// Services lists the names of all services that have replicas, sorted.
func (s *State) Services() []string {
	seen := map[string]bool{}
	var out []string
	for _, c := range s.Containers {
		name := c.Labels[labels.Service]
		if name != "" && !seen[name] && !labels.IsOneOff(c.Labels) && !labels.IsHook(c.Labels) {
			seen[name] = true
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// Orphans are the containers of services that known does not name, and one-off
// containers that have ended.
func (s *State) Orphans(known map[string]bool) []engine.Container {
	var out []engine.Container
	for _, c := range s.Containers {
		switch {
		case labels.IsHook(c.Labels):
		case labels.IsOneOff(c.Labels):
			if c.State == engine.Exited || c.State == engine.Dead {
				out = append(out, c)
			}
		case !known[c.Labels[labels.Service]]:
			out = append(out, c)
		}
	}
	return out
}
