package ui

import (
	"strconv"
	"strings"
	"testing"
)

// emulator is as much of a terminal as a live view needs: what it holds at the
// end, scrolled-off lines included, is what a person sees.
type emulator struct {
	t             *testing.T
	width, height int
	lines         [][]rune
	row, col      int
	hidden        bool
}

func newEmulator(t *testing.T, width, height int) *emulator {
	t.Helper()
	return &emulator{t: t, width: width, height: height, lines: [][]rune{nil}}
}

func (e *emulator) Write(p []byte) (int, error) {
	text := []rune(string(p))
	for i := 0; i < len(text); i++ {
		switch r := text[i]; r {
		case '\r':
			e.col = 0
		case '\n':
			e.row, e.col = e.row+1, 0
			e.grow()
		case '\x1b':
			i += e.sequence(string(text[i:]))
		default:
			e.put(r)
		}
	}
	return len(p), nil
}

func (e *emulator) grow() {
	for e.row >= len(e.lines) {
		e.lines = append(e.lines, nil)
	}
}

// put writes a rune, breaking the line at the right edge.
func (e *emulator) put(r rune) {
	w := textWidth(string(r))
	if e.col+w > e.width {
		e.row, e.col = e.row+1, 0
		e.grow()
	}
	line := e.lines[e.row]
	for len(line) < e.col+w {
		line = append(line, ' ')
	}
	line[e.col] = r
	for i := 1; i < w; i++ {
		line[e.col+i] = 0
	}
	e.lines[e.row], e.col = line, e.col+w
}

// sequence carries out an escape sequence and returns its length less one.
func (e *emulator) sequence(s string) int {
	end := strings.IndexFunc(s[2:], func(r rune) bool { return r >= '@' && r <= '~' }) + 2
	n, _ := strconv.Atoi(s[2:end])
	switch s[end] {
	case 'A':
		if top := max(len(e.lines)-e.height, 0); e.row-n < top {
			e.t.Errorf("the cursor leaves the screen: %d up from %d, the top is %d", n, e.row, top)
		}
		e.row -= n
	case 'K':
		e.lines[e.row] = e.lines[e.row][:min(e.col, len(e.lines[e.row]))]
	case 'J':
		if e.row == max(len(e.lines)-e.height, 0) && e.col == 0 && e.height > 1 {
			e.t.Error("the whole screen is erased: tmux keeps what was on it in its history")
		}
		e.lines = e.lines[:e.row+1]
		e.lines[e.row] = e.lines[e.row][:min(e.col, len(e.lines[e.row]))]
	case 'h', 'l':
		e.hidden = s[end] == 'l'
	case 'm':
	default:
		e.t.Errorf("unknown sequence %q", s[:end+1])
	}
	return end
}

// text is everything on the screen and above it.
func (e *emulator) text() []string {
	var out []string
	for _, l := range e.lines {
		out = append(out, strings.TrimRight(strings.ReplaceAll(string(l), "\x00", ""), " "))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}
