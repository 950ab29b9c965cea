package plan_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
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
		return o.Retired == ""
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
