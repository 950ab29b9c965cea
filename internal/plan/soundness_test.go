package plan_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// checkSound sees that a plan can be carried out whatever runs side by side, and
// that it leads where the files say.
func checkSound(t *testing.T, c *testCase, p *plan.Plan) {
	t.Helper()
	nodes, err := p.Nodes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Steps(); err != nil {
		t.Error(err)
	}
	s := &soundness{t: t, c: c, p: p, nodes: nodes, found: map[string]bool{}}
	for _, n := range nodes {
		s.references(n)
		s.resources(n)
		s.removal(n)
		s.names(n)
		s.ports(n)
		s.providers(n)
		s.secrets(n)
	}
	s.unchanged()
	s.units()
	if c.args[0] == "up" && len(p.Problems) == 0 {
		s.networks()
		s.rejoined()
		s.anonymous()
	}
}

type soundness struct {
	t     *testing.T
	c     *testCase
	p     *plan.Plan
	nodes []*plan.Node
	found map[string]bool
}

// fail reports each finding once.
func (s *soundness) fail(format string, args ...any) {
	s.t.Helper()
	text := fmt.Sprintf(format, args...)
	if !s.found[text] {
		s.t.Error(text)
	}
	s.found[text] = true
}

// follows tells whether a node comes after another one.
func (s *soundness) follows(id, before string) bool {
	for _, need := range s.p.Graph().Needs(id) {
		if need == before || s.follows(need, before) {
			return true
		}
	}
	return false
}

func (s *soundness) mustFollow(n *plan.Node, before, why string) {
	s.t.Helper()
	if n.ID != before && !s.follows(n.ID, before) {
		s.fail("%s does not come after %s: %s", n.ID, before, why)
	}
}

// references sees that a container is made before anything is done with it.
func (s *soundness) references(n *plan.Node) {
	s.t.Helper()
	for _, ref := range refs(n.Op) {
		if ref.From != "" {
			s.mustFollow(n, ref.From, "it needs that container")
		} else if ref.ID == "" {
			s.fail("%s refers to no container: %+v", n.ID, ref)
		}
	}
}

// refs are the containers an operation deals with.
func refs(op plan.Operation) []plan.Ref {
	switch o := op.(type) {
	case plan.Wait:
		return o.Containers
	case plan.CreateContainer:
		var out []plan.Ref
		for _, ref := range []*plan.Ref{o.Network, o.IPC, o.PID, o.Replaces} {
			if ref != nil {
				out = append(out, *ref)
			}
		}
		for _, from := range o.VolumesFrom {
			out = append(out, from.Container)
		}
		return out
	}
	if ref, ok := subject(op); ok {
		return []plan.Ref{ref}
	}
	return nil
}

// subject is the one existing container an operation changes.
func subject(op plan.Operation) (plan.Ref, bool) {
	switch o := op.(type) {
	case plan.Start:
		return o.Container, true
	case plan.Stop:
		return o.Container, true
	case plan.Restart:
		return o.Container, true
	case plan.Remove:
		return o.Container, true
	case plan.Rename:
		return o.Container, true
	case plan.CopyFiles:
		return o.Container, true
	case plan.Hook:
		return o.Container, true
	case plan.Connect:
		return o.Container, true
	case plan.Disconnect:
		return o.Container, true
	case plan.Kill:
		return o.Container, true
	case plan.Pause:
		return o.Container, true
	case plan.Unpause:
		return o.Container, true
	}
	return plan.Ref{}, false
}

// resources sees that networks and volumes are there when they are used.
func (s *soundness) resources(n *plan.Node) {
	s.t.Helper()
	made := map[string]string{}
	for _, other := range s.nodes {
		switch o := other.Op.(type) {
		case plan.CreateNetwork:
			made["network "+o.Spec.Name] = other.ID
		case plan.CreateVolume:
			made["volume "+o.Spec.Name] = other.ID
		}
	}
	need := func(key string) {
		if id := made[key]; id != "" {
			s.mustFollow(n, id, "it needs "+key)
		}
	}
	switch o := n.Op.(type) {
	case plan.CreateContainer:
		for _, e := range o.Spec.Networks {
			need("network " + e.Network)
		}
		for _, m := range o.Spec.Mounts {
			need("volume " + m.Source)
		}
	case plan.Connect:
		need("network " + o.Endpoint.Network)
	}
}

// removal sees that nothing is done with a container after its removal, its stop
// included.
func (s *soundness) removal(n *plan.Node) {
	s.t.Helper()
	gone, ok := n.Op.(plan.Remove)
	if !ok || gone.Container.ID == "" {
		return
	}
	for _, other := range s.nodes {
		if ref, ok := subject(other.Op); ok && ref.ID == gone.Container.ID {
			s.mustFollow(n, other.ID, "it removes the container that is used there")
		}
	}
}

// names sees that a name is free when a container takes it.
func (s *soundness) names(n *plan.Node) {
	s.t.Helper()
	name := ""
	switch o := n.Op.(type) {
	case plan.CreateContainer:
		name = o.Spec.Name
	case plan.Rename:
		name = o.Name
	}
	freed := map[string]string{} // container ID: the rename that takes its name away
	for _, other := range s.nodes {
		if o, ok := other.Op.(plan.Rename); ok && o.Retiring {
			freed[o.Container.ID] = other.ID
		}
	}
	for _, other := range s.nodes {
		o, ok := other.Op.(plan.Remove)
		if !ok || name == "" || o.Container.ID == "" || s.nameOf(o.Container.ID) != name {
			continue
		}
		by := other.ID
		if id := freed[o.Container.ID]; id != "" {
			by = id
		}
		s.mustFollow(n, by, "that frees the name "+name)
	}
}

func (s *soundness) nameOf(id string) string {
	for _, k := range s.c.actual.Containers {
		if k.ID == id {
			return k.Name
		}
	}
	return ""
}

// ports sees that a host port is free when a container takes it at its start.
func (s *soundness) ports(n *plan.Node) {
	s.t.Helper()
	start, ok := n.Op.(plan.Start)
	svc, known := s.c.desired.Service(n.Service)
	if !ok || !known || start.Container.From == "" || strings.HasPrefix(start.Container.From, "hook/") {
		return
	}
	for _, p := range svc.Config.Ports {
		host, err := strconv.Atoi(p.Published)
		if err != nil {
			continue
		}
		for _, k := range s.c.actual.Containers {
			if !k.IsRunning() || !slices.ContainsFunc(k.Ports, func(have engine.Port) bool { return have.Published == host }) {
				continue
			}
			for _, other := range s.nodes {
				if ref, ok := subject(other.Op); ok && ref.ID == k.ID && freesPorts(other.Op) {
					s.mustFollow(n, other.ID, fmt.Sprintf("that frees host port %d", host))
				}
			}
		}
	}
}

// freesPorts tells whether a container's host ports are free after an operation.
func freesPorts(op plan.Operation) bool {
	switch o := op.(type) {
	case plan.Remove:
		return !o.Retired
	case plan.Rename:
		return o.Retiring
	}
	return false
}

// providers sees that a provider takes its service away after those that use it.
func (s *soundness) providers(n *plan.Node) {
	s.t.Helper()
	down, ok := n.Op.(plan.Provide)
	if !ok || down.Action != "down" {
		return
	}
	for _, svc := range s.c.desired.Dependents(down.Service) {
		for _, other := range s.nodes {
			if _, stops := other.Op.(plan.Stop); stops && other.Service == svc.Name {
				s.mustFollow(n, other.ID, "its service is used until then")
			}
		}
	}
}

// secrets sees that not even a digest of a secret is shown.
func (s *soundness) secrets(n *plan.Node) {
	s.t.Helper()
	for _, change := range n.Changes {
		if strings.HasPrefix(change.Path, "secrets.") && !change.Secret && (len(change.Old) > 60 || len(change.New) > 60) {
			s.fail("%s shows the digest of %s, from which a short secret can be guessed", n.ID, change.Path)
		}
	}
}

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
