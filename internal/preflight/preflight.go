// Package preflight looks, before anything is changed, for what would make a
// plan fail half-way: host ports and container names that are taken, and bind
// sources that do not exist. All it finds is reported together.
package preflight

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// Host answers questions about the machine that the engine runs on. It is nil
// when that is another one than berth's.
type Host interface {
	// PortFree tells whether a process of the host holds a port; unknown counts
	// as free.
	PortFree(ip string, port int, protocol string) bool
	// Exists tells whether a path exists.
	Exists(path string) bool
}

// Lister lists the containers of an engine.
type Lister interface {
	Containers(ctx context.Context, filter engine.ContainerFilter) ([]engine.Container, error)
}

const (
	// patience is how long ports that are held by nobody the engine knows are
	// looked at again, all of a plan together: an engine lets go of the port of a
	// container a moment after the container has ended.
	patience = 2 * time.Second
	// betweenLooks is the time between two looks.
	betweenLooks = 200 * time.Millisecond
)

// Needed tells whether a plan does anything that a look at all containers on the
// engine, or at the host, could save from failing. Anybody may have given a
// container the name that one of the project is to have.
func Needed(p *plan.Plan) bool {
	found := false
	each(p, func(n *plan.Node) {
		switch op := n.Op.(type) {
		case plan.CreateContainer, plan.Rename:
			found = true
		case plan.Start:
			found = found || len(op.Ports) > 0
		}
	})
	return found
}

// mustExist tells whether a mount's source is one that the engine is told not to
// create.
func mustExist(m types.ServiceVolumeConfig) bool {
	return m.Type == types.VolumeTypeBind && (m.Bind == nil || !bool(m.Bind.CreateHostPath))
}

// Look lists what stands in the way of a plan. The engine is asked once; once
// more where a process of the machine seems to hold a port, which may be a
// container that the engine has begun to start after its first answer.
func Look(ctx context.Context, p *plan.Plan, e Lister, host Host) ([]plan.Problem, error) {
	all, err := e.Containers(ctx, engine.ContainerFilter{})
	if err != nil {
		return nil, err
	}
	c := newChecker(p, all, host)
	c.check(p)
	if !c.blames {
		return c.problems, nil
	}
	if all, err = e.Containers(ctx, engine.ContainerFilter{}); err != nil {
		return nil, err
	}
	again := newChecker(p, all, host)
	again.waited = c.waited
	again.check(p)
	return again.problems, nil
}

func newChecker(p *plan.Plan, all []engine.Container, host Host) *checker {
	c := &checker{
		host: host, leaving: map[string]bool{}, renamed: map[string]bool{}, byName: map[string]engine.Container{},
		ports: map[portKey][]holder{}, wanted: map[portKey][]wish{},
	}
	each(p, func(n *plan.Node) {
		switch op := n.Op.(type) {
		case plan.Remove:
			c.leaving[op.Container.ID] = true
		case plan.Rename:
			c.renamed[op.Container.ID] = true
		}
	})
	for _, k := range all {
		c.byName[k.Name] = k
		if k.IsRunning() {
			c.holds(k)
		}
	}
	return c
}

func (c *checker) check(p *plan.Plan) {
	each(p, func(n *plan.Node) {
		switch op := n.Op.(type) {
		case plan.CreateContainer:
			c.name(n.Service, op.Final)
			c.binds(op)
			if publishes(op.Spec) {
				c.hostPorts(op.Spec.Service.Name, plan.Ref{Name: op.Final}, op.Spec.Service.Ports)
			}
		case plan.Rename:
			if op.Container.From == "" { // a new container's name is its creation's matter
				c.name(n.Service, op.Name)
			}
		case plan.Start:
			c.hostPorts(n.Service, op.Container, op.Ports)
		}
	})
	c.hostRanges()
}

func each(p *plan.Plan, f func(*plan.Node)) {
	nodes, err := p.Nodes()
	if err != nil {
		return // a cycle: the executor refuses such a plan
	}
	for _, n := range nodes {
		f(n)
	}
}

type portKey struct {
	port     int
	protocol string
}

type holder struct {
	ip        string
	container engine.Container
}

// wish is a container of the plan that wants a port.
type wish struct{ ip, name string }

type checker struct {
	host     Host
	leaving  map[string]bool // containers that the plan removes
	renamed  map[string]bool // containers that the plan gives another name
	byName   map[string]engine.Container
	ports    map[portKey][]holder
	wanted   map[portKey][]wish // what the plan itself hands out
	ranges   []*rangeWish       // ranges of which it hands out a port each
	problems []plan.Problem
	blames   bool          // a problem is put down to a process of the machine
	waited   time.Duration // for ports to become free
}

func (c *checker) holds(k engine.Container) {
	for _, p := range k.Ports {
		if p.Published != 0 {
			key := portKey{p.Published, p.Protocol}
			c.ports[key] = append(c.ports[key], holder{p.HostIP, k})
		}
	}
}

func (c *checker) problem(where, hint, format string, args ...any) {
	c.problems = append(c.problems, plan.Problem{Where: where, Hint: hint, Text: fmt.Sprintf(format, args...)})
}

// name sees whether a container that keeps it has the name that one of a service
// is to get.
func (c *checker) name(service, name string) {
	k, taken := c.byName[name]
	if !taken || c.leaving[k.ID] || c.renamed[k.ID] {
		return
	}
	c.problem("services."+service, "remove or rename that container, or choose another name",
		"container name %q is already in use by %s", name, describe(k))
}

// describe names a container's owner.
func describe(k engine.Container) string {
	project, service := k.Labels[labels.Project], k.Labels[labels.Service]
	if project == "" {
		return "container " + k.Name
	}
	return fmt.Sprintf("container %s (service %s of project %s)", k.Name, service, project)
}

// publishes tells whether published ports mean anything for a container: on the
// host's network, or on another container's, they do not.
func publishes(spec engine.ContainerSpec) bool {
	return spec.NetworkMode != "host" && spec.NetworkMode != "none" &&
		!strings.HasPrefix(spec.NetworkMode, "service:") && !strings.HasPrefix(spec.NetworkMode, "container:")
}

// hostPorts sees whether the fixed host ports of a container are free. Ranges
// are looked at when all fixed ports are known.
func (c *checker) hostPorts(service string, ref plan.Ref, ports []types.ServicePortConfig) {
	for _, p := range ports {
		port, err := strconv.Atoi(p.Published)
		if err != nil {
			c.oneOf(service, ref, p)
		}
		if err != nil || port == 0 {
			continue
		}
		key := portKey{port, protocol(p)}
		where := "services." + service + ".ports"
		if other := c.rival(key, p.HostIP); other != "" {
			c.problem(where, "publish a port range, or none, for more than one container",
				"host port %d/%s is wanted by %s and by %s", port, key.protocol, other, ref.Name)
			continue
		}
		c.wanted[key] = append(c.wanted[key], wish{p.HostIP, ref.Name})
		owner := c.owner(key, p.HostIP, ref.ID)
		switch {
		case owner != nil:
			c.problem(where, "stop it, or publish another port", "host port %d/%s is taken by %s", port, key.protocol, describe(*owner))
		case c.host != nil && !c.heldByPlan(key, ref.ID) && !c.free(p.HostIP, key):
			c.blames = true
			c.problem(where, "stop it, or publish another port", "host port %d/%s is taken by a process on this machine", port, key.protocol)
		}
	}
}

// free tells whether no process holds a port, or lets go of it in time.
func (c *checker) free(ip string, key portKey) bool {
	for !c.host.PortFree(ip, key.port, key.protocol) {
		if c.waited >= patience {
			return false
		}
		time.Sleep(betweenLooks)
		c.waited += betweenLooks
	}
	return true
}

// rival is another container of the plan that wants the same port.
func (c *checker) rival(key portKey, ip string) string {
	for _, w := range c.wanted[key] {
		if overlap(w.ip, ip) {
			return w.name
		}
	}
	return ""
}

func protocol(p types.ServicePortConfig) string {
	if p.Protocol == "" {
		return "tcp"
	}
	return strings.ToLower(p.Protocol)
}

// owner is the container that holds a port and stays, if it is not the one that
// wants the port: that one has been started meanwhile.
func (c *checker) owner(key portKey, ip, wants string) *engine.Container {
	for _, h := range c.ports[key] {
		if !c.leaving[h.container.ID] && h.container.ID != wants && overlap(h.ip, ip) {
			return &h.container
		}
	}
	return nil
}

// heldByPlan tells whether a port is held by a container that the plan removes,
// and so is free when it is needed, or by the one that wants it.
func (c *checker) heldByPlan(key portKey, wants string) bool {
	for _, h := range c.ports[key] {
		if c.leaving[h.container.ID] || h.container.ID == wants {
			return true
		}
	}
	return false
}

// overlap tells whether two host addresses compete for the same port. An empty
// one stands for all of IPv4 and of IPv6.
func overlap(a, b string) bool {
	if a != "" && b != "" && isIPv6(a) != isIPv6(b) {
		return false
	}
	return anyAddress(a) || anyAddress(b) || a == b
}

func isIPv6(ip string) bool { return strings.Contains(ip, ":") }

func anyAddress(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }

// binds sees whether bind sources exist that the engine is told not to create.
func (c *checker) binds(op plan.CreateContainer) {
	if c.host == nil {
		return
	}
	var missing []string
	for _, m := range op.Spec.Mounts {
		if mustExist(m) && !c.host.Exists(m.Source) {
			missing = append(missing, m.Source)
		}
	}
	sort.Strings(missing)
	for _, path := range missing {
		c.problem("services."+op.Spec.Service.Name+".volumes", "create it", "bind source %s does not exist", path)
	}
}
