package remote

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// deref follows an alias.
func deref(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// pair is an entry of a mapping.
type pair struct{ key, value *yaml.Node }

// pairs are the entries of a mapping, those that are merged into it included.
func pairs(n *yaml.Node) []pair {
	return merged(n, 0)
}

// maxMerges bounds how deep mappings are merged into each other; deeper ones
// were refused when the project was loaded.
const maxMerges = 100

func merged(n *yaml.Node, depth int) []pair {
	n = deref(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > maxMerges {
		return nil
	}
	var out []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], deref(n.Content[i+1])
		if key.Value != "<<" {
			out = append(out, pair{key, value})
			continue
		}
		for _, from := range items(value) {
			out = append(out, merged(from, depth+1)...)
		}
	}
	return out
}

// find gives the values of a key; several where mappings are merged.
func find(n *yaml.Node, key string) []*yaml.Node {
	var out []*yaml.Node
	for _, p := range pairs(n) {
		if p.key.Value == key && p.value != nil {
			out = append(out, p.value)
		}
	}
	return out
}

// items are the elements of a sequence; anything else is its own only element.
func items(n *yaml.Node) []*yaml.Node {
	n = deref(n)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	out := make([]*yaml.Node, 0, len(n.Content))
	for _, c := range n.Content {
		out = append(out, deref(c))
	}
	return out
}

// edit puts text in the place of a value in a file.
type edit struct {
	line, column int // from 1; columns count characters
	value        string
	style        yaml.Style
	text         string
}

// apply writes the edits into the text, so that all the rest stays as the author
// wrote it.
func apply(content []byte, edits []edit) ([]byte, error) {
	if len(edits) == 0 {
		return content, nil
	}
	lines := strings.SplitAfter(string(content), "\n")
	slices.SortFunc(edits, func(a, b edit) int {
		if a.line != b.line {
			return b.line - a.line
		}
		return b.column - a.column
	})
	for _, e := range edits {
		if e.line < 1 || e.line > len(lines) {
			return nil, fmt.Errorf("%d: the name %q is not where it should be", e.line, e.value)
		}
		line := []rune(lines[e.line-1])
		length := written(line, e)
		if length == 0 {
			return nil, fmt.Errorf("%d: the name %q must be written plainly on one line to be published", e.line, e.value)
		}
		head, tail := string(line[:e.column-1]), string(line[e.column-1+length:])
		lines[e.line-1] = head + e.text + tail
	}
	return []byte(strings.Join(lines, "")), nil
}

// written is how many characters the value takes in the text, quotes included; 0
// if it is not there.
func written(line []rune, e edit) int {
	if e.column < 1 || e.column > len(line) {
		return 0
	}
	rest := line[e.column-1:]
	quote := rune(0)
	switch {
	case e.style&yaml.DoubleQuotedStyle != 0:
		quote = '"'
	case e.style&yaml.SingleQuotedStyle != 0:
		quote = '\''
	}
	if quote == 0 {
		if !strings.HasPrefix(string(rest), e.value) {
			return 0
		}
		return len([]rune(e.value))
	}
	if rest[0] != quote {
		return 0
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quote == '"':
			i++
		case rest[i] == quote && quote == '\'' && i+1 < len(rest) && rest[i+1] == quote:
			i++
		case rest[i] == quote:
			return i + 1
		}
	}
	return 0
}
