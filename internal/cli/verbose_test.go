package cli

import (
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
)

// endpointEngine knows its address.
type endpointEngine struct{ fakeEngine }

func (endpointEngine) Endpoint() string { return "tcp://far:2375" }

func TestVerboseTellsFilesSettingsAndEngine(t *testing.T) {
	for _, flag := range []string{"--verbose", "--debug", "-l debug"} {
		w := newWorld(t, strings.Fields(flag+" -c far -f a.yaml -f b.yaml --project-directory d --env-file e down")...)
		w.app.openEngine = true
		w.app.settings = map[string]string{"COMPOSE_PROFILES": "x", "SECRET": "hidden"}
		w.env.Engine = func(Connection) (app.Engine, error) { return endpointEngine{}, nil }
		if code := w.run(); code != 0 {
			t.Fatalf("%s: exit code %d: %s", flag, code, w.stderr.String())
		}
		for _, want := range []string{
			"debug: Compose files: a.yaml, b.yaml, by --file\n", "debug: project directory: d\n", "debug: environment files: e\n",
			"debug: setting: COMPOSE_PROFILES=x\n", "debug: engine: tcp://far:2375, by the context far\n", "debug: exit code 0\n",
		} {
			if !strings.Contains(w.stderr.String(), want) {
				t.Errorf("%s: no %q in\n%s", flag, want, w.stderr.String())
			}
		}
		if strings.Contains(w.stderr.String(), "hidden") || w.stdout.Len() > 0 {
			t.Errorf("%s: %s%s", flag, w.stdout.String(), w.stderr.String())
		}
	}
}

func TestVerboseTellsWhereFilesAreFrom(t *testing.T) {
	for line, want := range map[string]string{
		"--verbose down":                       "looked for in ",
		"--verbose --project-directory d down": "looked for in d and above",
	} {
		w := newWorld(t, strings.Fields(line)...)
		if code := w.run(); code != 0 || !strings.Contains(w.stderr.String(), "debug: Compose files: "+want) {
			t.Errorf("%s: exit code %d, %s", line, code, w.stderr.String())
		}
	}
	w := newWorld(t, "--verbose", "down")
	w.app.settings = map[string]string{"COMPOSE_FILE": "x.yaml"}
	if code := w.run(); code != 0 || !strings.Contains(w.stderr.String(), "debug: Compose files: x.yaml, by COMPOSE_FILE\n") {
		t.Errorf("exit code %d, %s", code, w.stderr.String())
	}
}

func TestNothingIsToldWithoutVerbose(t *testing.T) {
	w := newWorld(t, "-l", "info", "down")
	if code := w.run(); code != 0 || w.stderr.Len() > 0 {
		t.Errorf("exit code %d, %s", code, w.stderr.String())
	}
}

func TestDeprecatedFlagsWarnOnStandardErrorOnce(t *testing.T) {
	for line, want := range map[string]string{
		"--workdir d ls":           "--workdir is deprecated: use --project-directory",
		"--workdir d down":         "--workdir is deprecated: use --project-directory",
		"--no-ansi down":           "--no-ansi is deprecated: use --ansi never",
		"pull --parallel":          "--parallel is deprecated: it has no effect",
		"pull --no-parallel":       "--no-parallel is deprecated: it has no effect",
		"build --progress plain":   "--progress is deprecated: give it before the command",
		"down --volume":            "--volume is deprecated: use --volumes",
		"down --volumes":           "",
		"--project-directory d ls": "",
	} {
		w := newWorld(t, strings.Fields(line)...)
		code := w.run()
		if want != "" {
			want = "warning: " + want + "\n"
		}
		if code != 0 || w.stderr.String() != want {
			t.Errorf("%s: exit code %d, %q, want %q", line, code, w.stderr.String(), want)
		}
		if r, ok := w.last(t).(app.DownRequest); ok && strings.HasPrefix(line, "down") && !r.Volumes {
			t.Errorf("%s: %+v", line, r)
		}
	}
}
