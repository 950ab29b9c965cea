package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/berth-dev/berth/pkg/event"
)

// Widths of a row of the live view, in columns.
const (
	markWidth   = 3  // " ✔ "
	timeWidth   = 7  // " 59m05s"
	statusWidth = 10 // of the longest status word
	nameFloor   = 6  // a name keeps at least these
	narrow      = 40 // below it there is no room for the time
	barWidth    = 20
)

// layout is how the rows of one frame share the width.
type layout struct {
	avail  int // columns a line may take; the last one stays free
	name   int
	gap    int
	time   bool
	short  bool // names without the kind of resource
	status int
}

// frame renders the view for the present size. Unless it is the final one, it
// is cut to the height, finished rows first.
func (l *live) frame(final bool) []line {
	now := l.term.now()
	rows, rest := l.rows, ""
	if !final {
		rows, rest = visible(l.rows, l.term.height()-2)
	}
	lay := layoutFor(rows, l.term.width()-1)
	lines := make([]line, 0, len(rows)+2)
	lines = append(lines, l.header(lay))
	for _, r := range rows {
		lines = append(lines, l.rowLine(r, lay, now, final))
	}
	if rest != "" {
		text := fit(" … "+rest, lay.avail)
		lines = append(lines, line{text: l.paint(faint, text), width: textWidth(text)})
	}
	return lines
}

func (l *live) header(lay layout) line {
	done := 0
	for _, r := range l.rows {
		if r.phase == event.Done || r.phase == event.Warn {
			done++
		}
	}
	words := []string{"[+]"}
	if verb := l.verb(); verb != "" {
		words = append(words, verb)
	}
	words = append(words, fmt.Sprintf("%d/%d", done, len(l.rows)))
	if l.dryRun {
		words = append(words, "(dry run)")
	}
	text := fit(strings.Join(words, " "), lay.avail)
	width := textWidth(text)
	if done == len(l.rows) {
		text = l.paint(blue, text)
	}
	return line{text: text, width: width}
}

// visible picks the rows for so many lines: what fails, what is being worked
// on, then what ended last; the text says what is left out.
func visible(rows []*row, lines int) (shown []*row, rest string) {
	if len(rows) <= lines {
		return rows, ""
	}
	room := lines - 1
	if lines < 2 { // no room to say what is left out
		room = lines
	}
	show := map[*row]bool{}
	take := func(want func(*row) bool, from []*row) {
		for _, r := range from {
			if len(show) < room && want(r) {
				show[r] = true
			}
		}
	}
	take(func(r *row) bool { return r.phase == event.Failed }, rows)
	take(func(r *row) bool { return r.phase == event.Working }, rows)
	for i := len(rows) - 1; i >= 0; i-- {
		take(func(r *row) bool { return !show[r] }, rows[i:i+1])
	}
	if lines >= 2 {
		rest = restOf(rows, show)
	}
	return shownOf(rows, show), rest
}

// shownOf keeps the order of the rows.
func shownOf(rows []*row, show map[*row]bool) (shown []*row) {
	for _, r := range rows {
		if show[r] {
			shown = append(shown, r)
		}
	}
	return shown
}

// restOf counts the rows that are left out.
func restOf(rows []*row, show map[*row]bool) string {
	hiddenDone, hidden := 0, 0
	for _, r := range rows {
		switch {
		case show[r]:
		case r.phase == event.Done || r.phase == event.Warn:
			hiddenDone++
		default:
			hidden++
		}
	}
	if hidden == 0 {
		return fmt.Sprintf("%d more done", hiddenDone)
	}
	return fmt.Sprintf("%d more, %d of them done", hidden+hiddenDone, hiddenDone)
}

func layoutFor(rows []*row, avail int) layout {
	avail = max(avail, 1)
	lay := layout{avail: avail, gap: 2, time: avail >= narrow}
	tail := 0
	if lay.time {
		tail = timeWidth
	} else {
		lay.gap = 1
	}
	long, short := 0, 0
	for _, r := range rows {
		long = max(long, textWidth(r.id))
		short = max(short, textWidth(r.name))
	}
	room := avail - markWidth - lay.gap - statusWidth - tail
	lay.name = long
	if long > room {
		lay.short = true
		lay.name = min(short, max(room, nameFloor))
	}
	lay.status = avail - markWidth - lay.name - lay.gap - tail
	return lay
}

func (l *live) rowLine(r *row, lay layout, now time.Time, final bool) line {
	mark, color := markOf(r, now, final)
	label := r.id
	if lay.short {
		label = r.name
	}
	label = pad(fit(label, lay.name), lay.name)
	gap := strings.Repeat(" ", lay.gap)
	status := r.describe(lay.status)
	plain := " " + mark + " " + label + gap + status
	if textWidth(plain) > lay.avail { // a terminal of a few columns
		plain = fit(plain, lay.avail)
		return line{text: plain, width: textWidth(plain)}
	}
	text := " " + l.paint(color, mark) + " " + label + gap + l.paint(statusColor(r), status)
	width := textWidth(plain)
	if lay.time {
		took := r.elapsed(now)
		fill := strings.Repeat(" ", max(1, lay.avail-width-len(took)))
		text += fill + l.paint(faint, took)
		width += len(fill) + len(took)
	}
	return line{text: text, width: width}
}

// markOf is the sign in front of a row. A row still being worked on at the end
// was interrupted.
func markOf(r *row, now time.Time, final bool) (mark, color string) {
	switch r.phase {
	case event.Done:
		return "✔", green
	case event.Warn:
		return "!", yellow
	case event.Failed:
		return "✘", red
	}
	if final {
		return "-", yellow
	}
	spinner := [...]string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	return spinner[now.UnixMilli()/redrawEvery.Milliseconds()%int64(len(spinner))], cyan
}

func statusColor(r *row) string {
	switch r.phase {
	case event.Done:
		return green
	case event.Warn:
		return yellow
	case event.Failed:
		return red
	}
	return plainText
}

// describe is the status of a row with as much detail as fits the width.
func (r *row) describe(width int) string {
	var forms []string
	current, total := r.bytes()
	switch {
	case r.text != "":
		return fit(r.status+" "+r.text, width)
	case r.phase == event.Working && total > 0:
		sizes := units.HumanSizeWithPrecision(float64(current), 3) + " / " + units.HumanSizeWithPrecision(float64(total), 3)
		forms = []string{
			r.status + " " + bar(current, total) + " " + sizes,
			r.status + " " + sizes,
			fmt.Sprintf("%s %d%%", r.status, current*100/total),
		}
	case r.phase == event.Working && r.step() != "":
		return fit(r.status+" "+r.step(), width)
	}
	for _, form := range forms {
		if textWidth(form) <= width {
			return form
		}
	}
	return fit(r.status, width)
}

func bar(current, total int64) string {
	n := int(current * barWidth / total)
	return "[" + strings.Repeat("█", n) + strings.Repeat("░", barWidth-n) + "]"
}

// elapsed is the time the row took so far, such as 0.3s or 2m05s.
func (r *row) elapsed(now time.Time) string {
	end := now
	if !r.end.IsZero() {
		end = r.end
	}
	d := max(end.Sub(r.start), 0)
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
