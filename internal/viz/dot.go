package viz

import (
	"fmt"
	"html"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// DOT writes the project in the language of Graphviz, each level indented by
// indent.
func DOT(p *types.Project, d Details, indent string) []byte {
	g := model(p)
	var b strings.Builder
	line := func(depth int, format string, args ...any) {
		b.WriteString(strings.Repeat(indent, depth))
		fmt.Fprintf(&b, format, args...)
		b.WriteByte('\n')
	}
	line(0, "digraph %s {", quote(g.name))
	line(1, "layout=dot;")
	line(1, "nodesep=0.6;")
	for _, s := range g.services {
		line(1, "%s [style=\"filled\" label=<%s>];", quote(s.name), label(s, d))
	}
	for _, s := range g.services {
		for _, n := range s.needs {
			line(1, "%s -> %s%s;", quote(s.name), quote(n.service), edgeStyle(n))
		}
	}
	line(0, "}")
	return []byte(b.String())
}

// quote writes a DOT identifier (The DOT Language: only the quote is escaped; a
// backslash at the end would take the closing one).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// edgeStyle says the condition where it is not the plain one.
func edgeStyle(n need) string {
	var out []string
	if n.condition != "started" {
		out = append(out, `label="`+n.condition+`"`)
	}
	if n.optional {
		out = append(out, `style="dashed"`)
	}
	if len(out) == 0 {
		return ""
	}
	return " [" + strings.Join(out, " ") + "]"
}

// label is a service as an HTML-like label.
func label(s node, d Details) string {
	out := `<font point-size="15">` + html.EscapeString(s.name) + `</font>`
	part := func(on bool, title string, lines []string) {
		if !on || len(lines) == 0 {
			return
		}
		out += "<br/><br/><b>" + title + ":</b>"
		for _, l := range lines {
			out += "<br/>" + html.EscapeString(l)
		}
	}
	part(d.Networks, "Networks", s.networks)
	part(d.Ports, "Ports", s.ports)
	part(d.Volumes, "Volumes", mountTexts(s.volumes))
	if s.image != "" {
		part(d.Image, "Image", []string{s.image})
	}
	return out
}

func mountTexts(list []mount) []string {
	var out []string
	for _, m := range list {
		source := m.source
		switch {
		case source == "" && m.kind == types.VolumeTypeVolume:
			source = "anonymous"
		case source == "":
			source = m.kind
		}
		out = append(out, source+":"+m.target)
	}
	return out
}
