package plan_test

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// unchanged sees that what is called unchanged is not stopped or replaced.
func (s *soundness) unchanged() {
	s.t.Helper()
	for _, ref := range s.p.Unchanged {
		for _, n := range s.nodes {
			on, ok := subject(n.Op)
			if !ok || on.ID != ref.ID {
				continue
			}
			switch n.Op.(type) {
			case plan.Connect, plan.Disconnect, plan.Rename:
			default:
				s.fail("%s is called unchanged, but there is %s", ref.Name, n.ID)
			}
		}
	}
}

// networks sees that containers which stay end on the networks their service
// lists, and on no other ones of the project.
func (s *soundness) networks() {
	s.t.Helper()
	for _, k := range s.c.actual.Containers {
		svc, ok := s.c.desired.Service(k.Labels[labels.Service])
		if !ok || labels.IsOneOff(k.Labels) || labels.IsHook(k.Labels) || s.leaves(k.ID) {
			continue
		}
		if len(s.c.services()) > 0 && !slices.Contains(s.c.services(), svc.Name) || svc.Config.NetworkMode != "" {
			continue
		}
		got, want := s.endsOn(k), wanted(svc)
		if !slices.Equal(got, want) {
			s.fail("%s ends on networks %v, its service lists %v", k.Name, got, want)
		}
	}
}

// rejoined sees that no container that stays loses a network, whoever it belongs to.
func (s *soundness) rejoined() {
	s.t.Helper()
	for _, k := range s.c.actual.Containers {
		if s.leaves(k.ID) {
			continue
		}
		for name, a := range k.Networks {
			if (a.NetworkID == "" || s.c.actual.Networks[name].ID == a.NetworkID) && !slices.Contains(s.endsOn(k), name) {
				s.fail("%s is taken off network %s for good", k.Name, name)
			}
		}
	}
}

func wanted(svc desired.Service) []string {
	var out []string
	for _, e := range svc.Replica(1).Networks {
		out = append(out, e.Network)
	}
	slices.Sort(out)
	return out
}

func (s *soundness) leaves(id string) bool {
	return slices.ContainsFunc(s.nodes, func(n *plan.Node) bool {
		o, ok := n.Op.(plan.Remove)
		return ok && o.Container.ID == id
	})
}

// endsOn are the networks a container is on in the end. One that it knows by the
// ID of a network that is gone does not count.
func (s *soundness) endsOn(k engine.Container) []string {
	on := map[string]bool{}
	for name, a := range k.Networks {
		on[name] = (a.NetworkID == "" || s.c.actual.Networks[name].ID == a.NetworkID)
	}
	for _, n := range s.nodes {
		switch o := n.Op.(type) {
		case plan.Disconnect:
			if o.Container.ID == k.ID {
				on[o.Network] = false
			}
		case plan.Connect:
			if o.Container.ID == k.ID {
				on[o.Endpoint.Network] = true
			}
		}
	}
	var out []string
	for name, yes := range on {
		if yes {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// anonymous sees that a container which is replaced, in whatever way, hands its
// anonymous volumes on.
func (s *soundness) anonymous() {
	s.t.Helper()
	for _, k := range s.c.actual.Containers {
		if s.c.flag("-V") || !s.leaves(k.ID) || labels.IsOneOff(k.Labels) || labels.IsHook(k.Labels) || k.State == engine.Created {
			continue
		}
		for _, m := range k.Mounts {
			if len(m.Name) != 64 {
				continue
			}
			for _, n := range s.nodes {
				op, ok := n.Op.(plan.CreateContainer)
				if !ok || n.Service != k.Labels[labels.Service] || op.Spec.Labels[labels.Number] != k.Labels[labels.Number] {
					continue
				}
				if !slices.ContainsFunc(op.Spec.Mounts, func(v types.ServiceVolumeConfig) bool { return v.Source == m.Name }) {
					s.fail("%s does not inherit the volume that %s has at %s", n.ID, k.Name, m.Destination)
				}
			}
		}
	}
}

// units sees that a replacement which has begun can be carried through: whatever
// its committing nodes need belongs to it, or is done before the first of them.
func (s *soundness) units() {
	s.t.Helper()
	var first []*plan.Node
	unit := map[string]string{}
	for _, n := range s.nodes {
		if n.Committing {
			unit[n.ID] = n.Unit
			begins := !slices.ContainsFunc(s.p.Graph().Needs(n.ID), func(id string) bool { return unit[id] == n.Unit })
			if begins {
				first = append(first, n)
			}
		}
	}
	for _, n := range s.nodes {
		if !n.Committing {
			continue
		}
		for _, need := range s.p.Graph().Needs(n.ID) {
			if unit[need] == n.Unit {
				continue
			}
			for _, begin := range first {
				if begin.Unit == n.Unit && begin != n && !s.follows(begin.ID, need) {
					s.fail("%s needs %s, which may not have run when %s begins: an interruption in between leaves the service without a container",
						n.ID, need, begin.ID)
				}
			}
		}
	}
}
