package project

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

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
			item, ok := p.itemOf(last)
			if ok {
				found = item
			}
			return ok
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

// itemOf finds the child that is a name, begins with it and a colon, or has it as its
// source.
func (at place) itemOf(name string) (place, bool) {
	for _, item := range at.children() {
		node := deref(item.node)
		if source := child(node, "source"); source != nil {
			node = source
		}
		if node.Kind == yaml.ScalarNode && (node.Value == name || strings.HasPrefix(node.Value, name+":")) {
			return item, true
		}
	}
	return place{}, false
}
