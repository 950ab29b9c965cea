package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
)

// gaps lists the keys that this engine cannot honour where leaving them out
// would make another container of it; with --strict, all that have no effect.
// The others are told in one warning, when a container is to be made.
func (a *App) gaps(ctx context.Context, s *upState, p *plan.Plan) ([]plan.Problem, error) {
	creating, err := created(p)
	if err != nil {
		return nil, err
	}
	var problems []plan.Problem
	var idle []string
	for _, svc := range s.desired.Services {
		if !creating[svc.Name] {
			continue
		}
		found, err := s.engine.Gaps(ctx, svc.Replica(1))
		if err != nil {
			return nil, err
		}
		for _, g := range found {
			if g.Fatal || s.request.Strict {
				problems = append(problems, plan.Problem{Where: a.where(s, g), Text: g.Reason()})
			} else if g.NeedsAPI == "" {
				idle = append(idle, a.where(s, g))
			}
		}
	}
	if len(idle) > 0 {
		a.warn(fmt.Sprintf("without effect on a single engine: %s (--strict makes this an error)", strings.Join(idle, ", ")))
	}
	return problems, nil
}

// created names the services of which a plan makes containers.
func created(p *plan.Plan) (map[string]bool, error) {
	nodes, err := p.Nodes()
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, n := range nodes {
		if _, ok := n.Op.(plan.CreateContainer); ok {
			out[n.Service] = true
		}
	}
	return out, nil
}

// where is the place of a key: "compose.yaml:12: services.web.deploy...".
func (a *App) where(s *upState, g engine.Gap) string {
	file, line, ok := s.loaded.Where(append([]string{"services", g.Service}, strings.Split(g.Key, ".")...)...)
	if !ok {
		return g.Path()
	}
	return fmt.Sprintf("%s:%d: %s", file, line, g.Path())
}
