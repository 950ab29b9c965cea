package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

func statsRows() []StatsRow {
	return []StatsRow{
		{Stats: engine.Stats{ID: "0123456789abcdef", Name: "app-web-1", CPUPercent: 12.345, MemoryUsage: 5 << 20, MemoryLimit: 1 << 30,
			MemoryPercent: 0.48, NetworkRx: 1500, NetTx: 20, BlockRead: 0, BlockWrite: 4096, PIDs: 7}},
		{Stats: engine.Stats{ID: "fedcba9876543210", Name: "app-job-1"}, NoData: true},
	}
}

func TestStatsHaveDockersColumns(t *testing.T) {
	r := newRecorder()
	for _, format := range []string{"", "json", `table {{.Name}}\t{{.PIDs}}`} {
		if err := NewStats(r.Terminal, StatsOptions{Format: format}).Show(statsRows()); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "stats.txt", r.out.Bytes())
}

func TestLiveStatsReplaceTheSampleBefore(t *testing.T) {
	r := newRecorder().asTTY(false)
	s := NewStats(r.Terminal, StatsOptions{Live: true, Format: "{{.Name}}"})
	if err := errors.Join(s.Show(statsRows()), s.Show(statsRows()[:1])); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "\x1b[2J\x1b[Happ-web-1\x1b[K\napp-job-1\x1b[K\n\x1b[J\x1b[Happ-web-1\x1b[K\n\x1b[J")
}

// The expected text is what docker compose 2.40 prints of the same processes.
func TestTopIsOneTableOfAllContainers(t *testing.T) {
	titles := []string{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}
	process := func(pid, parent, command string) []string {
		return []string{"root", pid, parent, "0", "02:57", "?", "00:00:00", command}
	}
	r := newRecorder()
	err := Top(r.Terminal, []TopRow{
		{"db", 1, engine.ProcessList{Titles: titles, Processes: [][]string{process("10101", "10065", "sleep 1002")}}},
		{"db", 2, engine.ProcessList{Titles: titles, Processes: [][]string{process("9789", "9722", "sleep 1002")}}},
		{"web", 1, engine.ProcessList{Titles: titles, Processes: [][]string{
			process("9938", "9907", "/sbin/docker-init -- sh -c sleep 1000 & sleep 1001"), process("10089", "9938", "sleep\t1001"),
		}}},
		{"web", 0, engine.ProcessList{Titles: titles, Processes: [][]string{process("10220", "10199", "sleep 99")}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), `SERVICE  #   UID   PID    PPID   C   STIME  TTY  TIME      CMD
db       1   root  10101  10065  0   02:57  ?    00:00:00  sleep 1002
db       2   root  9789   9722   0   02:57  ?    00:00:00  sleep 1002
web      1   root  9938   9907   0   02:57  ?    00:00:00  /sbin/docker-init -- sh -c sleep 1000 & sleep 1001
web      1   root  10089  9938   0   02:57  ?    00:00:00  sleep 1001
web          root  10220  10199  0   02:57  ?    00:00:00  sleep 99
`)
}

func TestTopMarksWhatAContainerLacksAndPutsTheCommandLast(t *testing.T) {
	r := newRecorder()
	err := Top(r.Terminal, []TopRow{
		{"a", 1, engine.ProcessList{Titles: []string{"PID", "CMD"}, Processes: [][]string{{"4", "sh"}}}},
		{"b", 1, engine.ProcessList{Titles: []string{"USER", "PID"}, Processes: [][]string{{"root", "5"}}}},
		{"c", 1, engine.ProcessList{Titles: []string{"NONE"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "SERVICE  #   PID  USER  CMD\na        1   4    -     sh\nb        1   5    root  -\n")
	r = newRecorder()
	if err := Top(r.Terminal, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "SERVICE  #\n")
}

func TestVersionInAllForms(t *testing.T) {
	for _, c := range []struct {
		versions Versions
		want     string
	}{
		{Versions{Berth: "v1.2.3"}, "berth version v1.2.3\nberth version v1.2.3\n{\"version\":\"v1.2.3\"}\n1.2.3\n"},
		{Versions{Berth: "v1.2.3", Compose: "v5.7.0"}, strings.Repeat("Docker Compose version v5.7.0 (berth v1.2.3)\n", 2) +
			"{\"berth\":\"v1.2.3\",\"version\":\"v5.7.0\"}\n5.7.0\n"},
	} {
		r := newRecorder()
		err := errors.Join(
			Version(r.Terminal, c.versions, "", false), Version(r.Terminal, c.versions, "pretty", false),
			Version(r.Terminal, c.versions, "json", false), Version(r.Terminal, c.versions, "", true))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, r.out.String(), c.want)
		if err := Version(r.Terminal, c.versions, "xml", false); err == nil {
			t.Error("no error")
		}
	}
}

func TestEventsAsTextAndJSON(t *testing.T) {
	r := newRecorder()
	e := EventRow{Service: "web", Event: engine.Event{
		Time: r.clock.now(), Kind: "container", Action: "health_status", Detail: "healthy", ID: "abc",
		Attributes: map[string]string{"name": "app-web-1", "image": "nginx", "com.docker.compose.project": "app"},
	}}
	if err := errors.Join(Event(r.Terminal, e, false), Event(r.Terminal, e, true)); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), `2026-03-04 05:06:07.000000 container health_status: healthy abc (image=nginx, name=app-web-1)
{"action":"health_status: healthy","attributes":{"image":"nginx","name":"app-web-1"},"id":"abc","service":"web","time":"2026-03-04T05:06:07Z","type":"container"}
`)
}

func TestPlanShowsStepsCausesAndMaskedSecrets(t *testing.T) {
	rows := []PlanRow{
		{Action: "create", Resource: "Network", Name: "app_default", Cause: "it does not exist"},
		{Action: "recreate", Resource: "Container", Name: "app-web-1", Cause: "its configuration changed", Changes: []engine.Change{
			{Path: "image", Old: "nginx:1.26", New: "nginx:1.27"},
			{Path: "environment.PORT", New: "8080"},
			{Path: "environment.EMPTY", Old: " x"},
			{Path: "secrets.token", Old: "hunter2", New: "hunter3", Secret: true},
		}},
		{Action: "remove", Resource: "Volume", Name: "app_data", Warning: "its data will be lost"},
		{Action: "connect", Resource: "Container", Name: "app-db-1"},
		{Action: "start", Resource: "Container", Name: "app-migrate-1", Repeat: true},
		{Action: "post_start", Resource: "Container", Name: "app-db-1"},
		{Action: "up", Resource: "Service", Name: "cloud"},
		{Action: "check", Resource: "service", Name: "web", Cause: "update_config: step 1 of 2"},
	}
	for name, color := range map[string]bool{"plan.txt": false, "plan-color.txt": true} {
		r := newRecorder()
		r.OutColor = color
		if err := Plan(r.Terminal, rows, PlanOptions{Unchanged: 3}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.out.String(), "hunter") {
			t.Error("a secret is printed")
		}
		golden(t, name, r.out.Bytes())
	}
}

func TestAPlanWithoutStepsSaysSo(t *testing.T) {
	r := newRecorder()
	if err := Plan(r.Terminal, nil, PlanOptions{Unchanged: 4}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "Nothing to do: 4 unchanged.\n")
	r = newRecorder()
	if err := Plan(r.Terminal, []PlanRow{{Action: "start", Resource: "container", Name: "m", Repeat: true}}, PlanOptions{Unchanged: 4}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "  > container m runs again (does not count as a change)\n\nNothing to do: 4 unchanged.\n")
}

func TestConfirmTakesOnlyYes(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\r\n": true, "n\n": false, "\n": false, "yep\n": false, "y": true} {
		r := newRecorder().asTTY(false)
		in := strings.NewReader(answer + "rest")
		r.In = in
		if answer == "y" {
			r.In = strings.NewReader("y")
		}
		got, err := Confirm(r.Terminal, "remove it?", "--yes")
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", answer, got, err)
		}
		equal(t, r.err.String(), "remove it? [y/N] ")
		if rest, _ := io.ReadAll(in); answer != "y" && string(rest) != "rest" {
			t.Errorf("%q: %q is left", answer, rest)
		}
	}
}

func TestConfirmWithoutATerminalNamesTheFlag(t *testing.T) {
	r := newRecorder()
	ok, err := Confirm(r.Terminal, "remove it?", "--yes")
	if ok || err == nil || !strings.Contains(err.Error(), "use --yes") {
		t.Errorf("%v, %v", ok, err)
	}
	r.asTTY(false)
	ok, err = Confirm(r.Terminal, "remove it?", "--yes")
	var needs *NeedsAnswerError
	if ok || !errors.As(err, &needs) {
		t.Errorf("at the end of the input: %v, %v", ok, err)
	}
}

func TestALiveViewStepsAsideForAPrompt(t *testing.T) {
	r := newRecorder().asTTY(false)
	term := r.shareScreen()
	term.In = strings.NewReader("y\n")
	l := newLive(term, ProgressOptions{Title: "up"})
	if err := l.show(status("Container", "a", "Creating")); err != nil {
		t.Fatal(err)
	}
	l.tick()
	r.err.Reset()
	if ok, err := Confirm(term, "go on?", "-y"); !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	equal(t, r.err.String(), "\r\x1b[K\x1b[2A\x1b[K\n\x1b[J\x1b[1A\x1b[?25hgo on? [y/N] ")
}

type hinted struct{ error }

func (hinted) Hint() string { return "start the engine" }

func TestErrorsAreLinesWithAHint(t *testing.T) {
	r := newRecorder()
	Error(r.Terminal, errors.Join(errors.New("first"), fmt.Errorf("second: %w", hinted{errors.New("no \x1b[31mengine")})))
	equal(t, r.err.String(), "first\nsecond: no engine\nhint: start the engine\n")
	r.err.Reset()
	Error(r.Terminal, fmt.Errorf("logs: %w", ErrClosed))
	Error(r.Terminal, nil)
	equal(t, r.err.String(), "")
}

func TestFailuresShowTheProbeAndTheLog(t *testing.T) {
	code := 1
	failures := []Failure{
		{Service: "db", Container: "app-db-1", Reason: "is unhealthy", Probe: "connection refused\nretrying\n", ProbeCode: 2, ProbeAt: time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)},
		{Service: "job", Container: "app-job-1", Reason: "exited (1)", ExitCode: &code, Logs: []string{"starting", "\x1b[31mpanic: no database\x1b[0m"}},
	}
	r := newRecorder()
	Failures(r.Terminal, failures)
	golden(t, "failures.txt", r.err.Bytes())
	r = newRecorder()
	r.CI = GitHub
	Failures(r.Terminal, failures)
	golden(t, "failures.github", r.err.Bytes())
}
