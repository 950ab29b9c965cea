package project

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v4"
)

// lineWidth is where docker compose breaks long plain and quoted text.
const lineWidth = 80

// styled rewrites YAML of any style in the one that docker compose prints: two spaces,
// lists indented, long text folded, words that only YAML 1.1 takes for booleans or
// numbers in single quotes and other look-alikes in double quotes. Said explicitly it
// does not depend on the defaults of the YAML library, which differ between releases.
func styled(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	restyle(&doc)
	out, err := yaml.Dump(&doc, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false),
		yaml.WithLineWidth(lineWidth), yaml.WithUnicode(true), yaml.WithQuotePreference(yaml.QuoteLegacy))
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
