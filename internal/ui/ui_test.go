package ui

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// clock is a clock that only moves when told to.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                { return &clock{at: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)} }
func fixed(n int) func() int          { return func() int { return n } }
func environment(kv map[string]string) func(string) string {
	return func(k string) string { return kv[k] }
}

// recorder is a terminal made of buffers, 80 by 24.
type recorder struct {
	Terminal
	out, err bytes.Buffer
	clock    *clock
}

func newRecorder() *recorder {
	r := &recorder{clock: newClock()}
	r.Terminal = Terminal{
		Out: &r.out, Err: &r.err, In: &bytes.Buffer{},
		Width: fixed(80), Height: fixed(24), Now: r.clock.now,
	}
	return r
}

// asTTY turns the recorder into a terminal that understands escape sequences.
func (r *recorder) asTTY(color bool) *recorder {
	r.OutTTY, r.ErrTTY, r.InTTY, r.Cursor = true, true, true, true
	r.OutColor, r.ErrColor = color, color
	return r
}

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update rewrites it)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%q\nwant:\n%q", got, want)
	}
}
