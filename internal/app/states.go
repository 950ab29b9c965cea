package app

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/internal/project"
)

// readStates reads the actual state and works out the desired one.
func (a *App) readStates(ctx context.Context, s *upState) error {
	r, p := s.request, s.loaded.Project
	refs := imageRefs(p, separator(r.Project))
	var err error
	s.actual, err = actual.Read(ctx, s.engine, query(p, refs))
	if err != nil {
		return err
	}
	if err := a.refuseForeign(s.actual, p.WorkingDir, r.TakeOver); err != nil {
		return err
	}
	s.work, err = a.imageWork(ctx, s, refs)
	if err != nil {
		return err
	}
	if err := a.redesire(ctx, s); err != nil {
		return err
	}
	if hasMAC(s.desired) {
		info, err := s.engine.Info(ctx)
		if err != nil {
			return err
		}
		s.joinsLoseMAC = info.JoinsLoseMAC
	}
	return a.readStarts(ctx, s)
}

// hasMAC tells whether some container is to have a hardware address on a network.
func hasMAC(d *desired.State) bool {
	for _, svc := range d.Services {
		for _, e := range svc.Replica(1).Networks {
			if e.HardwareAddress() != "" {
				return true
			}
		}
	}
	return false
}

// redesire works out the desired state with the images that are known now.
func (a *App) redesire(ctx context.Context, s *upState) error {
	var err error
	s.desired, err = a.desire(s.loaded, s.request.Project, s.actual.Images, s.pinned)
	if err != nil {
		return err
	}
	return a.adopt(ctx, s)
}

// readStarts asks when the containers that share a namespace, and those whose it
// is, were started.
func (a *App) readStarts(ctx context.Context, s *upState) error {
	ids := plan.SharesNamespaces(s.desired, s.actual)
	starts := make([]time.Time, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(adoptLimit)
	for i, id := range ids {
		g.Go(func() error {
			c, err := s.engine.InspectContainer(ctx, id)
			if errors.Is(err, engine.ErrNotFound) {
				return nil // it has gone since the list
			}
			starts[i] = c.StartedAt
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.started = map[string]time.Time{}
	for i, id := range ids {
		if !starts[i].IsZero() {
			s.started[id] = starts[i]
		}
	}
	return nil
}

// models gives services the variables by which they reach their models.
func (a *App) models(ctx context.Context, p *types.Project) error {
	env, err := a.opt.Provider.ModelEnv(ctx, p)
	if err != nil {
		return err
	}
	for name, list := range env {
		svc := p.Services[name]
		merged := types.NewMappingWithEquals(list).OverrideBy(svc.Environment)
		svc.Environment = merged
		p.Services[name] = svc
	}
	return nil
}

// scale applies --scale.
func scale(p *types.Project, want map[string]int) error {
	for _, name := range sortedKeys(want) {
		svc, ok := p.Services[name]
		if !ok {
			return project.NoSuchService(name, p.ServiceNames())
		}
		svc.SetScale(want[name])
		p.Services[name] = svc
	}
	return nil
}

// query asks for what the project has and for what it names from elsewhere.
func query(p *types.Project, refs []string) actual.Query {
	q := actual.Query{Project: p.Name, Images: refs, Networks: len(p.Networks) > 0, Volumes: len(p.Volumes) > 0}
	for _, n := range p.Networks {
		q.NetworkNames = append(q.NetworkNames, n.Name)
	}
	for _, v := range p.Volumes {
		q.VolumeNames = append(q.VolumeNames, v.Name)
	}
	sort.Strings(q.NetworkNames)
	sort.Strings(q.VolumeNames)
	return q
}

// adopt compares, field by field, containers that another tool made from what
// may be the same files.
func (a *App) adopt(ctx context.Context, s *upState) error {
	s.adopted = map[string][]engine.Change{}
	type result struct {
		id      string
		changes []engine.Change
	}
	results := make(chan result, len(s.actual.Containers))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(adoptLimit)
	for _, svc := range s.desired.Services {
		for _, c := range s.actual.Replicas(svc.Name) {
			if !plan.NeedsInspection(svc, c) {
				continue
			}
			spec := svc.Replica(numberOf(c))
			spec.VolumesFrom = slices.Clone(spec.VolumesFrom)
			if resolveParents(&spec, firstReplicas(s.actual.Containers)) != nil {
				continue // its parent is gone, and so must it be replaced
			}
			g.Go(func() error {
				changes, err := s.engine.Compare(ctx, spec, c.ID)
				results <- result{c.ID, changes}
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	close(results)
	for r := range results {
		s.adopted[r.id] = r.changes
	}
	return nil
}

// adoptLimit is how many containers are compared at the same time.
const adoptLimit = 16
