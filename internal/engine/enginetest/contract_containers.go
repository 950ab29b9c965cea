package enginetest

import (
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// containerBehaviours are about containers that do not run yet, names and
// lists.
func containerBehaviours() []Behaviour {
	return []Behaviour{
		{"an engine says which API version it speaks", func(s *subject) {
			info, err := s.e.Info(s.Context())
			s.fine(err)
			if info.APIVersion == "" || info.OS == "" || s.e.Endpoint() == "" {
				s.Errorf("got %+v at %q", info, s.e.Endpoint())
			}
		}},
		{"a new container is listed as created", aNewContainerIsListed},
		{"the list is narrowed by project or name, and by labels", theListIsNarrowed},
		{"a container is found by its ID, its name and the start of its ID", func(s *subject) {
			id := s.create(s.sleeper("a"))
			for _, ref := range []string{id, s.name("a"), id[:12]} {
				equal(s, "found by "+ref, s.detail(ref).ID, id)
			}
		}},
		{"a name can be had once", func(s *subject) {
			id := s.create(s.sleeper("a"))
			_, err := s.e.CreateContainer(s.Context(), s.sleeper("a"))
			s.refused(err, engine.ErrConflict, `The container name "/`+s.name("a")+`" is already in use by container "`+id+`"`)
		}},
		{"of several creations of one name at once one succeeds", func(s *subject) {
			const tries = 5
			results := make(chan error, tries)
			for range tries {
				go func() { _, err := s.e.CreateContainer(s.Context(), s.sleeper("a")); results <- err }()
			}
			made := 0
			for range tries {
				if err := <-results; err == nil {
					made++
				} else {
					s.refused(err, engine.ErrConflict, "is already in use by container")
				}
			}
			equal(s, "containers made", made, 1)
		}},
		{"a missing image is not found, and nothing is created", func(s *subject) {
			spec := s.sleeper("a")
			spec.Image = "berth-test/missing:1"
			_, err := s.e.CreateContainer(s.Context(), spec)
			s.refused(err, engine.ErrNotFound, "No such image: berth-test/missing:1")
			list, err := s.e.Containers(s.Context(), engine.ContainerFilter{Project: s.project})
			s.fine(err)
			equal(s, "containers", len(list), 0)
		}},
	}
}

// nameBehaviours are about changing names and removal.
func nameBehaviours() []Behaviour {
	return []Behaviour{
		{"a missing container is not found by any request", aMissingContainerIsNotFound},
		{"a renamed container has its new name only", aRenamedContainerHasItsNewName},
		{"a name that is taken cannot be renamed to", func(s *subject) {
			s.create(s.sleeper("a"))
			id := s.create(s.sleeper("b"))
			err := s.e.RenameContainer(s.Context(), id, s.name("a"))
			s.refused(err, engine.ErrConflict, "is already in use by container")
			equal(s, "name", s.row(id).Name, s.name("b"))
		}},
		{"a removed container is gone, and its name is free", func(s *subject) {
			id := s.create(s.sleeper("a"))
			s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{}))
			_, err := s.e.InspectContainer(s.Context(), id)
			s.refused(err, engine.ErrNotFound, "No such container: "+id)
			s.create(s.sleeper("a"))
		}},
		{"a running container is removed by force only", func(s *subject) {
			id := s.run(s.sleeper("a"))
			err := s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{})
			s.refused(err, engine.ErrRunning, "running")
			s.fine(s.e.RemoveContainer(s.Context(), id, engine.RemoveOptions{Force: true}))
		}},
	}
}

func aNewContainerIsListed(s *subject) {
	spec := s.sleeper("a")
	spec.Labels["more"] = "label"
	id := s.create(spec)
	c := s.row(id)
	const idLength = 64
	equal(s, "length of the ID", len(id), idLength)
	equal(s, "name", c.Name, s.name("a"))
	equal(s, "state", c.State, engine.Created)
	equal(s, "status", c.Status, "Created")
	equal(s, "exit code", c.ExitCode, 0)
	equal(s, "health", c.Health, engine.NoHealth)
	equal(s, "image", c.Image, ContractImage)
	equal(s, "label", c.Labels["more"], "label")
	if !strings.HasPrefix(c.ImageID, "sha256:") {
		s.Errorf("image ID %q", c.ImageID)
	}
	if c.IsRunning() || c.Created.IsZero() {
		s.Errorf("running %v, created at %v", c.IsRunning(), c.Created)
	}
}

func theListIsNarrowed(s *subject) {
	a, b := s.sleeper("a"), s.sleeper("b")
	a.Labels["kind"] = "one"
	b.Labels["kind"] = "two"
	s.create(a)
	s.create(b)
	for _, test := range []struct {
		filter engine.ContainerFilter
		want   int
	}{
		{engine.ContainerFilter{Project: s.project}, 2},
		{engine.ContainerFilter{Project: s.project, Labels: map[string]string{"kind": "one"}}, 1},
		{engine.ContainerFilter{Project: s.project, Labels: map[string]string{"kind": ""}}, 2},
		{engine.ContainerFilter{Names: []string{a.Name}}, 1},
		{engine.ContainerFilter{Names: []string{a.Name[:len(a.Name)-1]}}, 0},
		{engine.ContainerFilter{Project: s.project + "x"}, 0},
		{engine.ContainerFilter{Project: s.project + "x", Names: []string{b.Name}}, 1},
	} {
		list, err := s.e.Containers(s.Context(), test.filter)
		s.fine(err)
		if len(list) != test.want {
			s.Errorf("%+v: got %d containers, want %d", test.filter, len(list), test.want)
		}
	}
}

func aMissingContainerIsNotFound(s *subject) {
	e, ctx, id := s.e, s.Context(), s.name("missing")
	_, inspect := e.InspectContainer(ctx, id)
	_, wait := e.WaitContainer(ctx, id)
	_, exec := e.Exec(ctx, id, engine.ExecSpec{Cmd: []string{"true"}}, engine.Streams{})
	_, top := e.Top(ctx, id, nil)
	for what, err := range map[string]error{
		"inspect": inspect, "wait": wait, "exec": exec, "top": top,
		"start":   e.StartContainer(ctx, id),
		"stop":    e.StopContainer(ctx, id, engine.StopOptions{}),
		"restart": e.RestartContainer(ctx, id, engine.StopOptions{}),
		"kill":    e.KillContainer(ctx, id, ""),
		"pause":   e.PauseContainer(ctx, id),
		"unpause": e.UnpauseContainer(ctx, id),
		"rename":  e.RenameContainer(ctx, id, s.name("other")),
		"remove":  e.RemoveContainer(ctx, id, engine.RemoveOptions{Force: true}),
		"copy":    e.CopyFiles(ctx, id, []engine.File{{Target: "/a", Content: []byte("a")}}),
		"logs":    e.Logs(ctx, id, engine.LogOptions{}, nil, nil),
		"attach":  e.Attach(ctx, id, engine.AttachOptions{}, engine.Streams{}),
	} {
		if err == nil {
			s.Errorf("%s: no error", what)
			continue
		}
		s.refused(err, engine.ErrNotFound, "No such container")
	}
}

func aRenamedContainerHasItsNewName(s *subject) {
	id := s.run(s.sleeper("a"))
	s.fine(s.e.RenameContainer(s.Context(), id, s.name("b")))
	equal(s, "name", s.row(id).Name, s.name("b"))
	_, err := s.e.InspectContainer(s.Context(), s.name("a"))
	s.refused(err, engine.ErrNotFound, "No such container")
	s.create(s.sleeper("a"))
}
