package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// offered runs the completion of a command line, the last word being unfinished.
func offered(t *testing.T, w *world, line ...string) []string {
	t.Helper()
	w.env.Args = append([]string{"berth", "__completeNoDesc"}, line...)
	if code := w.run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, w.stderr.String())
	}
	words := strings.Split(strings.TrimSpace(w.stdout.String()), "\n")
	return words[:len(words)-1] // the last one is the directive
}

func TestCompletionOffersWhatTheProjectHas(t *testing.T) {
	tests := []struct {
		line string // ended by the unfinished word; _ stands for an empty one
		want []string
	}{
		{"up _", []string{"db", "web"}},
		{"up w", []string{"web"}},
		{"up web _", []string{"db"}},
		{"exec _", []string{"db", "web"}},
		{"scale _", []string{"db=", "web="}},
		{"scale db=2 _", []string{"web="}},
		{"up --scale _", []string{"db=", "web="}},
		{"-p _", []string{"shop"}},
		{"generate _", []string{"shop-db-1", "shop-web-2"}},
		{"generate shop-w", []string{"shop-web-2"}},
		{"port web --index _", []string{"1", "2"}},
		{"down --rmi _", []string{"local", "all"}},
		{"--progress _", []string{"auto", "tty", "plain", "json", "quiet"}},
		{"pull --policy _", []string{"missing", "always"}},
		{"config --format _", []string{"yaml", "json"}},
		{"ps --format _", []string{"table", "json"}},
		{"version --format _", []string{"pretty", "json"}},
		{"logs --format _", []string{"text", "json"}},
		{"alpha viz --format _", []string{"text", "dot", "mermaid"}},
		{"build --progress _", []string{"auto", "tty", "plain", "json", "quiet"}},
		{"ls --filter _", []string{"name="}},
		{"ps --filter _", []string{"status=created", "status=running", "status=paused", "status=restarting", "status=removing", "status=exited", "status=dead"}},
		{"publish --oci-version _", []string{"1.0", "1.1"}},
		{"up --det", []string{"--detach"}},
		{"--prof", []string{"--profile"}},
		{"unp", []string{"unpause"}},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			w := newWorld(t)
			w.app.config.Output = []byte("db\nweb\n")
			w.app.projects = []app.ProjectSummary{{Name: "shop"}}
			w.app.containers = []engine.Container{
				{Name: "shop-db-1", Labels: map[string]string{labels.Number: "1"}},
				{Name: "shop-web-2", Labels: map[string]string{labels.Number: "2"}},
			}
			var words []string
			for _, word := range strings.Fields(tt.line) {
				words = append(words, strings.TrimPrefix(word, "_"))
			}
			if got := offered(t, w, words...); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCompletionAsksAboutTheProjectOfTheCommandLine(t *testing.T) {
	w := newWorld(t)
	offered(t, w, "-f", "x.yaml", "--profile", "p", "up", "")
	got := w.last(t).(app.ConfigRequest)
	if !got.ServicesOnly || !slices.Equal(got.Project.Files, []string{"x.yaml"}) || !slices.Contains(got.Project.Profiles, "p") {
		t.Errorf("request: %+v", got)
	}
	w = newWorld(t)
	w.app.config.Output = []byte("debug\ntest\n")
	if got := offered(t, w, "--profile", ""); !slices.Equal(got, []string{"debug", "test"}) {
		t.Errorf("profiles: %q", got)
	}
	if got := w.last(t).(app.ConfigRequest); !got.Profiles {
		t.Errorf("request: %+v", got)
	}
}

func TestCompletionTellsHowEachScriptIsInstalled(t *testing.T) {
	w := newWorld(t, "completion", "--help")
	if code := w.run(); code != 0 {
		t.Fatalf("exit code %d: %s", code, w.stderr.String())
	}
	for _, shell := range []string{"bash >", "zsh >", "fish >", "powershell >>"} {
		if !strings.Contains(w.stdout.String(), "\n  berth completion "+shell) {
			t.Errorf("nothing on %q in:\n%s", shell, w.stdout.String())
		}
	}
}

func TestCompletionScriptsExistForFourShells(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		w := newWorld(t, "completion", shell)
		if code := w.run(); code != 0 || !strings.Contains(w.stdout.String(), "__complete") {
			t.Errorf("%s: exit code %d, %d bytes", shell, code, w.stdout.Len())
		}
	}
}
