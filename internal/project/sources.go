package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Bounds of what is handed to compose-go. Real projects stay far below: the largest
// of 500 public ones has some 3000 values.
const (
	maxDepth    = 100    // nesting of maps and lists
	maxMarks    = 200000 // signs that may begin a value; bounds the parser's memory
	maxValues   = 100000 // keys and values in all files, aliases expanded
	maxExpanded = 20000  // the same where most of them come from aliases
	maxDocs     = 100    // documents in one file
	maxFiles    = 1000   // files reached by include and extends
	maxPorts    = 65536  // ports that ranges stand for: each one once
	maxExtends  = 64     // services that extend each other in a row
	maxCommand  = 65536  // bytes of a command in one string, which is split into words
)

// source is one Compose file as YAML nodes, which know their lines.
type source struct {
	file string // absolute, or "-"
	data []byte
	lock sync.Mutex   // guards docs
	docs []*yaml.Node // nil when forgotten; parsed gets them back
	// referred is set for a file reached by include or extends.
	referred bool
}

// sources are the files of a project in the order in which they were met: the -f
// files first, then what they include or extend.
type sources struct {
	workDir string
	remote  func(string) bool
	files   []*source
	cost    int // keys and values in all files, expanded
	ports   int // ports that ranges stand for
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
	src := &source{file: file, data: data}
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
		if err := s.measure(shown, doc); err != nil {
			return err
		}
		if src.docs = append(src.docs, doc); len(src.docs) > maxDocs {
			return &Error{File: shown, Line: doc.Line, Msg: fmt.Sprintf("more than %d documents in one file", maxDocs),
				Hint: "merge them"}
		}
	}
	s.files = append(s.files, src)
	return nil
}

// parsed returns the documents of a file.
func (src *source) parsed() []*yaml.Node {
	src.lock.Lock()
	defer src.lock.Unlock()
	if src.docs != nil {
		return src.docs
	}
	dec := yaml.NewDecoder(bytes.NewReader(src.data))
	for {
		doc := &yaml.Node{}
		if decodeNode(dec, doc) != nil {
			return src.docs // the end: what cannot be parsed is not added in the first place
		}
		src.docs = append(src.docs, doc)
	}
}

// forget drops the nodes of all files, which take many times the room of the text. They
// are needed again only to say where a mistake is.
func (s *sources) forget() {
	for _, src := range s.files {
		src.lock.Lock()
		src.docs = nil
		src.lock.Unlock()
	}
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
