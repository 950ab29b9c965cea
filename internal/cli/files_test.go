package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/logs"
)

func TestFileCommandsMakeTheirRequests(t *testing.T) {
	checkRequests(t, newCp, []requestCase[app.CopyRequest]{
		{line: "cp web:/a b", want: app.CopyRequest{Source: "web:/a", Destination: "b"}},
		{line: "cp -a -L --all --index 2 - web:/a", want: app.CopyRequest{Source: "-", Destination: "web:/a", Archive: true, FollowLink: true, All: true, Index: 2}},
	})
	checkRequests(t, newCommit, []requestCase[app.CommitRequest]{
		{line: "commit web", want: app.CommitRequest{Service: "web", Pause: true}},
		{line: "commit -a me -m why -c ENV=1 --change USER=2 --index 3 -p=false web repo:tag", want: app.CommitRequest{
			Service: "web", Reference: "repo:tag", Author: "me", Message: "why", Changes: []string{"ENV=1", "USER=2"}, Index: 3}},
	})
	checkRequests(t, newExport, []requestCase[exportOptions]{
		{line: "export --index 2 -o f.tar web", want: exportOptions{ExportRequest: app.ExportRequest{Service: "web", Index: 2}, Output: "f.tar"}},
	})
	checkRequests(t, newGenerate, []requestCase[app.GenerateRequest]{
		{line: "generate --format json --name shop a b", want: app.GenerateRequest{Containers: []string{"a", "b"}, Name: "shop", Format: "json"}},
	})
	checkRequests(t, func(s *session, f run[app.VizRequest]) *cobra.Command { return newViz(s, "", f) }, []requestCase[app.VizRequest]{
		{line: "viz", want: app.VizRequest{IndentationSize: 1}},
		{line: "viz --format mermaid --image --networks --ports --volumes --spaces --indentation-size 2 web", want: app.VizRequest{
			Services: []string{"web"}, Format: "mermaid", Image: true, Networks: true, Ports: true, Volumes: true, Spaces: true, IndentationSize: 2}},
	})
}

func TestFileCommandsPrintWhatTheyMake(t *testing.T) {
	for line, want := range map[string]string{
		"export web": "archive", "commit web": "sha256:abc\n", "viz": "drawing\n", "alpha viz": "drawing\n",
		"generate": "services:\n", "alpha generate": "services:\n",
	} {
		w := newWorld(t, strings.Fields(line)...)
		if code := w.run(); code != 0 || w.stdout.String() != want {
			t.Errorf("%s: exit code %d, %q, %s", line, code, w.stdout.String(), w.stderr.String())
		}
	}
	w := newWorld(t, "alpha", "viz")
	if w.run(); w.last(t).(app.VizRequest).Format != "dot" {
		t.Error("alpha viz does not default to DOT")
	}
}

func TestExportWritesAWholeFileOrNone(t *testing.T) {
	w := newWorld(t, "export", "-o", "web.tar", "web")
	dir, _ := w.env.WorkDir()
	if code := w.run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, w.stderr.String())
	}
	if text, err := os.ReadFile(filepath.Join(dir, "web.tar")); err != nil || string(text) != "archive" {
		t.Errorf("%q, %v", text, err)
	}
	w.env.Args = []string{"berth", "export", "-o", "other.tar", "web"}
	w.app.err = errors.New("no such container")
	if code := w.run(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestRehearsalsAreAskedFor(t *testing.T) {
	for _, line := range []string{"build", "pull", "push", "watch", "wait --down-project web"} {
		w := newWorld(t, append([]string{"--dry-run"}, strings.Fields(line)...)...)
		if code := w.run(); code != 0 {
			t.Errorf("%s: exit code %d, %s", line, code, w.stderr.String())
		}
		var dry bool
		switch r := w.last(t).(type) {
		case app.BuildRequest:
			dry = r.DryRun
		case app.WatchRequest:
			dry = r.DryRun
		case app.WaitRequest:
			dry = r.DryRun
		case app.PullRequest:
			dry = r.DryRun
		case app.PushRequest:
			dry = r.DryRun
		}
		if !dry {
			t.Errorf("%s does not know that it is a rehearsal", line)
		}
	}
}

func TestUpWatchesBesideTheOutput(t *testing.T) {
	w := newWorld(t, "up", "--watch", "--scale", "web=2", "web")
	w.app.during = func(context.Context) {
		w.app.control.Attaching([]logs.Source{{Display: "web-1", Service: "web"}})
		for len(w.app.watches()) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if code := w.run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, w.stderr.String())
	}
	got := w.app.watches()
	if len(got) != 1 || !got[0].NoUp || !got[0].Prune || got[0].Scale["web"] != 2 || len(got[0].Services) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestUpRefusesToWatchBeforeAnythingStarts(t *testing.T) {
	w := newWorld(t, "up", "--watch")
	w.app.watchErr = errors.New("nothing to watch")
	if code := w.run(); code != 1 || len(w.app.requests) > 0 || w.stderr.String() != "nothing to watch\n" {
		t.Errorf("exit code %d, %s", code, w.stderr.String())
	}
	w = newWorld(t, "up", "-d", "--watch")
	if code := w.run(); code != 1 || !strings.HasPrefix(w.stderr.String(), "--detach and --watch cannot be combined\n") {
		t.Errorf("exit code %d, %s", code, w.stderr.String())
	}
}

func TestTheMenuTurnsWatchingOnAndOff(t *testing.T) {
	f := &fakeApp{}
	var told []string
	w := &watching{use: f, request: app.WatchRequest{NoUp: true}, notice: func(s string) { told = append(told, s) }, warn: func(s string) { told = append(told, "warning: "+s) }}
	w.toggle(t.Context())
	for len(f.watches()) == 0 {
		time.Sleep(time.Millisecond)
	}
	w.toggle(t.Context())
	f.watchErr = errors.New("nothing to watch")
	w.toggle(t.Context())
	if w.off() {
		t.Error("it is on")
	}
	if got := strings.Join(told, "; "); got != "Watch disabled; warning: nothing to watch" {
		t.Errorf("told %s", got)
	}
}

func TestPlansForPeopleLeaveOutWhatOtherStepsStandFor(t *testing.T) {
	var p app.PlanResult
	text := `{"steps": [{"action": "create"}, {"action": "wait"}, {"action": "copy-files"}, {"action": "post_start"},
		{"action": "stop", "part": true}, {"action": "start", "repeat": true},
		{"action": "wait", "service": "web", "resource": "service", "cause": "update_config: step 1 of 2"}]}`
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	got := planRows(p)
	if len(got) != 3 || got[0].Action != "create" || !got[1].Repeat || got[2].Action != "check" || got[2].Name != "web" {
		t.Errorf("got %+v", got)
	}
}
