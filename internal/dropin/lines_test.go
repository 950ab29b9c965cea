package dropin

import (
	"regexp"
	"testing"
	"time"
)

// line is a command line and what must come of it.
type line struct {
	// sh is what is typed, with `docker compose`.
	sh string
	// code is the exit code.
	code int
	// out and err are regular expressions that standard output and standard
	// error have to match; "" takes anything, and nothing takes only silence.
	out, err string
	// until is text at which an attached command is interrupted.
	until string
	// cli is the Docker CLI's first version that does its part of it.
	cli int
}

// slow is from when on a line's duration is logged.
const slow = 3 * time.Second

// nothing matches empty output only.
const nothing = `\A\z`

// play runs the lines one after the other. After a line that is not answered
// as it should be the next ones still run: each mistake is one of its own.
func (s *shell) play(lines []line) {
	s.t.Helper()
	for _, l := range lines {
		if l.cli > 0 && s.front == plugin && l.cli > s.cliVersion() {
			s.t.Logf("left out, needs a Docker CLI of version %d or later: %s", l.cli, l.sh)
			continue
		}
		start := time.Now()
		var r result
		if l.until != "" {
			r = s.interrupt(l.sh, l.until)
		} else {
			r = s.run(l.sh)
		}
		if took := time.Since(start); took > slow {
			s.t.Logf("%.1f s: %s", took.Seconds(), l.sh)
		}
		check(s.t, s.front.spell(l.sh), l, r)
	}
}

// check compares what a line did with what it has to do.
func check(t *testing.T, typed string, want line, got result) {
	t.Helper()
	if got.code != want.code || !matches(t, want.out, got.stdout) || !matches(t, want.err, got.stderr) {
		t.Errorf("$ %s\nexit code %d, want %d; want stdout to match %q, stderr %q\n--- stdout\n%s--- stderr\n%s",
			typed, got.code, want.code, want.out, want.err, short(got.stdout), short(got.stderr))
	}
}

// short is the beginning and the end of a long text.
func short(text string) string {
	const half = 1200
	if len(text) <= 2*half {
		return text
	}
	return text[:half] + "\n[...]\n" + text[len(text)-half:]
}

// matches tells whether the pattern, in which ^ and $ are those of a line, is
// found in the text.
func matches(t *testing.T, pattern, text string) bool {
	t.Helper()
	expression, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		t.Fatal(err)
	}
	return expression.MatchString(text)
}
