package ui

import (
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// Colours, as the parameters of the "select graphic rendition" sequence.
const (
	plainText = ""
	bold      = "1"
	faint     = "2"
	red       = "31"
	green     = "32"
	yellow    = "33"
	blue      = "34"
	magenta   = "35"
	cyan      = "36"
)

// paint wraps s in a colour; an empty colour leaves it as it is.
func paint(color, s string) string {
	if color == plainText || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// painter returns paint, or a function that leaves texts alone.
func painter(on bool) func(color, s string) string {
	if on {
		return paint
	}
	return func(_, s string) string { return s }
}

// measure is how texts are measured whatever the locale says, so that the same
// events give the same bytes everywhere.
func measure() *runewidth.Condition {
	return &runewidth.Condition{StrictEmojiNeutral: true}
}

// textWidth is the number of columns s takes; s has no escape sequences.
func textWidth(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return measure().StringWidth(s)
		}
	}
	return len(s)
}

// fit shortens s to at most width columns, with … in place of what is lost.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if textWidth(s) <= width {
		return s
	}
	return measure().Truncate(s, width, "…")
}

// pad fills s with spaces up to width columns.
func pad(s string, width int) string {
	if n := width - textWidth(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// oneLine makes s safe for a line of its own: line breaks and tabs become
// spaces, escape sequences and other control characters vanish.
func oneLine(s string) string {
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	s = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(strings.TrimRight(s, "\r\n"))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, withoutSequences(s))
}

// withoutSequences takes out the control sequences of ECMA-48: ESC, "[",
// parameters, and a final byte.
func withoutSequences(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r >= '@' && r <= '~' })
		s = after[end+1:] // an unfinished one loses only its start
	}
}
