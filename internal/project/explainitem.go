package project

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

var (
	lacking  = regexp.MustCompile(`^(?:service |environment )?(?:volume|ports|device|path attribute) (\S+) is missing(?: a (.*))?$`)
	extended = regexp.MustCompile(`^extends\.(.+)\.service is required$`)
	sshKey   = regexp.MustCompile(`^invalid ssh key "(.*)"$`)
)

// requiredError explains an item without the key that tells it from others.
func (s *session) requiredError(text string) *Error {
	if m := lacking.FindStringSubmatch(text); m != nil {
		p, _ := s.sources.dotted(m[1], "")
		if p.node != nil && deref(p.node).Kind == yaml.ScalarNode {
			return (&Error{Msg: fmt.Sprintf("%q has no target", s.expand(deref(p.node).Value)), Hint: "write it as SOURCE:TARGET"}).at(p)
		}
		name := "target"
		if m[2] == "" {
			name = "path"
		}
		return (&Error{Msg: fmt.Sprintf("missing key %q", name), Hint: "add " + name + ":"}).at(p)
	}
	if m := extended.FindStringSubmatch(text); m != nil {
		p, _ := s.sources.dotted("services."+m[1]+".extends", "")
		return (&Error{Msg: `missing key "service"`, Hint: "add the name of the service to extend"}).at(p)
	}
	if m := sshKey.FindStringSubmatch(text); m != nil {
		p, _ := s.sources.find(func(p place) bool {
			return p.node.Kind == yaml.ScalarNode && s.expand(p.node.Value) == m[1]
		}, "services", "*", "build", "ssh", "*")
		return (&Error{Msg: text, Hint: "write default, or ID=PATH"}).at(p)
	}
	return nil
}

// pairs calls visit with every key of every mapping of a file, as it is written, until
// that returns true; file is as shown to users, "" stands for all.
func (s *sources) pairs(file string, visit func(key, value *yaml.Node) bool) (at position, found bool) {
	var walk func(n *yaml.Node) *yaml.Node
	walk = func(n *yaml.Node) *yaml.Node {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 && visit(c, n.Content[i+1]) {
				return c
			}
			if hit := walk(c); hit != nil {
				return hit
			}
		}
		return nil
	}
	for _, src := range s.files {
		shown := display(s.workDir, src.file)
		if file != "" && file != shown {
			continue
		}
		for _, doc := range src.parsed() {
			if hit := walk(doc); hit != nil {
				return position{shown, hit.Line}, true
			}
		}
	}
	return position{}, false
}

// mergeFault tells whether a merge key has a value that cannot be merged.
func mergeFault(key, value *yaml.Node) bool {
	if key.Value != "<<" || key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		return false
	}
	value = deref(value)
	if value.Kind != yaml.SequenceNode {
		return value.Kind != yaml.MappingNode
	}
	for _, item := range value.Content {
		if deref(item).Kind != yaml.MappingNode {
			return true
		}
	}
	return false
}

// constructError explains YAML that can be parsed, but not be turned into values, for
// which the library knows no place.
func (s *session) constructError(e *Error) {
	var pos position
	found := false
	switch {
	case strings.Contains(e.Msg, "map merge requires"):
		if pos, found = s.sources.pairs(e.File, mergeFault); found {
			e.Key, e.Msg, e.Hint = "<<", "only a mapping, or a list of mappings, can be merged", "correct what << names"
		}
	case strings.Contains(e.Msg, "as a map key"):
		if pos, found = s.sources.pairs(e.File, func(k, _ *yaml.Node) bool { return deref(k).Kind != yaml.ScalarNode }); found {
			e.Msg, e.Hint = "a key must be a string, not a list or a mapping", "correct the key"
		}
	case strings.Contains(e.Msg, "cannot construct"):
		if pos, found = s.sources.pairs(e.File, func(_, v *yaml.Node) bool { return v.Decode(new(any)) != nil && v.Kind == yaml.ScalarNode }); found {
			e.Msg, e.Hint = "the value does not have the type that its tag says", "remove the tag"
		}
	}
	if found {
		e.Line = pos.line
	}
}

var oddKey = regexp.MustCompile(`^[Nn]on-string key (?:in (\S+)|at top level): (.*)$`)

// keyError explains a key that is no string.
func (s *session) keyError(text string) *Error {
	m := oddKey.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	path := strings.Trim(m[1]+"."+m[2], ".")
	p, _ := s.sources.dotted(path, "")
	e := (&Error{Msg: fmt.Sprintf("the key %s must be a string", m[2]), Hint: "put it in quotes"}).at(p)
	e.Key = path
	return e
}

// quotingError finds the value that an error without a path quotes.
func (s *session) quotingError(text string) *Error {
	quoted := func(p place) bool {
		value := s.expand(p.node.Value)
		return p.node.Kind == yaml.ScalarNode && value != "" &&
			(strings.HasSuffix(text, ": "+value) || strings.Contains(text, `"`+value+`"`))
	}
	if strings.HasPrefix(text, "json: unsupported value: ") {
		text, quoted = "no number", s.infinite
	}
	var pattern []string
	const deepest = 7
	for range deepest {
		pattern = append(pattern, "*")
		if p, ok := s.sources.find(quoted, pattern...); ok {
			return (&Error{Msg: text, Hint: "correct the value"}).at(p)
		}
	}
	return nil
}

// infinite tells whether a value is a number that JSON, and so the schema, has no form for.
func (s *session) infinite(p place) bool {
	if p.node.Kind != yaml.ScalarNode {
		return false
	}
	value := strings.Replace(s.expand(p.node.Value), ".", "", 1)
	f, err := strconv.ParseFloat(value, 64)
	return err == nil && (math.IsNaN(f) || math.IsInf(f, 0))
}
