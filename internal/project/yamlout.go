package project

import (
	"bytes"
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// lineWidth is where docker compose breaks long plain and quoted text, yamlIndent how
// far it indents. Variables are an exception: they are indented further, and their lines
// are not broken.
const (
	lineWidth       = 80
	yamlIndent      = 2
	variablesIndent = 4
	unbroken        = -1
)

// encoded writes v as YAML with an indent of two and no line broken.
func encoded(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(yamlIndent)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return buf.Bytes(), nil
}

// blockHeader matches a line that opens a literal block: leading spaces, dashes and the like, key,
// the indent if it is said, and the sign for what is done with line breaks at the end.
var blockHeader = regexp.MustCompile(
	`^( *)((?:[-?:] )*)((?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^"'].*?): )?\|([0-9]?)([+-]?)$`)

// withHints says the indent of each literal block. The encoder leaves it out, and
// whoever reads a block that starts with an empty line or a tab would take indent of
// the content for indent of the block.
func withHints(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	block := -1 // indent of the block that a line may belong to
	for i, line := range lines {
		indent := len(line) - len(bytes.TrimLeft(line, " "))
		if block >= 0 && (len(line) == indent || indent >= block) {
			continue
		}
		block = -1
		m := blockHeader.FindSubmatch(line)
		if m == nil {
			continue
		}
		block = len(m[1]) + len(m[2]) + yamlIndent
		if len(m[3]) == 0 {
			block -= len("- ")
		}
		if len(m[4]) == 0 {
			head := line[:len(line)-len(m[5])]
			lines[i] = fmt.Appendf(nil, "%s%d%s", head, yamlIndent, m[5])
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// styled rewrites YAML, as encoded writes it, in the one that docker compose prints:
// lists indented, long text folded, words that only YAML 1.1 takes for booleans or
// numbers in single quotes and other look-alikes in double quotes. Said explicitly it
// does not depend on the defaults of the YAML library, which differ between releases.
func styled(text []byte, indent, width int) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(withHints(text), &doc); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	restyle(&doc)
	out, err := yaml.Dump(&doc, yaml.WithIndent(indent), yaml.WithCompactSeqIndent(false),
		yaml.WithLineWidth(width), yaml.WithUnicode(true), yaml.WithQuotePreference(yaml.QuoteLegacy))
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return out, nil
}

// restyle puts single quotes where they are due.
func restyle(n *yaml.Node) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
	if n.Kind == yaml.ScalarNode && n.Style&quoted != 0 && oldLookAlike(n.Value) {
		n.Style = n.Style&^quoted | yaml.SingleQuotedStyle
	}
	for _, c := range n.Content {
		restyle(c)
	}
}

// base60 matches numbers in the base 60 of YAML 1.1, such as 12:30:45.
var base60 = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`)

// oldLookAlike tells whether YAML 1.1, but not 1.2, takes a text for something else.
func oldLookAlike(s string) bool {
	switch s {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON",
		"n", "N", "no", "No", "NO", "off", "Off", "OFF", "<<":
		return true
	}
	return base60.MatchString(s)
}
