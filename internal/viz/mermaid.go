package viz

import (
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Mermaid writes the project as a Mermaid flowchart, which many web pages of
// source code draw.
func Mermaid(p *types.Project, d Details) []byte {
	g := model(p)
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	ids := map[string]string{} // by kind and name
	id := func(kind, name string) string { return ids[kind+name] }
	declare := func(kind, name, open, text, closing string) {
		ids[kind+name] = fmt.Sprintf("%s%d", kind, len(ids)+1) // names may hold what Mermaid reads as its own
		fmt.Fprintf(&b, "    %s%s\"%s\"%s\n", id(kind, name), open, text, closing)
	}
	for _, s := range g.services {
		declare("service", s.name, "[", mermaidLabel(s, d), "]")
	}
	if d.Networks {
		for _, n := range g.networks {
			declare("network", n.key, "{{", mermaidText(titled(n)), "}}")
		}
	}
	if d.Volumes {
		for _, v := range g.volumes {
			declare("volume", v.key, "[(", mermaidText(titled(v)), ")]")
		}
	}
	for _, s := range g.services {
		mermaidEdges(&b, s, d, id)
	}
	return []byte(b.String())
}

func mermaidEdges(b *strings.Builder, s node, d Details, id func(kind, name string) string) {
	from := id("service", s.name)
	for _, n := range s.needs {
		arrow := "-->"
		if n.optional {
			arrow = "-.->"
		}
		fmt.Fprintf(b, "    %s %s|%s| %s\n", from, arrow, n.condition, id("service", n.service))
	}
	if d.Networks {
		for _, n := range s.networks {
			if to := id("network", n); to != "" {
				fmt.Fprintf(b, "    %s -.- %s\n", from, to)
			}
		}
	}
	if d.Volumes {
		for _, v := range s.volumes {
			if to := id("volume", v.source); to != "" && v.kind == types.VolumeTypeVolume {
				fmt.Fprintf(b, "    %s ---|%s| %s\n", from, `"`+mermaidText(v.target)+`"`, to)
			}
		}
	}
}

func mermaidLabel(s node, d Details) string {
	lines := []string{mermaidText(s.name)}
	if d.Image && s.image != "" {
		lines = append(lines, mermaidText(s.image))
	}
	if d.Ports {
		for _, p := range s.ports {
			lines = append(lines, mermaidText(p))
		}
	}
	return strings.Join(lines, "<br/>")
}

// mermaidText escapes what ends a quoted text or starts markup in it (Mermaid,
// "Entity codes to escape characters").
func mermaidText(s string) string {
	return strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;").Replace(s)
}

// titled is a resource's key with what is special about it.
func titled(r resource) string {
	if r.note == "" {
		return r.key
	}
	return r.key + " (" + r.note + ")"
}
