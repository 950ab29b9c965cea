package plan

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// selection is the containers a verb works on, by service.
type selection struct {
	m        Model
	p        *Plan
	services []string // in dependency order
	order    []string // all services, those outside the selection included
	by       map[string][]engine.Container
	needs    func(service string) []string // direct dependencies, within the selection or not
}

func newSelection(m Model, containers []engine.Container) (*selection, error) {
	s := &selection{m: m, p: New(m.Project), by: map[string][]engine.Container{}}
	seen := map[string]bool{}
	var names []string
	for _, c := range containers {
		service := c.Labels[labels.Service]
		if !seen[service] {
			seen[service] = true
			names = append(names, service)
		}
		s.by[service] = append(s.by[service], c)
	}
	sort.Strings(names)
	g, err := m.graph(append(sortedKeys(m.DependsOn), names...))
	if err != nil {
		return nil, err
	}
	order, err := g.Order()
	if err != nil {
		return nil, err
	}
	s.order = order
	for _, name := range order {
		if seen[name] {
			s.services = append(s.services, name)
		}
	}
	s.needs = g.Needs
	return s, nil
}

// each adds one node per container, after those of the services its service
// depends on (or, in reverse, after those that depend on it).
// Services outside the selection have no nodes but hand the order on. It returns
// the nodes by service.
func (s *selection) each(reverse bool, node func(c engine.Container, needs []string) string) map[string][]string {
	nodes := map[string][]string{}
	services := append([]string(nil), s.order...)
	if reverse {
		for i, j := 0, len(services)-1; i < j; i, j = i+1, j-1 {
			services[i], services[j] = services[j], services[i]
		}
	}
	dependents := map[string][]string{}
	for _, name := range s.order {
		for _, dep := range s.needs(name) {
			dependents[dep] = append(dependents[dep], name)
		}
	}
	for _, name := range services {
		before := s.needs(name)
		if reverse {
			before = dependents[name]
		}
		var needs []string
		for _, other := range before {
			needs = append(needs, nodes[other]...)
		}
		for _, c := range s.by[name] {
			if id := node(c, needs); id != "" {
				nodes[name] = append(nodes[name], id)
			}
		}
		if len(nodes[name]) == 0 {
			nodes[name] = needs // nothing to do here: its own order still holds
		}
	}
	return nodes
}

func nodeID(c engine.Container, verb string) string { return "container/" + c.Name + "/" + verb }

// StopAll plans to stop containers, dependents first.
func StopAll(m Model, containers []engine.Container, timeout *time.Duration) (*Plan, error) {
	s, err := newSelection(m, containers)
	if err != nil {
		return nil, err
	}
	s.each(true, func(c engine.Container, needs []string) string {
		if !c.IsRunning() {
			return ""
		}
		return s.stop(c, timeout, needs)
	})
	return s.p, nil
}

func (s *selection) stop(c engine.Container, timeout *time.Duration, needs []string) string {
	service := c.Labels[labels.Service]
	if !labels.IsOneOff(c.Labels) && c.State == engine.Running {
		needs = addPreStop(s.p, s.m.PreStop[service], refOf(c), needs)
	}
	return s.p.Add(Node{ID: nodeID(c, "stop"), Op: Stop{Container: refOf(c), Timeout: timeout}, Service: service}, needs...)
}

// StartOptions steer StartAll.
type StartOptions struct {
	// Services are the ones asked for by name; empty means all. It tells which
	// services without a container are worth a word.
	Services    []string
	Wait        bool
	WaitTimeout time.Duration
}

// StartAll plans to start existing containers, each when its dependencies'
// conditions hold. Where services have no container it warns; where none has
// one, that is an error.
func StartAll(m Model, containers []engine.Container, opt StartOptions) (*Plan, error) {
	s, err := newSelection(m, containers)
	if err != nil {
		return nil, err
	}
	if err := s.missing(opt.Services); err != nil {
		return nil, err
	}
	st := starting{nodes: map[string][]string{}, touched: map[string]bool{}, byID: map[string]string{}}
	for _, name := range s.services {
		needs := s.conditions(name, st.nodes, st.touched)
		for _, c := range s.by[name] {
			s.start(c, needs, &st)
		}
	}
	if opt.Wait {
		s.ready(opt.WaitTimeout, st.nodes)
	}
	return s.p, nil
}

// starting is what StartAll has planned so far.
type starting struct {
	nodes   map[string][]string // the nodes after which a service is started
	touched map[string]bool     // services with containers that are started
	byID    map[string]string   // containers that get a new namespace, and by which node
}

// start plans to start a container, to let it go on, or to restart it where it
// runs in the namespace of one that is started.
func (s *selection) start(c engine.Container, needs []string, st *starting) {
	ref, name := refOf(c), c.Labels[labels.Service]
	n := Node{ID: nodeID(c, "start"), Op: Start{Container: ref}, Service: name}
	parent := st.byID[strings.TrimPrefix(c.NetworkMode, "container:")]
	switch {
	case c.State == engine.Paused:
		st.touched[name] = true
		st.nodes[name] = append(st.nodes[name], s.p.Add(Node{
			ID: nodeID(c, "unpause"), Op: Unpause{Container: ref}, Service: name, Cause: "it is paused",
		}, needs...))
		return
	case c.IsRunning() && parent == "":
		s.p.Unchanged = append(s.p.Unchanged, ref)
		return
	case c.IsRunning():
		needs = addPreStop(s.p, s.m.PreStop[name], ref, needs)
		n.ID, n.Op = nodeID(c, "restart"), Restart{Container: ref}
		n.Cause = "it shares the network of a container that is started"
	}
	st.touched[name] = true
	last := s.p.Add(n, append([]string{parent}, needs...)...)
	st.byID[c.ID] = last
	st.nodes[name] = append(st.nodes[name], s.postStart(ref, last))
}

// missing tells of services that are to have containers and have none.
func (s *selection) missing(services []string) error {
	for _, name := range s.order {
		if _, provided := s.m.Providers[name]; provided || s.m.Scale[name] == 0 || len(s.by[name]) > 0 || !wanted(services, name) {
			continue
		}
		if len(s.services) == 0 {
			return fmt.Errorf("service %q has no container to start", name)
		}
		s.p.warn("service %q has no container to start", name)
	}
	return nil
}

func (s *selection) postStart(ref Ref, last string) string {
	for i, hook := range s.m.PostStart[ref.Service] {
		last = s.p.Add(Node{
			ID:      fmt.Sprintf("container/%s/post_start-%d", ref.Name, i+1),
			Op:      Hook{Container: ref, Phase: "post_start", Index: i, Hook: hook},
			Service: ref.Service,
		}, last)
	}
	return last
}

func (s *selection) conditions(name string, started map[string][]string, touched map[string]bool) []string {
	var out []string
	for _, dep := range s.m.DependsOn[name] {
		condition := Condition("")
		switch dep.Condition {
		case types.ServiceConditionHealthy:
			condition = Healthy
		case types.ServiceConditionCompletedSuccessfully:
			condition = Completed
		}
		if condition == "" || len(s.by[dep.Service]) == 0 || s.holds(dep.Service, condition) && !touched[dep.Service] {
			out = append(out, started[dep.Service]...)
			continue
		}
		w := Wait{Service: dep.Service, Condition: condition, Optional: !dep.Required, Checked: map[string]bool{dep.Service: s.m.Checked[dep.Service]}}
		for _, c := range s.by[dep.Service] {
			w.Containers = append(w.Containers, refOf(c))
		}
		id := "service/" + dep.Service + "/" + string(condition)
		if w.Optional {
			id += "-optional"
		}
		out = append(out, s.p.Add(Node{ID: id, Op: w, Service: dep.Service}, started[dep.Service]...))
	}
	return out
}

// holds tells whether a condition holds in the snapshot.
func (s *selection) holds(service string, condition Condition) bool {
	for _, c := range s.by[service] {
		switch {
		case condition == Healthy && c.Health != engine.Healthy:
			return false
		case condition == Completed && (c.State != engine.Exited || c.ExitCode != 0):
			return false
		}
	}
	return true
}

func (s *selection) ready(timeout time.Duration, started map[string][]string) {
	w := Wait{Condition: Ready, Timeout: timeout, Checked: s.m.Checked}
	var needs []string
	for _, name := range s.services {
		for _, c := range s.by[name] {
			w.Containers = append(w.Containers, refOf(c))
		}
		needs = append(needs, started[name]...)
	}
	if len(w.Containers) > 0 {
		s.p.Add(Node{ID: "project/ready", Op: w, Cause: "--wait"}, needs...)
	}
}

// RestartAll plans to restart containers in dependency order, each service when
// the ones it depends on have been restarted.
func RestartAll(m Model, containers []engine.Container, timeout *time.Duration) (*Plan, error) {
	s, err := newSelection(m, containers)
	if err != nil {
		return nil, err
	}
	s.each(false, func(c engine.Container, needs []string) string {
		ref := refOf(c)
		if c.State == engine.Running {
			needs = addPreStop(s.p, m.PreStop[ref.Service], ref, needs)
		}
		last := s.p.Add(Node{ID: nodeID(c, "restart"), Op: Restart{Container: ref, Timeout: timeout}, Service: ref.Service}, needs...)
		return s.postStart(ref, last)
	})
	return s.p, nil
}

// KillAll plans to send a signal to running containers.
func KillAll(m Model, containers []engine.Container, signal string) *Plan {
	return simple(m, containers, func(c engine.Container) (string, Operation) {
		if !c.IsRunning() {
			return "", nil
		}
		return "kill", Kill{Container: refOf(c), Signal: signal}
	})
}

// PauseAll plans to pause running containers.
func PauseAll(m Model, containers []engine.Container) *Plan {
	return simple(m, containers, func(c engine.Container) (string, Operation) {
		if c.State != engine.Running {
			return "", nil
		}
		return "pause", Pause{Container: refOf(c)}
	})
}

// UnpauseAll plans to let paused containers go on.
func UnpauseAll(m Model, containers []engine.Container) *Plan {
	return simple(m, containers, func(c engine.Container) (string, Operation) {
		if c.State != engine.Paused {
			return "", nil
		}
		return "unpause", Unpause{Container: refOf(c)}
	})
}

// RemoveStopped plans to remove containers that do not run; with stop, running
// ones are stopped first.
func RemoveStopped(m Model, containers []engine.Container, stop, volumes bool) (*Plan, error) {
	s, err := newSelection(m, containers)
	if err != nil {
		return nil, err
	}
	s.each(true, func(c engine.Container, needs []string) string {
		stopped := ""
		if c.IsRunning() {
			if !stop {
				return ""
			}
			stopped = s.stop(c, nil, needs)
		}
		s.p.Add(Node{
			ID: nodeID(c, "remove"), Service: c.Labels[labels.Service],
			Op: Remove{Container: refOf(c), Volumes: volumes, Anonymous: anonymousOf(c, volumes)},
		}, stopped)
		return stopped
	})
	return s.p, nil
}

func simple(m Model, containers []engine.Container, op func(engine.Container) (string, Operation)) *Plan {
	p := New(m.Project)
	for _, c := range containers {
		if verb, o := op(c); o != nil {
			p.Add(Node{ID: nodeID(c, verb), Op: o, Service: c.Labels[labels.Service]})
		}
	}
	return p
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
