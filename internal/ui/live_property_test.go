package ui

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/berth-dev/berth/pkg/event"
)

// TestNothingIsLeftOverWhateverHappens plays random events on an emulated
// terminal of a random size: at the end it must hold what was printed, in
// order, and the final state, and nothing else.
func TestNothingIsLeftOverWhateverHappens(t *testing.T) {
	for seed := range uint64(120) {
		random := rand.New(rand.NewPCG(seed, 1))
		width, height := 1+random.IntN(120), 1+random.IntN(30)
		screen := newEmulator(t, width, height)
		r := newRecorder().asTTY(seed%2 == 0)
		r.Out, r.Err, r.Width, r.Height = screen, screen, fixed(width), fixed(height)
		term := r.shareScreen()
		l := newLive(term, ProgressOptions{Title: "up"})
		var want []string
		for range 100 {
			r.clock.pass(time.Duration(random.IntN(300)) * time.Millisecond)
			switch random.IntN(10) {
			case 0:
				text := fmt.Sprint(random.IntN(9))
				want = append(want, text)
				if err := l.show(event.Event{Kind: event.KindOutput, Text: text}); err != nil {
					t.Fatal(err)
				}
				l.tick()
			case 1:
				text := fmt.Sprint(random.IntN(9))
				want = append(want, text)
				if _, err := term.Out.Write([]byte(text + "\n")); err != nil {
					t.Fatal(err)
				}
			default:
				if err := l.show(randomStatus(random, r.clock.now())); err != nil {
					t.Fatal(err)
				}
				l.tick()
			}
		}
		if err := l.finish(); err != nil {
			t.Fatal(err)
		}
		for _, text := range frameTexts(l, true) {
			want = append(want, strings.TrimRight(text, " "))
		}
		if got := screen.text(); !slices.Equal(got, want) || screen.hidden || t.Failed() {
			t.Fatalf("seed %d, %d by %d, cursor hidden: %v\ngot:\n%s\nwant:\n%s", seed, width, height, screen.hidden,
				strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func randomStatus(random *rand.Rand, at time.Time) event.Event {
	kinds := []string{event.Container, event.Network, event.Image, ""}
	names := []string{"a", "project-service-1", "データベース", "registry.example.com/some/image:1.2.3", "é\tx"}
	words := []event.Status{event.Creating, event.Started, event.Error, event.Skipped, event.Pulling, event.Pulled}
	e := event.Event{
		Kind: event.KindStatus, Time: at, Resource: kinds[random.IntN(len(kinds))],
		Name: fmt.Sprintf("%s%d", names[random.IntN(len(names))], random.IntN(6)), Status: words[random.IntN(len(words))],
	}
	switch random.IntN(4) {
	case 0:
		e.Text = "a reason\nof two lines"
	case 1:
		e.Parent, e.Total = "Image x", 1<<20
		e.Current = random.Int64N(e.Total)
	}
	return e
}

func TestProgressOnARealTerminal(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	screen := newEmulator(t, 80, 24)
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = slurp(screen, master) })

	term := Detect(environment(nil), slave, slave, slave)
	if !term.ErrTTY || !term.OutTTY || !term.InTTY || !term.ErrColor || term.width() != 80 || term.height() != 24 {
		t.Errorf("%+v", term)
	}
	p, err := NewProgress(ModeAuto, term, ProgressOptions{Title: "up"})
	if err != nil || p.Mode() != ModeTTY {
		t.Fatalf("%v, %v", p, err)
	}
	logs := NewLogPrinter(term, LogPrinterOptions{})
	for _, s := range up() {
		p.Emit(s.event)
		if err := logs.Print(logLine("web-1", "line", Stdout)); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{logs.Close(), p.Close(), slave.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	reading.Wait()
	got := strings.Join(screen.text(), "\n")
	if screen.hidden || strings.Count(got, "web-1  | line") != len(up()) || !strings.Contains(got, " ✔ Container app-redis-1  Started") {
		t.Errorf("cursor hidden: %v, got\n%s", screen.hidden, got)
	}
}

// slurp copies until the other end of the terminal is closed, in whole runes.
func slurp(to *emulator, from *os.File) (int, error) {
	var all []byte
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		all = append(all, buffer[:n]...)
		if err != nil {
			return to.Write(all)
		}
	}
}
