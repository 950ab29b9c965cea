package execute_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// The engine finishes, after the plan was made, what a killed command had asked for.

func TestARemovalStopsAContainerThatWasStartedMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		id := running(t, e, spec("web", false))
		p := single(id, func(ref plan.Ref) plan.Operation { return plan.Remove{Container: ref, Stops: true} })
		if _, err := execute.Run(t.Context(), p, e, execute.Options{}); err != nil {
			t.Error(err)
		}
		if e.Count("StopContainer") != 1 || len(e.Snapshot().Containers) != 0 {
			t.Errorf("the container is not stopped and removed: %+v", e.Snapshot().Containers)
		}
	})
}

func TestAContainerThatWasJoinedToANetworkMeanwhileIsOnIt(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		s := spec("web", false)
		s.Networks = []engine.Endpoint{{Network: "bridge"}}
		id := running(t, e, s)
		if _, err := e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: "p_back"}); err != nil {
			t.Fatal(err)
		}
		join := func(ref plan.Ref) plan.Operation {
			return plan.Connect{Container: ref, Endpoint: engine.Endpoint{Network: "p_back"}}
		}
		for range 2 {
			if _, err := execute.Run(t.Context(), single(id, join), e, execute.Options{}); err != nil {
				t.Error(err)
			}
		}
		gone := func(ref plan.Ref) plan.Operation {
			return plan.Connect{Container: ref, Endpoint: engine.Endpoint{Network: "p_gone"}}
		}
		if _, err := execute.Run(t.Context(), single(id, gone), e, execute.Options{}); err == nil {
			t.Error("a network that is not there was joined")
		}
	})
}

func TestAContainerThatWasRenamedMeanwhileHasItsName(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		id := running(t, e, spec("web", false))
		running(t, e, spec("db", false))
		rename := func(name string) error {
			_, err := execute.Run(t.Context(), single(id, func(ref plan.Ref) plan.Operation {
				return plan.Rename{Container: ref, Name: name}
			}), e, execute.Options{})
			return err
		}
		if err := rename("p-web-1"); err != nil {
			t.Error(err)
		}
		if err := rename("p-db-1"); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("error is %v, want a conflict", err)
		}
	})
}

func TestAContainerThatWasMadeMeanwhileAndIsNobodysGivesItsNameBack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*engine.ContainerSpec)
		runs   bool
		goes   bool
	}{
		"never started":           {goes: true},
		"running":                 {runs: true},
		"of another project":      {change: func(s *engine.ContainerSpec) { s.Labels[labels.Project] = "q" }},
		"of nobody":               {change: func(s *engine.ContainerSpec) { s.Labels = nil }},
		"another replica renamed": {change: func(s *engine.ContainerSpec) { s.Labels[labels.Number] = "2" }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *enginetest.Engine) {
				s := spec("web", false)
				s.Labels = maps.Clone(s.Labels)
				if c.change != nil {
					c.change(&s)
				}
				made, err := e.CreateContainer(t.Context(), s)
				if err == nil && c.runs {
					err = e.StartContainer(t.Context(), made.ID)
				}
				if err != nil {
					t.Fatal(err)
				}
				p := plan.New("p")
				up(p, spec("web", false))
				_, err = execute.Run(t.Context(), p, e, execute.Options{})
				if c.goes != (err == nil) || !c.goes && !errors.Is(err, engine.ErrConflict) {
					t.Errorf("error is %v", err)
				}
				if list := e.Snapshot().Containers; len(list) != 1 || (list[0].ID == made.ID) == c.goes {
					t.Errorf("containers are %+v", list)
				}
			})
		})
	}
}

// naming is an engine that takes a container's name some time before it makes
// the container, which it then fails to make.
type naming struct {
	*enginetest.Engine
	tries *int
}

func (e naming) CreateContainer(ctx context.Context, s engine.ContainerSpec) (engine.CreatedContainer, error) {
	if *e.tries++; *e.tries < 4 {
		return engine.CreatedContainer{}, &engine.Error{Op: "create container", Name: s.Name, Kind: engine.ErrConflict, Text: "name in use"}
	}
	return e.Engine.CreateContainer(ctx, s)
}

func TestANameThatIsTakenByNoContainerYetIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, e *enginetest.Engine) {
		p := plan.New("p")
		up(p, spec("web", false))
		tries := 0
		if _, err := execute.Run(t.Context(), p, naming{e, &tries}, execute.Options{}); err != nil {
			t.Error(err)
		}
		tries = -1000
		q := plan.New("p")
		up(q, spec("db", false))
		if _, err := execute.Run(t.Context(), q, naming{e, &tries}, execute.Options{}); !errors.Is(err, engine.ErrConflict) {
			t.Errorf("error is %v: the name is never had", err)
		}
	})
}
