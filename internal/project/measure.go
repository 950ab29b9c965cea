package project

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
	"go.yaml.in/yaml/v4"
)

// measure refuses a document that would cost too much to load.
func (s *sources) measure(shown string, doc *yaml.Node) error {
	m := measure{file: shown, sizes: map[*yaml.Node]int{}, open: map[*yaml.Node]bool{}}
	n, err := m.size(doc, 0)
	if err != nil {
		return err
	}
	s.cost += n
	bomb := n > maxExpanded && n > 5*m.literal
	if bomb {
		return &Error{File: shown, Line: m.widestLine(doc), Msg: fmt.Sprintf(
			"more than %d values after aliases are expanded", maxExpanded), Hint: "use fewer or smaller anchors"}
	}
	if s.cost > maxValues {
		return &Error{File: shown, Line: m.widestLine(doc), Msg: fmt.Sprintf("too large: more than %d values", maxValues),
			Hint: "split the project"}
	}
	if err := measureExtends(shown, doc); err != nil {
		return err
	}
	return s.measurePorts(shown, doc)
}

// measureExtends refuses long chains of services that extend each other: merging them
// takes time and memory with the third power of their number. Cycles are compose-go's.
func measureExtends(shown string, doc *yaml.Node) error {
	services := child(root(doc), "services")
	_, found := find(place{node: services, path: []string{"services"}}, []string{"*"}, func(p place) bool {
		at, seen := p.node, map[*yaml.Node]bool{}
		for range maxExtends {
			seen[at] = true
			extends := child(at, "extends")
			if service := child(extends, "service"); service != nil && child(extends, "file") == nil {
				extends = service
			}
			if extends == nil || extends.Kind != yaml.ScalarNode {
				return false
			}
			if at = child(services, extends.Value); at == nil || seen[at] {
				return false
			}
		}
		return true
	})
	if !found {
		return nil
	}
	return &Error{File: shown, Key: "services", Msg: fmt.Sprintf("more than %d services extend each other in a row", maxExtends),
		Hint: "extend a common one"}
}

// portRange matches the ranges in a port in its short form.
var portRange = regexp.MustCompile(`(\d+)-(\d+)`)

// measurePorts refuses ranges that stand for too many ports.
func (s *sources) measurePorts(shown string, doc *yaml.Node) error {
	var e *Error
	_, _ = find(place{node: root(doc), pos: position{file: shown}}, []string{"services", "*", "ports", "*"}, func(p place) bool {
		m := portRange.FindAllStringSubmatch(p.node.Value, -1)
		if p.node.Kind != yaml.ScalarNode || len(m) == 0 {
			return false
		}
		first, _ := strconv.Atoi(m[len(m)-1][1])
		last, _ := strconv.Atoi(m[len(m)-1][2])
		if s.ports += max(0, min(last-first, maxPorts)); s.ports <= maxPorts {
			return false
		}
		e = (&Error{Msg: fmt.Sprintf("port ranges stand for more than %d ports", maxPorts), Hint: "publish fewer ports"}).at(p)
		return true
	})
	if e != nil {
		return e
	}
	return nil
}

// maxInterpolated bounds, in bytes, what variables add to one value, and to all.
const (
	maxInterpolated    = 1 << 20
	maxInterpolatedAll = 16 << 20
)

// limitInterpolation keeps values from growing without bound by variables, and commands
// from growing beyond what can be split into words in reasonable time.
func limitInterpolation(o *interpolation.Options) {
	total := 0
	o.Substitute = func(text string, mapping template.Mapping) (string, error) {
		if !strings.Contains(text, "$") {
			return text, nil
		}
		if nests(text) {
			return "", fmt.Errorf("variables nest deeper than %d levels", maxDepth)
		}
		added := 0
		out, err := template.Substitute(text, func(name string) (string, bool) {
			v, ok := mapping(name)
			if added += len(v); added > maxInterpolated || total+added > maxInterpolatedAll {
				return "", ok
			}
			return v, ok
		})
		if added > maxInterpolated || total+added > maxInterpolatedAll {
			return "", fmt.Errorf("variables expand to more than %d bytes", maxInterpolated)
		}
		total += added
		return out, err
	}
	short := func(value string) (any, error) {
		if len(value) > maxCommand {
			return nil, fmt.Errorf("command of %d bytes is longer than %d; write it as a list", len(value), maxCommand)
		}
		return value, nil
	}
	casts := make(map[tree.Path]interpolation.Cast, len(o.TypeCastMapping))
	for path, cast := range o.TypeCastMapping {
		casts[path] = cast
	}
	for _, section := range []string{"services", "jobs"} {
		for _, path := range []string{"command", "entrypoint", "*.[].command"} {
			casts[tree.Path(section+".*."+path)] = short
		}
	}
	o.TypeCastMapping = casts
}

// casts are the conversions of compose-go by path. It compares each value of a project
// with each of them, which takes most of the time of a load, so it gets those alone whose
// keys occur in the files.
type casts struct {
	all, due map[tree.Path]interpolation.Cast
	// occurs tells of each key in the paths whether a file has it.
	occurs map[string]bool
}

// newCasts takes over the conversions of o.
func newCasts(o *interpolation.Options) *casts {
	c := &casts{all: o.TypeCastMapping, due: map[tree.Path]interpolation.Cast{}, occurs: map[string]bool{}}
	for path := range c.all {
		for _, part := range path.Parts() {
			c.occurs[part] = part == tree.PathMatchAll || part == tree.PathMatchList
		}
	}
	o.TypeCastMapping = c.due
	return c
}

// add looks for keys in more files.
func (c *casts) add(files []*source) {
	for _, src := range files {
		for _, doc := range src.parsed() {
			c.mark(doc)
		}
	}
	for path, cast := range c.all {
		if !slices.ContainsFunc(path.Parts(), func(part string) bool { return !c.occurs[part] }) {
			c.due[path] = cast
		}
	}
}

// mark notes the keys at and below a node; one with dots counts as several, as it does in
// the paths.
func (c *casts) mark(n *yaml.Node) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			for part := range strings.SplitSeq(child.Value, ".") {
				if _, known := c.occurs[part]; known {
					c.occurs[part] = true
				}
			}
		}
		c.mark(child)
	}
}

// nests tells whether defaults of variables stand in each other too deeply: what
// replaces them takes time with the third power of the depth.
func nests(text string) bool {
	depth := 0
	for i := 0; i < len(text) && depth <= maxDepth; i++ {
		switch {
		case text[i] == '}' && depth > 0:
			depth--
		case strings.HasPrefix(text[i:], "${"):
			depth++
		}
	}
	return depth > maxDepth
}

// measure counts the values that a document has after its aliases are expanded.
type measure struct {
	file  string
	sizes map[*yaml.Node]int
	open  map[*yaml.Node]bool
	// literal counts the nodes that are written.
	literal int
}

// size returns the expanded number of values below n, at most a little more than
// maxValues. Each node is visited once.
func (m *measure) size(n *yaml.Node, depth int) (int, error) {
	if depth > maxDepth {
		return 0, tooDeep(m.file, n.Line)
	}
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil {
			return 1, nil
		}
		if m.open[n.Alias] {
			return 0, &Error{File: m.file, Line: n.Line, Msg: fmt.Sprintf("alias *%s is inside the value it stands for", n.Value),
				Hint: "remove the alias"}
		}
		n = n.Alias
	}
	if total, ok := m.sizes[n]; ok {
		return total, nil
	}
	m.open[n] = true
	m.literal++
	total := 1
	for _, child := range n.Content {
		size, err := m.size(child, depth+1)
		if err != nil {
			return 0, err
		}
		total = min(total+size, 10*maxValues)
	}
	delete(m.open, n)
	m.sizes[n] = total
	return total, nil
}

// widestLine descends to where most of the expanded values come from.
func (m *measure) widestLine(n *yaml.Node) int {
	for range maxDepth {
		var widest *yaml.Node
		for _, child := range n.Content {
			target := child
			if child.Kind == yaml.AliasNode && child.Alias != nil {
				target = child.Alias
			}
			if widest == nil || m.sizes[target] > m.sizes[widest] {
				widest = child
			}
		}
		if widest == nil || widest.Kind == yaml.AliasNode || m.sizes[widest] < maxExpanded/2 {
			break
		}
		n = widest
	}
	return n.Line
}
