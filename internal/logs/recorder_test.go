package logs_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
)

// recorder is a sink that keeps everything.
type recorder struct {
	mu    sync.Mutex
	lines []recorded
	notes []logs.Note
	order []string // displays with texts and note texts, as they came
}

// recorded is a line with a text of its own.
type recorded struct {
	display string
	text    string
	stream  logs.Stream
	time    time.Time
}

func newRecorder() *recorder { return &recorder{} }

func (r *recorder) Line(l logs.Line) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, recorded{l.Display, string(l.Text), l.Stream, l.Time})
	r.order = append(r.order, l.Display+" | "+string(l.Text))
	return nil
}

func (r *recorder) Note(n logs.Note) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, n)
	r.order = append(r.order, n.Display+" "+n.Text)
	return nil
}

// texts are the lines of one container.
func (r *recorder) texts(display string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, l := range r.lines {
		if l.display == display {
			texts = append(texts, l.text)
		}
	}
	return texts
}

// all are all lines.
func (r *recorder) all() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]recorded(nil), r.lines...)
}

// noted are all notes.
func (r *recorder) noted() []logs.Note {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]logs.Note(nil), r.notes...)
}

// sequence is everything as it came.
func (r *recorder) sequence() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.order, "\n")
}

// wantOrderedByTime fails the test where a line is older than the one before.
func (r *recorder) wantOrderedByTime(t testing.TB) {
	t.Helper()
	lines := r.all()
	for i := 1; i < len(lines); i++ {
		if lines[i].time.Before(lines[i-1].time) {
			t.Fatalf("line %d, %v, comes after %v", i, lines[i], lines[i-1])
		}
	}
}

// wantLines compares lines, which may be long.
func wantLines(t testing.TB, got, want []string) {
	t.Helper()
	short := func(lines []string) string {
		var b strings.Builder
		for _, l := range lines {
			if len(l) > 40 {
				l = l[:20] + "..." + l[len(l)-10:]
			}
			b.WriteString(l + "\n")
		}
		return b.String()
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d lines:\n%swant %d:\n%s", len(got), short(got), len(want), short(want))
	}
}

// containerFilter selects a project.
func containerFilter(project string) engine.ContainerFilter {
	return engine.ContainerFilter{Project: project}
}
