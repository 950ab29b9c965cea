package project

import (
	"strconv"

	"go.yaml.in/yaml/v4"
)

// position is a place in a file as shown to users.
type position struct {
	file string
	line int
}

// name returns the last non-empty `name:` among the first n files.
func (s *sources) name(n int) (name string, found bool) {
	for _, src := range s.files[:min(n, len(s.files))] {
		for _, doc := range src.parsed() {
			if v := child(root(doc), "name"); v != nil && v.Kind == yaml.ScalarNode && v.Value != "" && v.Tag != "!!null" {
				name, found = v.Value, true
			}
		}
	}
	return name, found
}

// root unwraps a document.
func root(doc *yaml.Node) *yaml.Node {
	if doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
		return deref(doc.Content[0])
	}
	return doc
}

// deref follows an alias.
func deref(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// entry returns the key and value node of a mapping for key, merge keys included.
func entry(n *yaml.Node, key string) (k, v *yaml.Node) {
	n = deref(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		merged := deref(n.Content[i+1])
		if merged.Kind == yaml.SequenceNode {
			for _, m := range merged.Content {
				if k, v := entry(m, key); k != nil {
					return k, v
				}
			}
			continue
		}
		if k, v := entry(merged, key); k != nil {
			return k, v
		}
	}
	return nil, nil
}

// child returns the value of key in a mapping, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	_, v := entry(n, key)
	return deref(v)
}

// walk follows path from a document as far as it goes and returns the line of the
// last key it met and how many elements it matched.
func walk(doc *yaml.Node, path []string) (line, depth int) {
	n := root(doc)
	for _, element := range path {
		switch n = deref(n); n.Kind {
		case yaml.MappingNode:
			k, v := entry(n, element)
			if k == nil {
				return line, depth
			}
			line, n = k.Line, v
		case yaml.SequenceNode:
			i, err := strconv.Atoi(element)
			if err != nil || i < 0 || i >= len(n.Content) {
				return line, depth
			}
			n = n.Content[i]
			line = n.Line
		default:
			return line, depth
		}
		depth++
	}
	return line, depth
}

// locate finds where path is written: the file that has most of it, the last of
// several, since later files override earlier ones. depth is how much it has.
func (s *sources) locate(path []string) (pos position, depth int) {
	for _, src := range s.files {
		for _, doc := range src.parsed() {
			if line, d := walk(doc, path); d > 0 && d >= depth && !(d == depth && src.referred) {
				pos, depth = position{display(s.workDir, src.file), line}, d
			}
		}
	}
	return pos, depth
}
