package enginetest

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// volume creates a volume and returns its name.
func (s *subject) volume(name string) string {
	s.Helper()
	made, err := s.e.CreateVolume(s.Context(), engine.VolumeSpec{Name: s.name(name), Labels: s.labels()})
	s.fine(err)
	return made
}

// mounting is a container with a volume at /data; an anonymous one without a
// name.
func (s *subject) mounting(name, volume string, command ...string) engine.ContainerSpec {
	spec := s.spec(name, command...)
	spec.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Source: volume, Target: "/data"}}
	return spec
}

// hasVolume tells whether the engine has the volume.
func (s *subject) hasVolume(name string) bool {
	s.Helper()
	list, err := s.e.Volumes(s.Context(), "", name)
	s.fine(err)
	return len(list) == 1
}

// volumeBehaviours are about volumes and what is in them.
func volumeBehaviours() []Behaviour {
	return []Behaviour{
		{"creating a volume again keeps it", func(s *subject) {
			equal(s, "name", s.volume("v"), s.name("v"))
			equal(s, "name", s.volume("v"), s.name("v"))
			list, err := s.e.Volumes(s.Context(), s.project)
			s.fine(err)
			if len(list) != 1 || list[0].Driver != "local" || list[0].Labels[projectLabel] != s.project || list[0].Mountpoint == "" {
				s.Errorf("got %+v", list)
			}
		}},
		{"a missing volume is not found, unless forced", func(s *subject) {
			s.refused(s.e.RemoveVolume(s.Context(), s.name("missing"), false), engine.ErrNotFound, "no such volume")
			s.fine(s.e.RemoveVolume(s.Context(), s.name("missing"), true))
		}},
		{"a container makes the volumes it names, without labels", func(s *subject) {
			name := s.name("implicit")
			s.Cleanup(func() { s.drop(name) })
			s.create(s.mounting("a", name, "sleep", "1000"))
			list, err := s.e.Volumes(s.Context(), "", name)
			s.fine(err)
			if len(list) != 1 || len(list[0].Labels) != 0 {
				s.Errorf("got %+v", list)
			}
		}},
		{"a volume keeps its data when its container is removed", volumesKeepData},
		{"a volume is in use as long as a container has it", func(s *subject) {
			name := s.volume("v")
			id := s.create(s.mounting("a", name, "sleep", "1000"))
			s.refused(s.e.RemoveVolume(s.Context(), name, false), engine.ErrInUse, "volume is in use - ["+id+"]")
			s.refused(s.e.RemoveVolume(s.Context(), name, true), engine.ErrInUse, "volume is in use")
			s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{}))
			s.fine(s.e.RemoveVolume(s.Context(), name, false))
			equal(s, "still there", s.hasVolume(name), false)
		}},
	}
}

// anonymousVolumeBehaviours are about volumes without a name.
func anonymousVolumeBehaviours() []Behaviour {
	return []Behaviour{
		{"removing a container with its volumes removes the anonymous ones", anonymousVolumesGo},
		{"an anonymous volume moves to another container by its name", anonymousVolumesMove},
		{"the volumes that an image declares are anonymous", func(s *subject) {
			spec := s.sleeper("a")
			spec.Image = ContractVolumeImage
			id := s.create(spec)
			name := s.anonymous(id)
			equal(s, "path", s.row(id).Mounts[0].Destination, "/data")
			s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{Volumes: true}))
			equal(s, "kept", s.hasVolume(name), false)
			covered := s.mounting("b", s.volume("v"), "sleep", "1000")
			covered.Image = ContractVolumeImage
			mounts := s.row(s.create(covered)).Mounts
			if len(mounts) != 1 || mounts[0].Name != s.name("v") {
				s.Errorf("under a named volume: got %+v", mounts)
			}
		}},
		{"volumes_from mounts what the other container has", func(s *subject) {
			name := s.volume("v")
			owner := s.create(s.mounting("owner", name, "sleep", "1000"))
			spec := s.sleeper("guest")
			spec.VolumesFrom = []string{owner + ":ro"}
			mounts := s.row(s.create(spec)).Mounts
			if len(mounts) != 1 || mounts[0].Name != name || mounts[0].Destination != "/data" || mounts[0].RW {
				s.Errorf("got %+v", mounts)
			}
		}},
	}
}

// drop removes a volume that carries no label by which clean would find it.
func (s *subject) drop(name string) {
	s.clean()
	if err := s.e.RemoveVolume(s.cleanupContext(), name, true); err != nil {
		s.Errorf("clean up: %v", err)
	}
}

func volumesKeepData(s *subject) {
	name := s.volume("v")
	writer := s.run(s.mounting("writer", name, "echo kept > /data/file"))
	s.reaches(writer, engine.Exited)
	s.fine(s.e.RemoveContainer(s.Context(), writer, engine.RemoveOptions{Volumes: true}))
	reader := s.run(s.mounting("reader", name, "cat /data/file"))
	s.says(reader, "kept")
	mounts := s.row(reader).Mounts
	if len(mounts) != 1 || mounts[0].Type != "volume" || mounts[0].Name != name || !mounts[0].RW {
		s.Errorf("got %+v", mounts)
	}
}

// anonymous is the name of the container's only volume.
func (s *subject) anonymous(id string) string {
	s.Helper()
	mounts := s.row(id).Mounts
	const nameLength = 64
	if len(mounts) != 1 || len(mounts[0].Name) != nameLength {
		s.Fatalf("got %+v", mounts)
	}
	return mounts[0].Name
}

func anonymousVolumesGo(s *subject) {
	first := s.create(s.mounting("a", "", "sleep", "1000"))
	kept := s.anonymous(first)
	s.Cleanup(func() { s.drop(kept) })
	s.fine(s.e.RemoveContainer(s.Context(), first, engine.RemoveOptions{}))
	equal(s, "kept without being asked to remove it", s.hasVolume(kept), true)
	second := s.create(s.mounting("b", "", "sleep", "1000"))
	gone := s.anonymous(second)
	s.fine(s.e.RemoveContainer(s.Context(), second, engine.RemoveOptions{Volumes: true}))
	equal(s, "kept after being asked to remove it", s.hasVolume(gone), false)
}

func anonymousVolumesMove(s *subject) {
	first := s.create(s.mounting("a", "", "sleep", "1000"))
	name := s.anonymous(first)
	s.Cleanup(func() { s.drop(name) })
	second := s.create(s.mounting("b", name, "sleep", "1000"))
	s.fine(s.e.RemoveContainer(s.Context(), first, engine.RemoveOptions{Volumes: true}))
	equal(s, "there after its first container", s.hasVolume(name), true)
	if mounts := s.row(second).Mounts; !slices.ContainsFunc(mounts, func(m engine.Mount) bool { return m.Name == name }) {
		s.Errorf("got %+v", mounts)
	}
	s.fine(s.e.RemoveContainer(s.Context(), second, engine.RemoveOptions{Volumes: true}))
	equal(s, "there after its second container", s.hasVolume(name), true)
}
