package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of what is handed to compose-go. Real projects stay far below: the largest
// seen have some 20000 values and 15 levels.
const (
	maxDepth    = 100    // nesting of maps and lists
	maxMarks    = 400000 // signs that may begin a value; bounds the parser's memory
	maxExpanded = 100000 // values after aliases are expanded, per document
	maxFiles    = 1000   // files reached by include and extends
)

// source is one Compose file as YAML nodes, which know their lines.
type source struct {
	file string // absolute, or "-"
	docs []*yaml.Node
	// referred is set for a file reached by include or extends.
	referred bool
}

// sources are the files of a project in the order in which they were met: the -f
// files first, then what they include or extend.
type sources struct {
	workDir string
	remote  func(string) bool
	files   []*source
	cost    int // values in all files, expanded
}

// get returns the source of a file that was added.
func (s *sources) get(file string) *source {
	for _, src := range s.files {
		if src.file == file {
			return src
		}
	}
	return nil
}

// add parses and measures a file.
func (s *sources) add(file string, data []byte) error {
	src := &source{file: file}
	shown := display(s.workDir, file)
	if err := checkText(shown, data); err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		doc := &yaml.Node{}
		err := decodeNode(dec, doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return yamlError(shown, err)
		}
		m := measure{file: shown, sizes: map[*yaml.Node]int{}, open: map[*yaml.Node]bool{}}
		n, err := m.size(doc, 0)
		if err != nil {
			return err
		}
		if s.cost += n; s.cost > maxExpanded {
			return &Error{File: shown, Line: m.widestLine(doc), Msg: fmt.Sprintf(
				"more than %d values after aliases are expanded", maxExpanded), Hint: "use fewer or smaller anchors"}
		}
		src.docs = append(src.docs, doc)
	}
	s.files = append(s.files, src)
	return nil
}

// decodeNode reads the next document; a panic of the parser becomes an error.
func decodeNode(dec *yaml.Decoder, doc *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return dec.Decode(doc)
}

// checkText refuses what is no text, and text with so many signs of structure that
// parsing it would take too much memory.
func checkText(shown string, data []byte) error {
	utf16 := bytes.HasPrefix(data, []byte{0xfe, 0xff}) || bytes.HasPrefix(data, []byte{0xff, 0xfe})
	if !utf16 {
		if at := binaryAt(data); at >= 0 {
			return &Error{File: shown, Line: 1 + bytes.Count(data[:at], []byte("\n")),
				Msg: fmt.Sprintf("not a text file (byte 0x%02x)", data[at]), Hint: "is this the right file?"}
		}
	}
	marks, depth, deepest, deepestAt := 0, 0, 0, 0
	for i, c := range data {
		switch c {
		case '[', '{':
			marks++
			if depth++; depth > deepest {
				deepest, deepestAt = depth, i
			}
		case ']', '}':
			depth = max(depth-1, 0)
		case ',', ':', '\n', '-', '?':
			marks++
		}
	}
	if marks > maxMarks {
		return &Error{File: shown, Msg: fmt.Sprintf("too large: more than %d values", maxMarks), Hint: "split it with include"}
	}
	// Brackets inside scripts and other text count here too, so this bound is generous;
	// the exact one is applied to the parsed nodes.
	if deepest > 10*maxDepth {
		return tooDeep(shown, 1+bytes.Count(data[:deepestAt], []byte("\n")))
	}
	return nil
}

// binaryAt returns the offset of the first byte that no text has, or -1.
func binaryAt(data []byte) int {
	for i := 0; i < len(data); {
		c := data[i]
		if c == 0 || c == 0x7f || c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != 0x1b && c != '\f' && c != '\v' {
			return i
		}
		if c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func tooDeep(shown string, line int) error {
	return &Error{File: shown, Line: line, Msg: fmt.Sprintf("nested deeper than %d levels", maxDepth),
		Hint: "flatten the structure"}
}

// measure counts the values that a document has after its aliases are expanded.
type measure struct {
	file  string
	sizes map[*yaml.Node]int
	open  map[*yaml.Node]bool
}

// size returns the expanded number of values below n, at most a little more than
// maxExpanded. Each node is visited once.
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
	total := 1
	for _, child := range n.Content {
		size, err := m.size(child, depth+1)
		if err != nil {
			return 0, err
		}
		total = min(total+size, 10*maxExpanded)
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

// yamlPlace matches how the YAML library writes a position.
var yamlPlace = regexp.MustCompile(`(?:at |^)L(\d+)\.C\d+: |line (\d+): `)

// yamlNoise matches the library's words around the reason.
var yamlNoise = regexp.MustCompile(`^(yaml: )?(construct errors: )?(go-yaml )?(load error in \w+ )?(\(.*?\) )?`)

// yamlError turns an error of the YAML library into one with file and line.
func yamlError(shown string, err error) error {
	text := oneLine(err.Error())
	e := &Error{File: shown, err: err}
	for {
		m := yamlPlace.FindStringSubmatchIndex(text)
		if m == nil {
			break
		}
		for _, g := range []int{2, 4} {
			if m[g] >= 0 {
				e.Line, _ = strconv.Atoi(text[m[g]:m[g+1]])
			}
		}
		text = text[m[1]:]
	}
	text = yamlNoise.ReplaceAllString(text, "")
	e.Msg = "not valid YAML: " + strings.TrimSpace(text)
	e.Hint = "check indentation, colons and quotes there"
	return e
}
