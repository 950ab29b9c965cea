package viz

import (
	"math"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/mattn/go-runewidth"
)

const (
	// minInner is how narrow the inside of a box may become, whatever the width.
	minInner = 16
	// frame is how many columns a box takes beside its inside and the lanes.
	frame = 5
	// labelWidth is the column of what a line of a box is about.
	labelWidth = 10
	// joinWidth is how long a list may be to stay on one line.
	joinWidth = 40
)

// Text draws the project in at most width columns (0 or less: as many as it
// takes): a box per service, those that need others above what they need, joined
// by lines on the left; then networks and volumes with who has them.
func Text(p *types.Project, d Details, width int) []byte {
	g := model(p)
	lanes := newLanes(g.services)
	left := 2 * lanes.most
	limit, join := math.MaxInt, joinWidth
	if width > 0 {
		limit = max(width-left-frame, minInner)
		if left == 0 {
			limit++ // no space between lanes and box
		}
		join = min(join, limit-labelWidth)
	}
	inner := 0
	boxes := make([][]row, len(g.services))
	for i, s := range g.services {
		boxes[i] = rows(s, d, join)
		for _, r := range boxes[i] {
			inner = max(inner, columns(r.text()))
		}
	}
	inner = min(max(inner, minInner), limit)
	var b strings.Builder
	for i, s := range g.services {
		if i > 0 {
			lanes.line(&b, left, "")
		}
		box(&b, lanes, s.name, boxes[i], left, inner)
	}
	if d.Networks {
		list(&b, "networks", g.networks, width)
	}
	if d.Volumes {
		list(&b, "volumes", g.volumes, width)
	}
	return []byte(b.String())
}

// row is a line of a box; needs names the service that a line leads to.
type row struct {
	label, value string
	needs        string
}

func (r row) text() string {
	if r.label == "" && r.value == "" {
		return ""
	}
	return runewidth.FillRight(r.label, labelWidth) + r.value
}

// rows are the lines of a service's box below its name; lists of at most join
// columns stay on one line.
func rows(s node, d Details, join int) []row {
	var out []row
	add := func(on bool, label string, values []string) {
		if !on || len(values) == 0 {
			return
		}
		if joined := strings.Join(values, ", "); columns(joined) <= join {
			values = []string{joined}
		}
		for i, v := range values {
			if i > 0 {
				label = ""
			}
			out = append(out, row{label: label, value: v})
		}
	}
	if s.image != "" {
		add(d.Image, "image", []string{s.image})
	}
	add(d.Ports, "ports", s.ports)
	add(d.Networks, "networks", s.networks)
	add(d.Volumes, "volumes", mountTexts(s.volumes))
	for _, n := range s.needs {
		word := n.condition
		if n.optional {
			word += ", optional"
		}
		out = append(out, row{label: "needs", value: n.service + " (" + word + ")", needs: n.service})
	}
	return out
}

func box(b *strings.Builder, l *lanes, name string, lines []row, left, inner int) {
	l.line(b, left, "┌"+strings.Repeat("─", inner+2)+"┐")
	title := "│ " + fit(name, inner) + " │"
	if lane := l.arrive(name); lane >= 0 {
		l.branch(b, left, lane, '╰', "▶"+title)
		l.targets[lane] = ""
	} else {
		l.line(b, left, title)
	}
	for _, r := range lines {
		text := fit(r.text(), inner) + " │"
		if r.needs == "" {
			l.line(b, left, "│ "+text)
			continue
		}
		lane, joins := l.leave(r.needs)
		corner := '╭'
		if joins {
			corner = '├'
		}
		l.branch(b, left, lane, corner, "─┤ "+text)
	}
	l.line(b, left, "└"+strings.Repeat("─", inner+2)+"┘")
}

// lanes are the lines on the left, each of which ends at one service.
type lanes struct {
	targets []string // by lane; empty for a free one
	most    int      // how many there are at the same time at most
}

// newLanes finds out how many lanes it takes by going through all services once.
func newLanes(services []node) *lanes {
	l := &lanes{}
	for _, s := range services {
		if at := l.arrive(s.name); at >= 0 {
			l.targets[at] = ""
		}
		for _, n := range s.needs {
			l.leave(n.service)
		}
	}
	l.most, l.targets = len(l.targets), make([]string, len(l.targets))
	return l
}

// arrive is the lane that ends at the service; -1 if none does.
func (l *lanes) arrive(service string) int { return slices.Index(l.targets, service) }

// leave is the lane to the service, and whether others have taken it before.
func (l *lanes) leave(service string) (lane int, joins bool) {
	if at := slices.Index(l.targets, service); at >= 0 {
		return at, true
	}
	at := slices.Index(l.targets, "")
	if at < 0 {
		at = len(l.targets)
		l.targets = append(l.targets, "")
	}
	l.targets[at] = service
	return at, false
}

// line writes a line that the lanes pass by.
func (l *lanes) line(b *strings.Builder, left int, text string) {
	out := l.passing(left)
	if left > 0 {
		out = append(out, ' ')
	}
	b.WriteString(strings.TrimRight(string(out)+text, " ") + "\n")
}

// passing are the columns of the lanes.
func (l *lanes) passing(left int) []rune {
	out := []rune(strings.Repeat(" ", left))
	for i, target := range l.targets {
		if target != "" {
			out[2*i] = '│'
		}
	}
	return out
}

// branch writes a line on which a lane turns to the box, across those between.
func (l *lanes) branch(b *strings.Builder, left, lane int, corner rune, text string) {
	out := l.passing(left)
	out[2*lane] = corner
	for i := 2*lane + 1; i < len(out); i++ {
		if out[i] == '│' {
			out[i] = '┼'
		} else {
			out[i] = '─'
		}
	}
	b.WriteString(string(out) + text + "\n")
}

// list writes networks or volumes and who has them.
func list(b *strings.Builder, title string, all []resource, width int) {
	if len(all) == 0 {
		return
	}
	b.WriteString("\n" + title + "\n")
	for i, r := range all {
		sign := "├─ "
		if i == len(all)-1 {
			sign = "╰─ "
		}
		text := titled(r)
		if len(r.users) > 0 {
			text += ": " + strings.Join(r.users, ", ")
		}
		if width > 0 {
			text = runewidth.Truncate(text, max(width-columns(sign), minInner), "…")
		}
		b.WriteString(sign + text + "\n")
	}
}

// fit makes text as wide as it should be.
func fit(text string, width int) string {
	return runewidth.FillRight(runewidth.Truncate(text, width, "…"), width)
}

func columns(text string) int { return runewidth.StringWidth(text) }
