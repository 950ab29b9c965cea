package project

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// place is a node that was found, with its path and where it stands.
type place struct {
	path []string
	pos  position
	node *yaml.Node
}

// key writes a path as users read it: services.web.ports[0].
func key(path []string) string {
	var b strings.Builder
	for i, p := range path {
		switch _, err := strconv.Atoi(p); {
		case err == nil && (i > 2 || path[0] == "include"):
			b.WriteString("[" + p + "]")
		case i > 0:
			b.WriteString("." + p)
		default:
			b.WriteString(p)
		}
	}
	return b.String()
}

// find returns the first node that a pattern of keys matches and accept takes, in
// all files; "*" stands for any key or index.
func (s *sources) find(accept func(place) bool, pattern ...string) (place, bool) {
	for _, src := range s.files {
		file := display(s.workDir, src.file)
		for _, doc := range src.parsed() {
			if p, ok := find(place{node: root(doc), pos: position{file: file}}, pattern, accept); ok {
				return p, true
			}
		}
	}
	return place{}, false
}

func find(at place, pattern []string, accept func(place) bool) (place, bool) {
	if at.node = deref(at.node); at.node == nil {
		return place{}, false
	}
	if len(pattern) == 0 {
		return at, accept(at)
	}
	for name, next := range at.children() {
		if pattern[0] != "*" && pattern[0] != name {
			continue
		}
		if p, ok := find(next, pattern[1:], accept); ok {
			return p, true
		}
	}
	return place{}, false
}

// children yields what a mapping or a list holds, by key or index.
func (at place) children() func(yield func(string, place) bool) {
	return func(yield func(string, place) bool) {
		step := 1
		if at.node.Kind == yaml.MappingNode {
			step = 2
		} else if at.node.Kind != yaml.SequenceNode {
			return
		}
		for i := 0; i+step <= len(at.node.Content); i += step {
			name, head := strconv.Itoa(i), at.node.Content[i]
			if step == 2 {
				name = head.Value
			}
			path := append(append([]string{}, at.path...), name)
			if !yield(name, place{path, position{at.pos.file, head.Line}, at.node.Content[i+step-1]}) {
				return
			}
		}
	}
}

// anyItem stands for the [] of a dotted path: some item of a list.
const anyItem = "\x00"

// dotted resolves a dotted path as libraries write it (a.b.0, a.b.[], a[b].c) to the
// nodes that it names: keys may hold dots themselves, so the files decide. needle is
// text that the node must hold where "[]" stands for any element. rest is what no
// key matched.
func (s *sources) dotted(text, needle string) (best place, rest string) {
	path, tail, spaced := strings.Cut(text, " ")
	path = strings.NewReplacer(".[]", "."+anyItem, ".[", ".", "[", ".", "].", ".", "]", "").Replace(path)
	if text = path; spaced {
		text += " " + tail
	}
	rest = text
	for _, src := range s.files {
		for _, doc := range src.parsed() {
			start := place{node: root(doc), pos: position{file: display(s.workDir, src.file)}}
			if p, r := descend(start, text, needle); len(r) < len(rest) {
				best, rest = p, r
			}
		}
	}
	return best, strings.TrimLeft(strings.ReplaceAll(rest, anyItem, "[]"), ". :")
}

// descend goes down from a place as far as text leads.
func descend(at place, text, needle string) (best place, rest string) {
	at.node = deref(at.node)
	best, rest = at, text
	text = strings.TrimPrefix(text, ".")
	if at.node == nil {
		return best, rest
	}
	for name, next := range at.children() {
		left, ok := strings.CutPrefix(text, name)
		if at.node.Kind == yaml.SequenceNode && strings.HasPrefix(text, anyItem) {
			left, ok = text[len(anyItem):], needle == "" || holds(next.node, needle)
		}
		if !ok || left != "" && !strings.ContainsRune(". :'", rune(left[0])) {
			continue
		}
		if p, r := descend(next, left, needle); len(r) < len(rest) {
			best, rest = p, r
		}
	}
	return best, rest
}

// holds tells whether text occurs in a scalar at or below n.
func holds(n *yaml.Node, text string) bool {
	n = deref(n)
	if n == nil {
		return false
	}
	if n.Kind == yaml.ScalarNode {
		return strings.Contains(n.Value, text)
	}
	for _, c := range n.Content {
		if holds(c, text) {
			return true
		}
	}
	return false
}
