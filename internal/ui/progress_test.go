package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/pkg/event"
)

// step is an event and the time that passes before it.
type step struct {
	after time.Duration
	event event.Event
}

func status(resource, name string, s event.Status) event.Event {
	return event.Event{Kind: event.KindStatus, Resource: resource, Name: name, Status: s}
}

// up is what a small `up` with a pull and a failure emits.
func up() []step {
	layer := func(name string, s event.Status, current, total int64) event.Event {
		e := status("", name, s)
		e.Parent, e.Current, e.Total = "Image redis:7", current, total
		return e
	}
	failed := status(event.Container, "app-web-1", event.Error)
	failed.Text = "port already in use: 0.0.0.0:8080"
	skipped := status("", "app-job-1", event.Skipped)
	skipped.Text = "because app-web-1 failed"
	return []step{
		{0, status(event.Image, "redis:7", event.Pulling)},
		{100 * time.Millisecond, layer("aaaa", "Downloading", 1<<20, 4<<20)},
		{100 * time.Millisecond, layer("bbbb", "Downloading", 2<<20, 4<<20)},
		{100 * time.Millisecond, layer("aaaa", "Pull complete", 0, 0)},
		{100 * time.Millisecond, status(event.Image, "redis:7", event.Pulled)},
		{0, status(event.Network, "app_default", event.Creating)},
		{100 * time.Millisecond, status(event.Network, "app_default", event.Created)},
		{0, event.Event{Kind: event.KindWarning, Text: "key x is not supported"}},
		{0, status(event.Container, "app-redis-1", event.Creating)},
		{0, status(event.Container, "app-web-1", event.Creating)},
		{200 * time.Millisecond, status(event.Container, "app-redis-1", event.Started)},
		{0, event.Event{Kind: event.KindOutput, Resource: event.Image, Name: "web", Text: "#1 building"}},
		{100 * time.Millisecond, failed},
		{0, skipped},
		{0, event.Event{Kind: event.KindNotice, Text: "see berth history"}},
		{0, event.Event{Kind: event.KindSummary, Text: "2 of 4 done, 1 failed"}},
	}
}

// play shows the steps and returns what Close says.
func play(t *testing.T, r *recorder, mode Mode, steps []step) error {
	t.Helper()
	p, err := NewProgress(mode, r.Terminal, ProgressOptions{Title: "up"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		r.clock.pass(s.after)
		p.Emit(s.event)
	}
	return p.Close()
}

func TestPlainProgressIsALinePerStatusWithoutLayers(t *testing.T) {
	r := newRecorder()
	if err := play(t, r, ModeAuto, up()); err != nil {
		t.Fatal(err)
	}
	equal(t, r.err.String(), strings.Join([]string{
		" Image redis:7 Pulling",
		" Image redis:7 Pulled",
		" Network app_default Creating",
		" Network app_default Created",
		"warning: key x is not supported",
		" Container app-redis-1 Creating",
		" Container app-web-1 Creating",
		" Container app-redis-1 Started",
		" Container app-web-1 Error",
		" app-job-1 Skipped because app-web-1 failed",
		"see berth history",
		"",
	}, "\n"))
	equal(t, r.out.String(), "#1 building\n")
}

func TestPlainProgressDoesNotRepeatAStatusThatOnlyMovesABar(t *testing.T) {
	r := newRecorder()
	pulling := status(event.Image, "web", event.Pulling)
	moved := pulling
	moved.Current, moved.Total = 5, 10
	if err := play(t, r, ModePlain, []step{{0, pulling}, {0, moved}, {0, moved}}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.err.String(), " Image web Pulling\n")
}

func TestPlainProgressMarksWhatADryRunDidNotDo(t *testing.T) {
	r := newRecorder()
	e := status(event.Container, "app-web-1", event.Creating)
	e.DryRun = true
	if err := play(t, r, ModePlain, []step{{0, e}}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.err.String(), "DRY-RUN MODE -  Container app-web-1 Creating\n")
}

func TestPlainProgressKeepsATextOfManyLinesOnOne(t *testing.T) {
	r := newRecorder()
	e := status(event.Container, "a", event.Skipped)
	e.Text = "first\nsecond\x1b[31m\n"
	if err := play(t, r, ModePlain, []step{{0, e}}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.err.String(), " Container a Skipped first second\n")
}

func TestStatusStdoutMovesProgressToStandardOutput(t *testing.T) {
	r := newRecorder()
	r.StatusStdout = true
	if err := play(t, r, ModePlain, []step{{0, status(event.Network, "n", event.Created)}}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), " Network n Created\n")
	equal(t, r.err.String(), "")
}

func TestQuietProgressTellsOnlyErrorsAndWarnings(t *testing.T) {
	r := newRecorder()
	if err := play(t, r, ModeQuiet, up()); err != nil {
		t.Fatal(err)
	}
	equal(t, r.err.String(), "warning: key x is not supported\n Container app-web-1 Error\n")
	equal(t, r.out.String(), "")
}

func TestJSONProgressIsOneVersionedObjectPerLine(t *testing.T) {
	r := newRecorder()
	if err := play(t, r, ModeJSON, up()); err != nil {
		t.Fatal(err)
	}
	golden(t, "progress.json", r.err.Bytes())
	lines := bytes.Split(bytes.TrimSpace(r.err.Bytes()), []byte("\n"))
	if len(lines) != len(up()) {
		t.Fatalf("%d lines for %d events", len(lines), len(up()))
	}
	for _, text := range lines {
		var e event.Event
		if err := json.Unmarshal(text, &e); err != nil || e.Version != event.Version || e.Time.IsZero() {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestGitHubFoldsPhasesAndEndsWithTheFailures(t *testing.T) {
	r := newRecorder()
	r.CI = GitHub
	if err := play(t, r, ModePlain, up()); err != nil {
		t.Fatal(err)
	}
	golden(t, "progress.github", r.err.Bytes())
}

func TestGitLabFoldsPhasesAndEndsWithTheFailures(t *testing.T) {
	r := newRecorder()
	r.CI = GitLab
	if err := play(t, r, ModePlain, up()); err != nil {
		t.Fatal(err)
	}
	golden(t, "progress.gitlab", r.err.Bytes())
}

func TestModesAreResolvedByTheTerminal(t *testing.T) {
	for _, c := range []struct {
		name string
		mode Mode
		ansi ANSI
		tty  bool
		want Mode
		err  bool
	}{
		{"auto on a terminal", ModeAuto, ANSIAuto, true, ModeTTY, false},
		{"auto elsewhere", ModeAuto, ANSIAuto, false, ModePlain, false},
		{"nothing said", "", ANSIAuto, true, ModeTTY, false},
		{"auto with --ansi never", ModeAuto, ANSINever, true, ModePlain, false},
		{"tty with --ansi never", ModeTTY, ANSINever, true, "", true},
		{"tty elsewhere", ModeTTY, ANSIAuto, false, ModeTTY, false},
		{"json on a terminal", ModeJSON, ANSIAuto, true, ModeJSON, false},
		{"unknown", "loud", ANSIAuto, true, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			term := Terminal{ErrTTY: c.tty}
			term, err := term.WithANSI(c.ansi)
			if err != nil {
				t.Fatal(err)
			}
			got, err := resolveMode(c.mode, term)
			if got != c.want || (err != nil) != c.err {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestNoColorTakesColoursButNotTheLiveView(t *testing.T) {
	term := Terminal{OutTTY: true, ErrTTY: true, noColor: true}
	term.setANSI(ANSIAuto)
	if term.ErrColor || term.OutColor || !term.Cursor {
		t.Errorf("%+v", term)
	}
}

func TestDetectReadsTheEnvironment(t *testing.T) {
	var out, errs bytes.Buffer
	term := Detect(environment(map[string]string{
		"TERM": "dumb", "COMPOSE_STATUS_STDOUT": "1", "GITLAB_CI": "true", "COMPOSE_ANSI": "sometimes",
	}), strings.NewReader(""), &out, &errs)
	if term.Cursor || term.OutTTY || !term.StatusStdout || term.CI != GitLab {
		t.Errorf("%+v", term)
	}
	if _, err := term.WithANSI("sometimes"); err == nil || !strings.Contains(err.Error(), "never, always or auto") {
		t.Errorf("got %v", err)
	}
	forced := Detect(environment(map[string]string{"COMPOSE_ANSI": "always"}), nil, &out, &errs)
	if !forced.OutColor || !forced.ErrColor || !forced.Cursor {
		t.Errorf("%+v", forced)
	}
}

func TestEventsAfterCloseAreDropped(t *testing.T) {
	r := newRecorder()
	p, err := NewProgress(ModePlain, r.Terminal, ProgressOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	p.Emit(status(event.Network, "n", event.Created))
	equal(t, r.err.String(), "")
}

// The wire form is a promise: the document must speak of every field, kind and
// phase there is, and of the present version.
func TestTheProgressDocumentIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "progress-events.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := []string{fmt.Sprintf("Version: %d", event.Version)}
	fields := reflect.TypeFor[event.Event]()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		words = append(words, "| `"+name+"` |")
	}
	for _, k := range []event.Kind{event.KindStatus, event.KindWarning, event.KindNotice, event.KindOutput, event.KindSummary} {
		words = append(words, "| `"+string(k)+"` |")
	}
	for _, p := range []event.Phase{event.Working, event.Done, event.Warn, event.Failed} {
		words = append(words, "`"+string(p)+"`")
	}
	for _, w := range words {
		if !bytes.Contains(text, []byte(w)) {
			t.Errorf("%s is missing", w)
		}
	}
}
