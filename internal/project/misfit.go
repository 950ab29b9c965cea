package project

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
	"go.yaml.in/yaml/v4"
)

// misfit finds the first value of a kind that the Compose schema does not have at its
// place, in file, or in all where file is "". compose-go looks at kinds late: before
// that it may panic, blame a parent, or speak of Go's types. The search is only made to
// explain an error that is there, so what it does not know costs nothing.
func (s *session) misfit(file string) (*Error, bool) {
	tree := composeSchema()
	for level := range 3 {
		for _, src := range s.sources.files {
			shown := display(s.opts.WorkDir, src.file)
			if file != "" && file != shown {
				continue
			}
			for _, doc := range src.parsed() {
				m := matcher{defs: schemaOf(tree["$defs"]), nulls: level > 0, parts: level > 1}
				if top := root(doc); m.check(place{node: top, pos: position{shown, top.Line}}, m.leaves(tree)) {
					return m.found, true
				}
			}
		}
	}
	return nil, false
}

// composeSchema is the Compose schema as plain values.
func composeSchema() map[string]any {
	var tree map[string]any
	if json.Unmarshal([]byte(schema.Schema), &tree) != nil {
		return nil
	}
	return tree
}

// schemaOf is v as a schema, nil where it is none.
func schemaOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// matcher compares nodes with a schema.
type matcher struct {
	defs map[string]any
	// nulls has empty values matter: mostly they stand for an absent key.
	nulls bool
	// parts has absent keys matter also where another file may give them.
	parts bool
	found *Error
}

// leaves lists the alternatives of a schema, references followed.
func (m *matcher) leaves(of map[string]any) []map[string]any {
	if ref, ok := of["$ref"].(string); ok {
		of = schemaOf(m.defs[strings.TrimPrefix(ref, "#/$defs/")])
	}
	var out []map[string]any
	for _, choice := range []string{"oneOf", "anyOf", "allOf"} {
		list, _ := of[choice].([]any)
		for _, alternative := range list {
			out = append(out, m.leaves(schemaOf(alternative))...)
		}
	}
	if len(out) == 0 || of["properties"] != nil {
		if of["allOf"] != nil && of["type"] == nil {
			of = maps.Clone(of)
			of["type"] = out[0]["type"] // said by the parts alone
		}
		out = append(out, of)
	}
	return out
}

// check looks at a node and what it holds; true when it found a misfit.
func (m *matcher) check(at place, choices []map[string]any) bool {
	at.node = deref(at.node)
	if at.node.Tag == "!reset" && len(at.path) == 0 {
		m.found = &Error{File: at.pos.file, Line: at.pos.line, Msg: "the whole document is reset", Hint: "put !reset after a key"}
		return true
	}
	if at.node.Tag == "!reset" || len(choices) == 0 {
		return false
	}
	kind := m.kind(at.node)
	if want := m.wanted(at.path, choices); want != nil && kind != "" && !fits(kind, want) {
		m.found = (&Error{File: at.pos.file, Line: at.pos.line,
			Msg: "must be " + either(want) + ", not " + kindNames()[kind], Hint: remedy(kind, want)}).at(at)
		if len(at.path) == 0 {
			m.found.Hint = "start with services:"
		}
		return true
	}
	if m.outOfRange(at, choices) {
		return true
	}
	for name, next := range at.children() {
		inner := choices
		if name == "<<" && at.node.Kind == yaml.MappingNode {
			next.path = at.path
			if merged := deref(next.node); merged.Kind == yaml.SequenceNode {
				continue
			}
		} else if inner = m.below(choices, name, at.node.Kind); len(inner) == 0 {
			continue
		}
		if m.check(next, inner) {
			return true
		}
	}
	return m.incomplete(at, choices)
}

// outOfRange finds a number that is larger or smaller than all alternatives allow.
func (m *matcher) outOfRange(at place, choices []map[string]any) bool {
	value, err := strconv.ParseFloat(at.node.Value, 64)
	if at.node.Kind != yaml.ScalarNode || err != nil {
		return false
	}
	bound := ""
	for _, choice := range choices {
		least, hasLeast := choice["minimum"].(float64)
		most, hasMost := choice["maximum"].(float64)
		switch {
		case hasLeast && value < least:
			bound = fmt.Sprintf("must be %.0f or more, not %s", least, at.node.Value)
		case hasMost && value > most:
			bound = fmt.Sprintf("must be at most %.0f, not %s", most, at.node.Value)
		case choice["type"] != "string" || at.node.ShortTag() == "!!str":
			return false
		}
	}
	if bound != "" {
		m.found = (&Error{Msg: bound, Hint: "correct the value"}).at(at)
	}
	return bound != ""
}

// incomplete finds an item of a list without the keys that it must have. Elsewhere they
// may come from another file.
func (m *matcher) incomplete(at place, choices []map[string]any) bool {
	if at.node.Kind != yaml.MappingNode || !m.parts && !strings.HasSuffix(key(at.path), "]") {
		return false
	}
	lacks := ""
	for _, choice := range choices {
		if choice["type"] != "object" {
			continue
		}
		required := texts(choice["required"])
		at := slices.IndexFunc(required, func(name string) bool { return child(at.node, name) == nil })
		if at < 0 {
			return false
		}
		lacks = required[at]
	}
	if lacks == "" {
		return false
	}
	m.found = (&Error{Msg: fmt.Sprintf("missing key %q", lacks), Hint: "add " + lacks + ":"}).at(at)
	return true
}

// below lists what a schema has for a key of a mapping, or an item of a list.
func (m *matcher) below(choices []map[string]any, name string, kind yaml.Kind) []map[string]any {
	var out []map[string]any
	for _, choice := range choices {
		if kind == yaml.SequenceNode {
			if items := schemaOf(choice["items"]); items != nil {
				out = append(out, m.leaves(items)...)
			}
			continue
		}
		if own := schemaOf(schemaOf(choice["properties"])[name]); own != nil {
			out = append(out, m.leaves(own)...)
			continue
		}
		patterns := schemaOf(choice["patternProperties"])
		for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
			if re, err := regexp.Compile(pattern); err == nil && re.MatchString(name) {
				out = append(out, m.leaves(schemaOf(patterns[pattern]))...)
			}
		}
		if rest := schemaOf(choice["additionalProperties"]); rest != nil {
			out = append(out, m.leaves(rest)...)
		}
	}
	return out
}

// kind names what a node is as the schema does, "" where it may be anything.
func (m *matcher) kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "object"
	case yaml.SequenceNode:
		return "array"
	}
	switch n.ShortTag() {
	case "!!int":
		return "integer"
	case "!!float":
		return "number"
	case "!!bool":
		return "boolean"
	case "!!timestamp":
		return "date"
	case "!!str", "!!binary":
		return "string"
	case "!!null":
		if m.nulls {
			return "null"
		}
	}
	return ""
}

// wanted lists the kinds that may stand at path. The schema allows some that the code of
// compose-go does not.
func (m *matcher) wanted(path []string, choices []map[string]any) []string {
	if n := len(path); n == 3 && path[2] == "pid" && m.nulls || n > 1 && path[n-2] == "additional_contexts" {
		return []string{"string"}
	}
	return kinds(choices)
}

// texts returns the strings of a list in the schema.
func texts(list any) []string {
	all, _ := list.([]any)
	out := make([]string, 0, len(all))
	for _, each := range all {
		if text, ok := each.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// kinds is the union of what alternatives allow, nil when that is anything.
func kinds(choices []map[string]any) []string {
	seen := map[string]bool{}
	for _, choice := range choices {
		switch t := choice["type"].(type) {
		case string:
			seen[t] = true
		case []any:
			for _, each := range texts(t) {
				seen[each] = true
			}
		default:
			return nil
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// fits tells whether a value may stand where some kinds are wanted. Text may stand for
// numbers and booleans: it is converted, or refused with a reason of its own.
func fits(kind string, want []string) bool {
	has := func(k string) bool { return slices.Contains(want, k) }
	switch kind {
	case "integer":
		return has("integer") || has("number")
	case "string":
		return has("string") || has("integer") || has("number") || has("boolean")
	}
	return has(kind)
}

// kindNames are the words for kinds.
func kindNames() map[string]string {
	return map[string]string{"object": "a mapping", "array": "a list", "integer": "a whole number", "number": "a number",
		"boolean": "true or false", "date": "a date", "string": "a string", "null": "empty"}
}

// either joins kinds to "a list, a mapping or a string".
func either(want []string) string {
	var words []string
	for _, kind := range want {
		words = append(words, kindNames()[kind])
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " or " + words[last]
	}
	return strings.Join(words, "")
}

// remedy says what to do about a value of a wrong kind.
func remedy(kind string, want []string) string {
	has := func(k string) bool { return slices.Contains(want, k) }
	switch {
	case has("string") && slices.Contains([]string{"integer", "number", "boolean", "date"}, kind):
		return "put it in quotes"
	case kind == "null":
		return "give it a value, or remove the key"
	case kind != "array" && has("array"):
		return "write each item on a line of its own, after a dash"
	case kind != "object" && has("object"):
		return "write KEY: VALUE below it"
	}
	return "correct the value"
}
