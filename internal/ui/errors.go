package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// hinter is an error that knows what to do next.
type hinter interface{ Hint() string }

// Error prints an error on Err: one line for each error that was joined, and
// the hint, if it has one. ErrClosed is not worth a line.
func Error(t Terminal, err error) {
	if err == nil || errors.Is(err, ErrClosed) {
		return
	}
	color := painter(t.ErrColor)
	var b strings.Builder
	for _, text := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		b.WriteString(color(red, printable(text)) + "\n")
	}
	var h hinter
	if errors.As(err, &h) {
		if text := oneLine(h.Hint()); text != "" {
			b.WriteString(color(cyan, "hint:") + " " + text + "\n")
		}
	}
	// Nobody is left to be told that standard error fails.
	_, _ = io.WriteString(t.Err, b.String())
}

// Warning prints a warning on Err, outside of any progress.
func Warning(t Terminal, text string) {
	_, _ = io.WriteString(t.Err, painter(t.ErrColor)(yellow, "warning:")+" "+oneLine(text)+"\n")
}

// printable takes what could act on a terminal out of a line of an error.
func printable(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "�")
	}
	return oneLine(s)
}

// Failure is why one container did not become what it was waited for.
type Failure struct {
	Service   string
	Container string
	Reason    string // "is unhealthy", "exited (1)", "restarted 5 times"
	ExitCode  *int
	Probe     string    // the last output of its health check
	ProbeAt   time.Time // zero when unknown
	ProbeCode int
	Logs      []string // its last lines
}

// Failures prints a block for each failed container: what happened, the last
// probe, the last lines. On GitHub each is an annotation as well.
func Failures(t Terminal, failures []Failure) {
	color := painter(t.ErrColor)
	var b strings.Builder
	for _, f := range failures {
		b.WriteString("\n" + color(red, "✘ "+f.title()) + "\n")
		if f.Probe != "" {
			probe := fmt.Sprintf("last probe (exit code %d", f.ProbeCode)
			if !f.ProbeAt.IsZero() {
				probe += ", " + f.ProbeAt.In(t.now().Location()).Format(time.TimeOnly)
			}
			failureBlock(&b, color, probe+"):", strings.Split(strings.TrimRight(f.Probe, "\n"), "\n"))
		}
		if len(f.Logs) > 0 {
			failureBlock(&b, color, fmt.Sprintf("last %s of its log:", lineCount(len(f.Logs))), f.Logs)
		}
		if t.CI == GitHub {
			b.WriteString("::error title=" + githubValue(f.Container) + "::" + githubText(f.title()) + "\n")
		}
	}
	_, _ = io.WriteString(t.Err, b.String())
}

// title is "web (app-web-1) exited (1)".
func (f Failure) title() string {
	s := f.Service
	switch {
	case s == "":
		s = f.Container
	case f.Container != "":
		s += " (" + f.Container + ")"
	}
	if f.Reason != "" {
		s += " " + oneLine(f.Reason)
	}
	if f.ExitCode != nil && !strings.Contains(f.Reason, fmt.Sprint(*f.ExitCode)) {
		s += fmt.Sprintf(", exit code %d", *f.ExitCode)
	}
	return s
}

func failureBlock(b *strings.Builder, color func(c, s string) string, title string, lines []string) {
	b.WriteString("  " + title + "\n")
	for _, text := range lines {
		b.WriteString(color(faint, "    | ") + printable(text) + "\n")
	}
}

func lineCount(n int) string {
	if n == 1 {
		return "line"
	}
	return fmt.Sprintf("%d lines", n)
}
