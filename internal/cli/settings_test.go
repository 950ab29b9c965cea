package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// warned makes the next verb tell a warning, to see how progress is shown.
func (w *world) warned() *world {
	w.app.told = &event.Event{Kind: event.KindWarning, Text: "look"}
	return w
}

func TestSettingsStandInForFlags(t *testing.T) {
	tests := []struct {
		name, line string
		settings   map[string]string
		check      func(w *world) bool
	}{
		{"COMPOSE_PARALLEL_LIMIT", "down", map[string]string{"COMPOSE_PARALLEL_LIMIT": "3"},
			func(w *world) bool { return w.app.options.Parallel == 3 }},
		{"--parallel over COMPOSE_PARALLEL_LIMIT", "--parallel 2 down", map[string]string{"COMPOSE_PARALLEL_LIMIT": "3"},
			func(w *world) bool { return w.app.options.Parallel == 2 }},
		{"--parallel by default", "down", nil, func(w *world) bool { return w.app.options.Parallel == -1 }},
		{"COMPOSE_PROGRESS", "down", map[string]string{"COMPOSE_PROGRESS": "json"},
			func(w *world) bool { return strings.HasPrefix(w.stderr.String(), `{"version":1`) }},
		{"--progress over COMPOSE_PROGRESS", "--progress plain down", map[string]string{"COMPOSE_PROGRESS": "json"},
			func(w *world) bool { return w.stderr.String() == "warning: look\n" }},
		{"COMPOSE_STATUS_STDOUT", "down", map[string]string{"COMPOSE_STATUS_STDOUT": "1"},
			func(w *world) bool { return w.stdout.String() == "warning: look\n" }},
		{"COMPOSE_ANSI", "down", map[string]string{"COMPOSE_ANSI": "always"},
			func(w *world) bool { return strings.Contains(w.stderr.String(), "\x1b[") }},
		{"--ansi over COMPOSE_ANSI", "--ansi never down", map[string]string{"COMPOSE_ANSI": "always"},
			func(w *world) bool { return w.stderr.String() == "warning: look\n" }},
		{"--no-ansi", "--no-ansi down", map[string]string{"COMPOSE_ANSI": "always"},
			func(w *world) bool { return strings.HasSuffix(w.stderr.String(), "\nwarning: look\n") }},
		{"build --progress", "build --progress rawjson", nil,
			func(w *world) bool { return w.app.options.Build.Mode == "json" }},
		{"build --progress tty", "build --progress tty", nil,
			func(w *world) bool { return w.app.options.Build.Mode == "json" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, strings.Fields(tt.line)...).warned()
			w.app.settings = tt.settings
			if code := w.run(); code != 0 {
				t.Fatalf("exit code %d: %s", code, w.stderr.String())
			}
			if !tt.check(w) {
				t.Errorf("options %+v, standard output %q, standard error %q", w.app.options, w.stdout.String(), w.stderr.String())
			}
		})
	}
}

func TestBadSettingsAreErrorsThatNameThem(t *testing.T) {
	w := newWorld(t, "down")
	w.app.settings = map[string]string{"COMPOSE_PARALLEL_LIMIT": "many"}
	if code := w.run(); code != 1 || !strings.Contains(w.stderr.String(), `COMPOSE_PARALLEL_LIMIT "many" is not a whole number`) {
		t.Errorf("exit code %d, standard error %q", code, w.stderr.String())
	}
	w = newWorld(t, "up", "-d", "--remove-orphans")
	w.app.settings = map[string]string{"COMPOSE_IGNORE_ORPHANS": "1"}
	if code := w.run(); code != 1 || !strings.Contains(w.stderr.String(), "--remove-orphans contradicts COMPOSE_IGNORE_ORPHANS") {
		t.Errorf("exit code %d, standard error %q", code, w.stderr.String())
	}
}

func TestPsUsesTheFormatOfDockersConfiguration(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"psFormat": "<{{.Name}}>", "volumesFormat": "v"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"ps":                              "<a-1>\n",
		"ps --format=":                    "<a-1>\n",
		"ps --format {{.State}}":          "running\n",
		"--config /nowhere ps -q":         "0123456789abcdef\n",
		"--config " + dir + " ps":         "<a-1>\n",
		"--config /nowhere ps --services": "a\n",
	} {
		w := newWorld(t, strings.Fields(line)...)
		w.env.Environ = []string{"DOCKER_CONFIG=" + dir}
		w.app.containers = []engine.Container{{
			ID: "0123456789abcdef", Name: "a-1", State: engine.Running,
			Labels: map[string]string{"com.docker.compose.service": "a"},
		}}
		if code := w.run(); code != 0 || w.stdout.String() != want {
			t.Errorf("%s: exit code %d, standard output %q, want %q; %s", line, code, w.stdout.String(), want, w.stderr.String())
		}
	}
}

func TestTheFormatTableIsTheTableWhateverTheConfigurationSays(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"psFormat": "<{{.Name}}>"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "ps", "--format", "table")
	w.env.Environ = []string{"DOCKER_CONFIG=" + dir}
	if code := w.run(); code != 0 || !strings.HasPrefix(w.stdout.String(), "NAME ") {
		t.Errorf("exit code %d, standard output %q", code, w.stdout.String())
	}
}

func TestTopIsInTheOrderOfTheContainersNames(t *testing.T) {
	w := newWorld(t, "top")
	for _, number := range []int{2, 10, 1} {
		w.app.processes = append(w.app.processes, app.TopEntry{
			Container: fmt.Sprint("p-db-", number), Service: "db", Number: number,
			ProcessList: engine.ProcessList{Titles: []string{"PID"}, Processes: [][]string{{"7"}}},
		})
	}
	want := "SERVICE  #   PID\ndb       1   7\ndb       10  7\ndb       2   7\n"
	if code := w.run(); code != 0 || w.stdout.String() != want {
		t.Errorf("exit code %d, standard output %q", code, w.stdout.String())
	}
}

func TestVersionTouchesNothing(t *testing.T) {
	for line, want := range map[string]string{
		"version":               "berth version v1.2.3\n",
		"version --short":       "1.2.3\n",
		"version --format json": `{"version":"v1.2.3"}` + "\n",
		"--version":             "berth version v1.2.3\n",
		"-v":                    "berth version v1.2.3\n",
	} {
		w := newWorld(t, strings.Fields(line)...)
		w.env.WorkDir = func() (string, error) {
			t.Errorf("%s asks for the working directory", line)
			return "", nil
		}
		if code := w.run(); code != 0 || w.stdout.String() != want {
			t.Errorf("%s: exit code %d, standard output %q", line, code, w.stdout.String())
		}
		if len(w.app.requests) > 0 {
			t.Errorf("%s calls %+v", line, w.app.requests)
		}
	}
}

func TestConfigWritesItsOutputToAFileOrNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.yaml")
	w := newWorld(t, "config", "-o", file)
	w.app.config = app.ConfigResult{Output: []byte("name: x\n")}
	if code := w.run(); code != 0 || w.stdout.Len() > 0 {
		t.Errorf("exit code %d, standard output %q", code, w.stdout.String())
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "name: x\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	w = newWorld(t, "config", "-q")
	w.app.config = app.ConfigResult{Output: []byte("name: x\n"), Warnings: []string{"look"}}
	if code := w.run(); code != 0 || w.stdout.Len() > 0 || w.stderr.String() != "warning: look\n" {
		t.Errorf("exit code %d, standard output %q, standard error %q", code, w.stdout.String(), w.stderr.String())
	}
}

func TestBuildPrintShowsTheDefinitionAndBuildsNothing(t *testing.T) {
	w := newWorld(t, "build", "--print")
	if code := w.run(); code != 0 || w.stdout.String() != "{}\n" || len(w.app.requests) != 1 {
		t.Errorf("exit code %d, standard output %q, %d requests", code, w.stdout.String(), len(w.app.requests))
	}
}
