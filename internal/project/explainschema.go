package project

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
	"go.yaml.in/yaml/v4"
)

var (
	validating  = regexp.MustCompile(`(?s)^validating (.+?\.[^ :]*|-|[^ ]+): (.*)$`)
	notAllowed  = regexp.MustCompile(`additional propert(?:y|ies) '([^']*)'.* not allowed`)
	badPattern  = regexp.MustCompile(`^'(.*)' does not match pattern '(.*)'$`)
	mergedKey   = regexp.MustCompile(`^(\S+) false schema$`)
	quotedWords = regexp.MustCompile(`^value must be one of (.*)$`)
)

// schemaError explains what the Compose schema refuses: unknown keys and values of the
// wrong type or form.
func (s *session) schemaError(text string) *Error {
	m := validating.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	e := &Error{File: display(s.opts.WorkDir, m[1])}
	p, rest := s.sources.dotted(m[2], "")
	if strings.HasPrefix(m[2], " ") {
		p, rest = place{}, strings.TrimSpace(m[2])
	}
	if q := s.quotingError(m[2]); q != nil && strings.HasPrefix(m[2], "json: ") {
		return q
	}
	merged := mergedKey.FindStringSubmatch(rest)
	switch extra := notAllowed.FindStringSubmatch(rest); {
	case merged != nil && len(p.path) > 0: // it came by a merge key, or from a file that is extended
		e.unknownKey(s.sources, append(append([]string{}, p.path...), merged[1]))
	case extra != nil:
		path := append(append([]string{}, p.path...), extra[1])
		e.unknownKey(s.sources, path)
	case rest == "false schema" && len(p.path) > 0:
		e.unknownKey(s.sources, p.path)
	default:
		e.Msg = rest
		e.at(p)
		if m := badPattern.FindStringSubmatch(rest); m != nil {
			e.Msg = fmt.Sprintf("invalid value %q, want the form %s", m[1], m[2])
		}
		if m := quotedWords.FindStringSubmatch(rest); m != nil {
			e.Hint = "correct the value"
		}
	}
	return e
}

// unknownKey describes a key that the schema does not have.
func (e *Error) unknownKey(s *sources, path []string) {
	name := path[len(path)-1]
	e.Key, e.Msg = key(path), fmt.Sprintf("unknown key %q", name)
	pos, depth := s.locate(path)
	if depth == len(path) {
		e.File, e.Line = pos.file, pos.line
	}
	switch near := closest(name, schemaKeys()); {
	case len(path) == 2 && slices.Contains(sections(), path[0]):
		e.Msg, e.Hint = fmt.Sprintf("invalid name %q", name), "use letters, digits, dots, underscores and dashes"
	case near != "":
		e.Hint = fmt.Sprintf("did you mean %s?", near)
	case len(path) == 1 && s.looksLikeService(name):
		e.Hint = "services belong under services:"
	default:
		e.Hint = "remove it, or start it with x- for an extension"
	}
}

// looksLikeService tells whether a top-level key holds what a service has.
func (s *sources) looksLikeService(name string) bool {
	_, ok := s.find(func(p place) bool {
		return p.node.Kind == yaml.MappingNode && (child(p.node, "image") != nil || child(p.node, "build") != nil)
	}, name)
	return ok
}

// schemaKeys lists the names of all properties in the Compose schema.
func schemaKeys() []string {
	var tree any
	if json.Unmarshal([]byte(schema.Schema), &tree) != nil {
		return nil
	}
	var names []string
	var walk func(any)
	walk = func(v any) {
		m, _ := v.(map[string]any)
		for k, e := range m {
			if properties, ok := e.(map[string]any); ok && k == "properties" {
				names = append(names, keys(properties)...)
			}
			walk(e)
		}
		if list, ok := v.([]any); ok {
			for _, e := range list {
				walk(e)
			}
		}
	}
	walk(tree)
	return names
}
