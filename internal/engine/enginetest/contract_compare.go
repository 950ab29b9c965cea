package enginetest

import (
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// compareBehaviours are about what a container would be made anew.
func compareBehaviours() []Behaviour {
	rich := func(s *subject) engine.ContainerSpec {
		spec := s.checked("a", "CMD", "true")
		one := "one"
		spec.Service.Environment = types.MappingWithEquals{"A": &one}
		spec.Service.WorkingDir = "/tmp"
		spec.Service.Restart = "on-failure:3"
		spec.Networks = []engine.Endpoint{{Network: s.name("n"), Aliases: []string{"a"}}}
		spec.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Source: s.name("v"), Target: "/data"}}
		return spec
	}
	return []Behaviour{
		{"a container is the same as the spec it was made of", func(s *subject) {
			s.network("n")
			s.volume("v")
			spec := rich(s)
			id := s.create(spec)
			s.same(spec, id)
			s.fine(s.e.StartContainer(s.Context(), id))
			s.same(spec, id)
		}},
		{"a changed variable is a difference", func(s *subject) {
			s.network("n")
			s.volume("v")
			id := s.create(rich(s))
			spec := rich(s)
			two := "two"
			spec.Service.Environment["A"] = &two
			changes, err := s.e.Compare(s.Context(), spec, id)
			s.fine(err)
			if len(changes) != 1 {
				s.Errorf("got %+v", changes)
			}
		}},
	}
}

// same checks that nothing would change.
func (s *subject) same(spec engine.ContainerSpec, id string) {
	s.Helper()
	changes, err := s.e.Compare(s.Context(), spec, id)
	s.fine(err)
	if len(changes) > 0 {
		s.Errorf("got %+v", changes)
	}
}
