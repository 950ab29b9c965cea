package ui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func logLine(name, text string, stream Stream) LogLine {
	service, _, _ := strings.Cut(name, "-")
	return LogLine{Name: name, Service: service, Container: "app-" + name, Number: 1, Stream: stream, Text: []byte(text), Time: time.Unix(1, 5).UTC()}
}

func printed(t *testing.T, p *LogPrinter, lines ...LogLine) {
	t.Helper()
	for _, l := range lines {
		if err := p.Print(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLogLinesCarryThePaddedNameAndKeepTheirStream(t *testing.T) {
	r := newRecorder()
	p := NewLogPrinter(r.Terminal, LogPrinterOptions{})
	p.Expect("web-1", "web")
	printed(t, p,
		logLine("web-1", "a\n", Stdout), logLine("worker-10", "b", Stdout), logLine("web-1", "c\n", Stdout),
		logLine("web-1", "bad\xff\x1b[1m\r\n", Stderr))
	equal(t, r.out.String(), "web-1  | a\nworker-10  | b\nweb-1      | c\n")
	equal(t, r.err.String(), "web-1      | bad\xff\x1b[1m\r\n")
}

func TestBothStreamsMayGoToOutInTheirOrder(t *testing.T) {
	r := newRecorder()
	begun := logLine("a-1", "3", Stderr)
	begun.Partial = true
	printed(t, NewLogPrinter(r.Terminal, LogPrinterOptions{Together: true}),
		logLine("a-1", "1", Stdout), logLine("a-1", "2", Stderr), begun, logLine("a-1", "4", Stdout),
		logLine("a-1", "3", Stderr))
	equal(t, r.out.String(), "a-1  | 1\na-1  | 2\na-1  | 33\na-1  | 4\n")
	equal(t, r.err.String(), "")
}

func TestLogPrefixesMayBeLeftOutAndStamped(t *testing.T) {
	r := newRecorder()
	printed(t, NewLogPrinter(r.Terminal, LogPrinterOptions{NoPrefix: true, Timestamps: true}), logLine("web-1", "a", Stdout))
	equal(t, r.out.String(), "1970-01-01T00:00:01.000000005Z a\n")
}

func TestServicesRotateThroughTheColours(t *testing.T) {
	r := newRecorder().asTTY(true)
	printed(t, NewLogPrinter(r.Terminal, LogPrinterOptions{}),
		logLine("a-1", "x", Stdout), logLine("b-1", "x", Stdout), logLine("a-2", "x", Stdout))
	equal(t, r.out.String(), "\x1b[36ma-1  | \x1b[0mx\n\x1b[33mb-1  | \x1b[0mx\n\x1b[36ma-2  | \x1b[0mx\n")
	r = newRecorder().asTTY(true)
	printed(t, NewLogPrinter(r.Terminal, LogPrinterOptions{NoColor: true}), logLine("a-1", "x", Stdout))
	equal(t, r.out.String(), "a-1  | x\n")
}

func TestLogLinesAsJSON(t *testing.T) {
	r := newRecorder()
	printed(t, NewLogPrinter(r.Terminal, LogPrinterOptions{JSON: true}), logLine("web-1", "a \"b\"\n", Stderr))
	equal(t, r.out.String(), `{"time":"1970-01-01T00:00:01.000000005Z","service":"web","container":"app-web-1","number":1,"stream":"stderr","message":"a \"b\""}`+"\n")
}

func TestExitsAndAttachmentsAreTold(t *testing.T) {
	r := newRecorder()
	p := NewLogPrinter(r.Terminal, LogPrinterOptions{})
	err := errors.Join(p.Attaching([]string{"a-1", "b-1"}), p.Exited("a-1", "a", 3), p.Close())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "Attaching to a-1, b-1\na-1 exited with code 3\n")
}

func TestOrderIsKeptWhereBothStreamsEndInTheSamePlace(t *testing.T) {
	r := newRecorder()
	r.Err = r.Out
	printed(t, NewLogPrinter(r.Terminal, LogPrinterOptions{NoPrefix: true}),
		logLine("a", "1", Stdout), logLine("a", "2", Stderr), logLine("a", "3", Stdout))
	equal(t, r.out.String(), "1\n2\n3\n")
}

func TestALineDoesNotWaitForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		p := NewLogPrinter(r.Terminal, LogPrinterOptions{NoPrefix: true})
		output := func() string {
			p.mu.Lock()
			defer p.mu.Unlock()
			defer r.out.Reset()
			return r.out.String()
		}
		for _, text := range []string{"first\n", "second\n"} {
			if err := p.Print(logLine("a", text, Stdout)); err != nil {
				t.Fatal(err)
			}
			equal(t, output(), "")
			time.Sleep(flushAfter)
			synctest.Wait()
			equal(t, output(), text)
		}
	})
}

func TestAReaderThatHasGoneIsErrClosed(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	r.Out = write
	p := NewLogPrinter(r.Terminal, LogPrinterOptions{})
	if err := p.Print(logLine("a", "x", Stdout)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := p.Print(logLine("a", "x", Stdout)); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentLinesAreNeverTorn(t *testing.T) {
	r := newRecorder()
	p := NewLogPrinter(r.Terminal, LogPrinterOptions{})
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			name := fmt.Sprintf("svc%d-1", i)
			for n := range 1000 {
				if err := p.Print(logLine(name, fmt.Sprintf("%d", n), Stdout)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	next := map[string]int{}
	for _, text := range strings.Split(strings.TrimSpace(r.out.String()), "\n") {
		name, number, _ := strings.Cut(text, "  | ")
		if fmt.Sprint(next[name]) != number {
			t.Fatalf("%q after %d lines", text, next[name])
		}
		next[name]++
	}
	if len(next) != 5 {
		t.Errorf("got %v", next)
	}
}

func BenchmarkLogPrinter(b *testing.B) {
	text := bytes.Repeat([]byte("x"), 100)
	p := NewLogPrinter(Terminal{Out: io.Discard, Err: io.Discard}, LogPrinterOptions{})
	l := LogLine{Name: "web-1", Service: "web", Text: text}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Print(l); err != nil {
			b.Fatal(err)
		}
	}
}
