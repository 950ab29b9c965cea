package logs_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/logs"
	"github.com/berth-dev/berth/pkg/labels"
)

func TestTimesAreTakenInEveryFormThatDockerTakes(t *testing.T) {
	zone := time.FixedZone("here", 2*3600)
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, zone)
	for value, want := range map[string]string{
		"":                               "0001-01-01T00:00:00Z",
		"10m":                            "2026-05-04T09:50:00Z",
		"1h30m":                          "2026-05-04T08:30:00Z",
		"-1h":                            "2026-05-04T11:00:00Z",
		"1.5s":                           "2026-05-04T09:59:58.5Z",
		"0":                              "1970-01-01T00:00:00Z",
		"1136073845":                     "2006-01-01T00:04:05Z",
		"1136073845.000000001":           "2006-01-01T00:04:05.000000001Z",
		"1136073845.5":                   "2006-01-01T00:04:05.5Z",
		"1136073845.1234567891":          "2006-01-01T00:04:05.123456789Z",
		"2006-01-02":                     "2006-01-01T22:00:00Z",
		"2006-01-02T15":                  "2006-01-02T13:00:00Z",
		"2006-01-02T15:04":               "2006-01-02T13:04:00Z",
		"2006-01-02T15:04:05":            "2006-01-02T13:04:05Z",
		"2006-01-02T15:04:05.999999999":  "2006-01-02T13:04:05.999999999Z",
		"2006-01-02Z":                    "2006-01-02T00:00:00Z",
		"2006-01-02-07:00":               "2006-01-02T07:00:00Z",
		"2006-01-02T15:04Z":              "2006-01-02T15:04:00Z",
		"2006-01-02T15:04:05Z":           "2006-01-02T15:04:05Z",
		"2006-01-02T15:04:05+02:00":      "2006-01-02T13:04:05Z",
		"2006-01-02T15:04:05.123456789Z": "2006-01-02T15:04:05.123456789Z",
	} {
		got, err := logs.ParseTime("--since", value, now)
		if text := got.UTC().Format(time.RFC3339Nano); err != nil || text != want {
			t.Errorf("%q: %s, %v; want %s", value, text, err, want)
		}
	}
}

func TestWhatIsNoTimeIsRefusedInOneLineThatNamesTheFlag(t *testing.T) {
	for _, value := range []string{"yesterday", "10 minutes", "2006-13-01", "1.x", "1.-5", "--", "2006-01-02 15:04\n"} {
		_, err := logs.ParseTime("--until", value, time.Now())
		if err == nil || !strings.HasPrefix(err.Error(), "--until: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestTailsAreNumbersOrAll(t *testing.T) {
	for value, want := range map[string]string{"": "all", "all": "all", "-1": "all", "0": "0", "25": "25"} {
		if got, err := logs.ParseTail("--tail", value); err != nil || got != want {
			t.Errorf("%q: %q, %v", value, got, err)
		}
	}
	if _, err := logs.ParseTail("--tail", "many"); err == nil || !strings.HasPrefix(err.Error(), "--tail: ") {
		t.Error(err)
	}
}

func TestGeneratedNamesAreShownWithoutTheProject(t *testing.T) {
	for name, want := range map[string]string{
		"app-web-1":        "web-1",
		"app_web_1":        "web_1",
		"3f2a_app-web-1":   "web-1",
		"database":         "database",
		"app-web-one":      "app-web-one",
		"some-app-web-1-x": "some-app-web-1-x",
	} {
		c := engine.Container{Name: name, Labels: map[string]string{labels.Project: "app", labels.Service: "web", labels.Number: "1"}}
		if got := logs.SourceOf(c); got.Display != want || got.Container != name || got.Number != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestOneOffAndHookContainersAreNotSelected(t *testing.T) {
	web := map[string]string{labels.Project: "app", labels.Service: "web", labels.Number: "1", labels.OneOff: labels.False}
	run := map[string]string{labels.Project: "app", labels.Service: "web", labels.OneOff: labels.True}
	hook := map[string]string{labels.Project: "app", labels.Service: "web", labels.Hook: "pre_start"}
	other := map[string]string{labels.Project: "other", labels.Service: "web"}
	list := []engine.Container{{ID: "1", Labels: run}, {ID: "2", Labels: hook}, {ID: "3", Labels: web}, {ID: "4", Labels: other}}
	got := logs.Select(list, logs.Options{Project: "app"})
	if len(got) != 1 || got[0].ID != "3" {
		t.Errorf("%v", got)
	}
}

// line is a line of app-web-1.
func line(stream logs.Stream, text string) logs.Line {
	return logs.Line{
		Source: logs.Source{Project: "app", Service: "web", Container: "app-web-1", Display: "web-1", Number: 1},
		Time:   time.Unix(1136073845, 5).UTC(), Stream: stream, Text: []byte(text),
	}
}

// put gives lines to a sink and flushes it.
func put(t *testing.T, sink logs.Sink, lines ...logs.Line) {
	t.Helper()
	for _, l := range lines {
		if err := sink.Line(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Note(logs.Note{Text: "exited with code 0"}); err != nil {
		t.Fatal(err)
	}
	if err := sink.(logs.Flusher).Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestJSONLinesAreObjectsAndKeepEveryByte(t *testing.T) {
	var out bytes.Buffer
	put(t, logs.JSON(&out), line(logs.Stdout, "a <b> \"c\"\x1b[0m"), line(logs.Stderr, "\xff\x00ok"))
	texts := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	want := `{"time":"2006-01-01T00:04:05.000000005Z","service":"web","container":"app-web-1","number":1,"stream":"stdout","message":"a <b> \"c\"\u001b[0m"}`
	if len(texts) != 2 || texts[0] != want {
		t.Errorf("got:\n%s", out.String())
	}
	var second struct {
		Stream, Message string
		Base64          []byte `json:"message_base64"`
	}
	if err := json.Unmarshal([]byte(texts[1]), &second); err != nil {
		t.Fatal(err)
	}
	if second.Stream != "stderr" || second.Message != "\uFFFD\x00ok" || string(second.Base64) != "\xff\x00ok" {
		t.Errorf("%+v", second)
	}
}

func TestFilesHoldEachContainersBytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "logs")
	sink, err := logs.Files(dir, func(w io.Writer) logs.Sink { return logs.Text(w, false) })
	if err != nil {
		t.Fatal(err)
	}
	piece := line(logs.Stdout, "be")
	piece.Partial = true
	successor := line(logs.Stdout, "new")
	successor.Container = "3f2a_app-web-1"
	other := line(logs.Stderr, "\xff other")
	other.Container, other.Number = "app-web-2", 2
	put(t, sink, piece, line(logs.Stdout, "gun"), other, successor)
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"app-web-1.log": "begun\nnew\n", "app-web-2.log": "\xff other\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestTextBeginsWithTheTimeIfAskedFor(t *testing.T) {
	var out bytes.Buffer
	put(t, logs.Text(&out, true), line(logs.Stdout, "x"))
	if got := out.String(); got != "2006-01-01T00:04:05.000000005Z x\n" {
		t.Errorf("%q", got)
	}
}
