package viz

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/compose-spec/compose-go/v2/types"
)

// Details say what is shown of a service beside its name and what it needs.
type Details struct {
	Image, Ports, Networks, Volumes bool
}

// graph is a project as it is drawn: services in the order in which they are
// shown, those that need others before what they need.
type graph struct {
	name     string
	services []node
	networks []resource
	volumes  []resource
}

type node struct {
	name     string
	image    string // or what is run in place of one
	ports    []string
	networks []string
	volumes  []mount
	needs    []need
}

// need is a dependency (Compose specification, depends_on).
type need struct {
	service   string
	condition string // started, healthy or completed
	optional  bool
}

type mount struct{ source, target, kind string }

// resource is a network or volume and who has it.
type resource struct {
	key, note string
	users     []string
}

// model reads what is drawn off the project.
func model(p *types.Project) graph {
	g := graph{name: printable(p.Name)}
	nodes := map[string]node{}
	for name, svc := range p.Services {
		nodes[name] = service(p, svc)
	}
	for _, name := range order(nodes) {
		g.services = append(g.services, nodes[name])
	}
	for _, key := range slices.Sorted(maps.Keys(p.Networks)) {
		n := p.Networks[key]
		g.networks = append(g.networks, resource{key: printable(key), note: notes(bool(n.External), n.Internal, n.Driver), users: users(nodes, func(s node) bool {
			return slices.Contains(s.networks, printable(key))
		})})
	}
	for _, key := range slices.Sorted(maps.Keys(p.Volumes)) {
		v := p.Volumes[key]
		g.volumes = append(g.volumes, resource{key: printable(key), note: notes(bool(v.External), false, v.Driver), users: users(nodes, func(s node) bool {
			return slices.ContainsFunc(s.volumes, func(m mount) bool { return m.kind == types.VolumeTypeVolume && m.source == printable(key) })
		})})
	}
	return g
}

func service(p *types.Project, svc types.ServiceConfig) node {
	n := node{name: printable(svc.Name), image: printable(svc.Image)}
	switch {
	case n.image == "" && svc.Provider != nil:
		n.image = "provided by " + printable(svc.Provider.Type)
	case n.image == "" && svc.Build != nil:
		n.image = "built here"
	}
	for _, port := range svc.Ports {
		n.ports = append(n.ports, portText(port))
	}
	for _, key := range slices.Sorted(maps.Keys(svc.Networks)) {
		n.networks = append(n.networks, printable(key))
	}
	for _, v := range svc.Volumes {
		n.volumes = append(n.volumes, mount{source: printable(v.Source), target: printable(v.Target), kind: v.Type})
	}
	for _, name := range slices.Sorted(maps.Keys(svc.DependsOn)) {
		if _, ok := p.Services[name]; !ok {
			continue // of a profile that is not active
		}
		d := svc.DependsOn[name]
		n.needs = append(n.needs, need{service: printable(name), condition: condition(d.Condition), optional: !d.Required})
	}
	return n
}

// condition is the word for what a dependency waits for.
func condition(c string) string {
	switch c {
	case types.ServiceConditionHealthy:
		return "healthy"
	case types.ServiceConditionCompletedSuccessfully:
		return "completed"
	}
	return "started"
}

// portText writes a port as -p takes it.
func portText(p types.ServicePortConfig) string {
	text := fmt.Sprintf("%d/%s", p.Target, p.Protocol)
	if p.Published != "" {
		text = p.Published + ":" + text
	}
	if p.HostIP != "" {
		text = p.HostIP + ":" + text
	}
	return printable(text)
}

func notes(external, internal bool, driver string) string {
	var out []string
	if external {
		out = append(out, "external")
	}
	if internal {
		out = append(out, "internal")
	}
	if driver != "" && driver != "bridge" && driver != "local" {
		out = append(out, printable(driver))
	}
	return strings.Join(out, ", ")
}

func users(nodes map[string]node, has func(node) bool) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if has(nodes[name]) {
			out = append(out, nodes[name].name)
		}
	}
	return out
}

// order puts services before what they need, by name where that leaves a choice.
func order(nodes map[string]node) []string {
	waiting := map[string]int{} // how many that need it are still to come
	for _, n := range nodes {
		for _, need := range n.needs {
			waiting[need.service]++
		}
	}
	left := slices.Sorted(maps.Keys(nodes))
	var out []string
	for len(left) > 0 {
		at := slices.IndexFunc(left, func(name string) bool { return waiting[name] == 0 })
		at = max(at, 0) // a circle, which the loader refuses: the first by name begins it
		name := left[at]
		left = slices.Delete(left, at, at+1)
		out = append(out, name)
		for _, need := range nodes[name].needs {
			waiting[need.service]--
		}
	}
	return out
}

// printable replaces what would break a line or move the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
