package ui

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piece is a part of a line that goes on.
func piece(name, text string, stream Stream) LogLine {
	l := logLine(name, text, stream)
	l.Partial = true
	return l
}

func TestALineInPiecesStaysOneLine(t *testing.T) {
	r := newRecorder()
	r.Err = r.Out
	p := NewLogPrinter(r.Terminal, LogPrinterOptions{})
	for _, l := range []LogLine{
		piece("a-1", "one ", Stdout), logLine("b-1", "other", Stdout), piece("a-1", "two ", Stdout),
		piece("a-1", "error ", Stderr),
		logLine("a-1", "three", Stdout), logLine("a-1", "end", Stderr),
	} {
		if err := p.Print(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Exited("a-1", "a", 0); err != nil {
		t.Fatal(err)
	}
	printed(t, p)
	equal(t, r.out.String(), "a-1  | one two three\nb-1  | other\na-1  | error end\na-1 exited with code 0\n")
}

func TestALineInPiecesIsBrokenOffRatherThanHoldingOthersUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		p := NewLogPrinter(r.Terminal, LogPrinterOptions{NoPrefix: true})
		for _, l := range []LogLine{piece("a-1", "endless", Stdout), logLine("b-1", "other", Stdout)} {
			if err := p.Print(l); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(heldFor + flushAfter + 1)
		p.mu.Lock()
		equal(t, r.out.String(), "endless\nother\n")
		p.mu.Unlock()
		printed(t, p, logLine("a-1", "more", Stdout))
		equal(t, r.out.String(), "endless\nother\nmore\n")
	})
}

func TestWhatIsHeldIsBounded(t *testing.T) {
	r := newRecorder()
	p := NewLogPrinter(r.Terminal, LogPrinterOptions{NoPrefix: true})
	if err := p.Print(piece("a-1", "endless", Stdout)); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", heldLimit/2)
	for range 3 {
		if err := p.Print(logLine("b-1", long, Stdout)); err != nil {
			t.Fatal(err)
		}
	}
	if p.open != nil {
		t.Error("the line is still open")
	}
	printed(t, p)
	equal(t, r.out.String(), "endless\n"+strings.Repeat(long+"\n", 3))
}

func TestJSONLinesTellPiecesAndKeepEveryByte(t *testing.T) {
	r := newRecorder()
	printed(t, NewLogPrinter(r.Terminal, LogPrinterOptions{JSON: true}), piece("a-1", "<\xff>", Stdout))
	if got := r.out.String(); !strings.Contains(got, `"message":"<`+"\uFFFD"+`>","message_base64":"PP8+","partial":true`) {
		t.Errorf("got %s", got)
	}
}
