package enginetest

import (
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// imageBehaviours are about local images. They need no registry.
func imageBehaviours() []Behaviour {
	return []Behaviour{
		{"local images are found by the references as given", func(s *subject) {
			name := strings.TrimSuffix(ContractImage, ":latest")
			byName, err := s.e.Images(s.Context(), ContractImage, name, "docker.io/"+name, "berth-test/missing:1")
			s.fine(err)
			if len(byName) != 3 || byName[name].ID != byName[ContractImage].ID || byName["docker.io/"+name].ID == "" {
				s.Errorf("got %+v", byName)
			}
			id := byName[ContractImage].ID
			byID, err := s.e.Images(s.Context(), id, strings.TrimPrefix(id, "sha256:")[:12])
			s.fine(err)
			if len(byID) != 2 || byID[id].ID != id {
				s.Errorf("got %+v", byID)
			}
		}},
		{"an inspection tells an image's platform", func(s *subject) {
			img, err := s.e.InspectImage(s.Context(), ContractImage)
			s.fine(err)
			if img.OS != "linux" || img.Architecture == "" || !strings.HasPrefix(img.ID, "sha256:") {
				s.Errorf("got %+v", img)
			}
		}},
		{"a missing image is not found by its requests", func(s *subject) {
			const missing = "berth-test/missing:1"
			_, err := s.e.InspectImage(s.Context(), missing)
			s.refused(err, engine.ErrNotFound, "No such image: "+missing)
			s.refused(s.e.RemoveImage(s.Context(), missing, false), engine.ErrNotFound, "No such image: "+missing)
			s.refused(s.e.TagImage(s.Context(), missing, s.tag("a")), engine.ErrNotFound, "No such image: "+missing)
		}},
		{"an image has several tags, and stays as long as it has one", func(s *subject) {
			tag := s.tag("a")
			s.fine(s.e.TagImage(s.Context(), ContractImage, tag))
			found, err := s.e.Images(s.Context(), ContractImage, tag)
			s.fine(err)
			if len(found) != 2 || found[tag].ID != found[ContractImage].ID {
				s.Errorf("got %+v", found)
			}
			s.fine(s.e.RemoveImage(s.Context(), tag, false))
			found, err = s.e.Images(s.Context(), ContractImage, tag)
			s.fine(err)
			if _, there := found[tag]; there || len(found) != 1 {
				s.Errorf("after removing the tag: got %+v", found)
			}
		}},
		{"a container shows the reference it was made from", func(s *subject) {
			tag := s.tag("b")
			s.fine(s.e.TagImage(s.Context(), ContractImage, tag))
			spec := s.sleeper("a")
			spec.Image = tag
			id := s.create(spec)
			equal(s, "image", s.row(id).Image, tag)
			s.fine(s.e.RemoveImage(s.Context(), tag, true))
			equal(s, "image without its tag", s.row(id).Image, s.row(id).ImageID)
			equal(s, "image of the inspection", s.detail(id).Image, tag)
		}},
	}
}

// tag is a reference of the test's own; the tests remove it.
func (s *subject) tag(name string) string { return "berth-test/contract:" + s.name(name) }
