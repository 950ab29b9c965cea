package project

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// referenceRule says where an error about one service, or about something it refers
// to, stands. In key $1 and $2 are the groups of the pattern.
type referenceRule struct {
	pattern   *regexp.Regexp
	key, hint string
}

// referenceRules are the texts of compose-go's consistency check.
func referenceRules() []referenceRule {
	r := func(pattern, key, hint string) referenceRule {
		return referenceRule{regexp.MustCompile(pattern), key, hint}
	}
	return []referenceRule{
		r(`^service "(.+)" has neither an image nor a build context`, "services.$1", "add image: or build:"),
		r(`^service "(.+)" refers to undefined network (.+)$`, "services.$1.networks.$2", "declare it under networks:"),
		r(`^service "(.+)" refers to undefined volume (.+)$`, "services.$1.volumes.$2",
			"declare it under volumes:, or start it with ./ for a path"),
		r(`^service "(.+)" refers to undefined build secret (.+)$`, "services.$1.build.secrets.$2", "declare it under secrets:"),
		r(`^service "(.+)" refers to undefined secret (.+)$`, "services.$1.secrets.$2", "declare it under secrets:"),
		r(`^service "(.+)" refers to undefined config (.+)$`, "services.$1.configs.$2", "declare it under configs:"),
		r(`^service "(.+)" refers to undefined model (.+)$`, "services.$1.models.$2", "declare it under models:"),
		r(`^service "(.+)" depends on undefined service "(.+)"$`, "services.$1.depends_on.$2", ""),
		r(`^service "(.+)" cannot depend on job "(.+)"`, "services.$1.depends_on.$2", ""),
		r(`^job "(.+)" depends on undefined service or job "(.+)"$`, "jobs.$1.depends_on.$2", ""),
		r(`^service "(.+)" declares mutualy exclusive dockerfile`, "services.$1.build", "keep one of them"),
		r(`^service (.+) declares mutually exclusive .network_mode. and`, "services.$1.network_mode", "keep one of them"),
		r(`^service "(.+)" declares (?:unknown|non-buildable) service "(.+)" as additional`,
			"services.$1.build.additional_contexts", ""),
		r(`^secret "(.+)" must declare either`, "secrets.$1", "add file: or environment:"),
		r(`^"(.+)" is declared both as a service and a job`, "jobs.$1", "rename one of them"),
	}
}

// referenceError explains an error of the consistency check.
func (s *session) referenceError(text string) *Error {
	for _, rule := range referenceRules() {
		m := rule.pattern.FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		path := strings.Split(rule.key, ".")
		for i, p := range path {
			path[i] = string(rule.pattern.ExpandString(nil, p, text, m))
		}
		e := &Error{Key: key(path), Msg: text, Hint: rule.hint}
		if p, ok := s.sources.mention(path); ok {
			e.at(p)
		}
		if e.Hint == "" && len(path) > 3 {
			e.Hint = s.serviceHint(path[3])
		}
		return e
	}
	return s.searchedError(text)
}

// serviceHint says why a service is not there: its profile is off, or it does not exist.
func (s *session) serviceHint(name string) string {
	var names []string
	var profiles []string
	_, _ = s.sources.find(func(p place) bool {
		names = append(names, p.path[1])
		if p.path[1] == name {
			profiles = append(profiles, scalars(child(p.node, "profiles"))...)
		}
		return false
	}, "services", "*")
	switch near := closest(name, names); {
	case len(profiles) > 0:
		return fmt.Sprintf("it has the profile %s: enable it, or set required: false", strings.Join(profiles, ", "))
	case near != "":
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "declare it under services:"
}

// mention finds a path whose last element may also be an item of a list: its text, the
// part before a colon, or the source of a mapping.
func (s *sources) mention(path []string) (place, bool) {
	last := path[len(path)-1]
	var nearest place
	for n := len(path); n > 1; n-- {
		var found place
		accept := func(p place) bool {
			found = p
			if n == len(path) {
				return true
			}
			for _, item := range p.children() {
				node := deref(item.node)
				if source := child(node, "source"); source != nil {
					node = source
				}
				if node.Kind == yaml.ScalarNode && (node.Value == last || strings.HasPrefix(node.Value, last+":")) {
					found = item
					return true
				}
			}
			return false
		}
		if p, ok := s.find(accept, path[:n]...); ok {
			if n < len(path) {
				p = found
			}
			return p, true
		}
		if nearest.node == nil && found.node != nil {
			nearest = found
		}
	}
	return nearest, nearest.node != nil
}

var (
	networkModeOf = regexp.MustCompile(`not found for network_mode '(service:.+)'`)
	platformOf    = regexp.MustCompile(`^service\.build\.platforms MUST include service\.platform "(.+)"`)
)

// searchedError explains errors that do not say of which service they are.
func (s *session) searchedError(text string) *Error {
	value := func(want string) func(place) bool {
		return func(p place) bool { return p.node.Kind == yaml.ScalarNode && s.expand(p.node.Value) == want }
	}
	if m := networkModeOf.FindStringSubmatch(text); m != nil {
		p, _ := s.sources.find(value(m[1]), "services", "*", "network_mode")
		return (&Error{Msg: text, Hint: s.serviceHint(strings.TrimPrefix(m[1], "service:"))}).at(p)
	}
	if m := platformOf.FindStringSubmatch(text); m != nil {
		p, _ := s.sources.find(value(m[1]), "services", "*", "platform")
		return (&Error{Msg: text, Hint: "add it to build.platforms"}).at(p)
	}
	if strings.HasPrefix(text, "healthcheck.test must start") {
		p, _ := s.sources.find(func(p place) bool {
			first := scalars(p.node)
			return p.node.Kind == yaml.SequenceNode && len(first) > 0 &&
				first[0] != "CMD" && first[0] != "CMD-SHELL" && first[0] != "NONE"
		}, "services", "*", "healthcheck", "test")
		return (&Error{Msg: strings.TrimPrefix(text, "healthcheck.test ")}).at(p)
	}
	return nil
}
