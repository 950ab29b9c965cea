//go:build unix

package provider

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/execute"
)

var _ execute.Provider = (*Runner)(nil)

func TestUpCallsTheProviderWithProjectServiceAndOptions(t *testing.T) {
	w := newWorld(t)
	w.program("bin/cloud", `[ "$2" = metadata ] && exit 1
echo '{"type":"info","message":"preparing"}'
echo '{"type":"debug","message":"not for everybody"}'
echo '{"type":"setenv","message":"URL=https://cloud/db?a=b"}'
echo
echo '{"type":"rawsetenv","message":"SECRET_KEY=x"}'
echo 'on standard error' >&2
`)
	env, err := w.runner().Provide(t.Context(), "app", "my-db", engine.Provider{
		Type: "cloud", Options: map[string][]string{"size": {"256"}, "zone": {"a", "b"}, "name": {"two words"}},
	}, "up")
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"MY_DB_URL": "https://cloud/db?a=b", "SECRET_KEY": "x"}; !maps.Equal(env, want) {
		t.Errorf("got %v", env)
	}
	want := "cloud compose --project-name app up --name=two words --size=256 --zone=a --zone=b my-db"
	if got := w.calls(); len(got) != 2 || got[1] != want {
		t.Errorf("called as %q", got)
	}
	told := w.told()
	slices.Sort(told)
	if !slices.Equal(told, []string{"output my-db  on standard error", "output my-db  preparing"}) {
		t.Errorf("told %q", told)
	}
}

func TestDebugMessagesAreForThoseWhoAskForThem(t *testing.T) {
	w := newWorld(t)
	w.program("bin/cloud", `[ "$2" = metadata ] && exit 1
echo '{"type":"debug","message":"details"}'
`)
	r := w.runner()
	r.opt.Verbose = true
	if _, err := r.Provide(t.Context(), "app", "db", engine.Provider{Type: "cloud"}, "up"); err != nil {
		t.Fatal(err)
	}
	if got := w.told(); !slices.Equal(got, []string{"output db  details"}) {
		t.Errorf("told %q", got)
	}
}

func TestADockerPluginComesBeforeAProgramOnPath(t *testing.T) {
	w := newWorld(t)
	w.program("bin/cloud", "exit 9\n")
	w.program("docker/cli-plugins/docker-cloud", "exit 0\n")
	if _, err := w.runner().Provide(t.Context(), "app", "db", engine.Provider{Type: "cloud"}, "down"); err != nil {
		t.Fatal(err)
	}
	if got := w.calls(); got[len(got)-1] != "docker-cloud compose --project-name app down db" {
		t.Errorf("called as %q", got)
	}
}

func TestPluginsAreFoundInTheFoldersThatConfigJSONAdds(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(w.path("extra"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path("docker/config.json"), []byte(`{"cliPluginsExtraDirs":["`+w.path("extra")+`"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.program("extra/docker-cloud", "exit 0\n")
	if _, err := w.runner().Provide(t.Context(), "app", "db", engine.Provider{Type: "cloud"}, "up"); err != nil {
		t.Fatal(err)
	}
}

func TestProvidersDoNotTakeThemselvesForCalledByTheDockerCLI(t *testing.T) {
	w := newWorld(t)
	w.program("bin/cloud", `[ "$2" = metadata ] && exit 1
echo "{\"type\":\"setenv\",\"message\":\"SEEN=[$DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND][$COMPOSE_PROVIDER_MESSAGES][$MINE]\"}"
`)
	env, err := w.runner("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND=docker", "MINE=1").
		Provide(t.Context(), "app", "db", engine.Provider{Type: "cloud"}, "up")
	if err != nil || env["DB_SEEN"] != "[][error,info,setenv,rawsetenv,debug][1]" {
		t.Errorf("got %v, %v", env, err)
	}
}

func TestAProviderThatFailsGivesOneLineWithItsReason(t *testing.T) {
	for _, c := range []struct{ name, kind, body, want string }{
		{"its own message", "cloud", `printf '%s\n' '{"type":"error","message":"no credit\nleft"}'; exit 1`, "no credit left"},
		{"its own message and exit 0", "cloud", `echo '{"type":"error","message":"no credit"}'`, "no credit"},
		{"its standard error", "cloud", "echo first >&2; echo last >&2; exit 3", "exit code 3: last"},
		{"nothing", "cloud", "exit 3", "exit code 3"},
		{"no JSON", "cloud", "echo hello", `it wrote "hello", which is no JSON message`},
		{"an unknown message", "cloud", `echo '{"type":"get-image"}'`, `it sent a message of type "get-image", which is not understood here`},
		{"a bad variable", "cloud", `echo '{"type":"setenv","message":"A B=c"}'`, `it sent setenv "A B=c", which is not NAME=value`},
		{"no such program", "other", "", "no program for provider type \"other\": neither a Docker CLI plugin docker-other nor other on PATH was found; install one of them"},
		{"a path", "../cloud", "", `provider type "../cloud" is no name of a program: write the name alone, without a path`},
		{"itself", "compose", "", `provider type "compose" would run this program again: name another provider`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.program("bin/cloud", "[ \"$2\" = metadata ] && exit 1\n"+c.body+"\n")
			_, err := w.runner().Provide(t.Context(), "app", "db", engine.Provider{Type: c.kind}, "up")
			want := "provider " + c.kind + " of db: " + c.want
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestAnEndlessLineEndsTheProvider(t *testing.T) {
	w := newWorld(t)
	w.program("bin/cloud", "[ \"$2\" = metadata ] && exit 1\nexec tr '\\000' x </dev/zero\n")
	_, err := w.runner().Provide(t.Context(), "app", "db", engine.Provider{Type: "cloud"}, "up")
	if err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestAnInterruptedProviderMayCleanUp(t *testing.T) {
	w := newWorld(t)
	w.program("bin/cloud", `[ "$2" = metadata ] && exit 1
trap 'echo cleaned >>`+w.path("calls")+`; exit 1' INT
echo '{"type":"info","message":"ready"}'
while :; do sleep 0.05; done
`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(w.events.Events()) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
	}()
	_, err := w.runner().Provide(ctx, "app", "db", engine.Provider{Type: "cloud"}, "up")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := w.calls(); got[len(got)-1] != "cleaned" {
		t.Errorf("calls %q", got)
	}
}

const described = `if [ "$2" = metadata ]; then
cat <<END
{
  "description": "a cloud",
  "up": {"parameters": [
    {"name": "type", "required": true, "type": "string", "enum": "mysql, postgres"},
    {"name": "size", "type": "integer"}, {"name": "fast", "type": "boolean"}
  ]},
  "down": {"parameters": [{"name": "name"}]}%s
}
END
exit
fi
`

func TestOptionsAreCheckedAgainstWhatTheProviderSaysOfItself(t *testing.T) {
	for _, c := range []struct {
		name, action string
		options      map[string][]string
		call, fails  string
		warned       []string
	}{
		{name: "only what up knows is handed to up", action: "up",
			options: map[string][]string{"type": {"mysql"}, "name": {"x"}, "size": {"10"}},
			call:    "cloud compose --project-name app up --size=10 --type=mysql db"},
		{name: "only what down knows is handed to down", action: "down",
			options: map[string][]string{"type": {"mysql"}, "name": {"x"}},
			call:    "cloud compose --project-name app down --name=x db"},
		{name: "what nobody knows is left out with a warning", action: "up",
			options: map[string][]string{"type": {"mysql"}, "tpye": {"x"}},
			call:    "cloud compose --project-name app up --type=mysql db",
			warned:  []string{"warning   services.db.provider.options.tpye: cloud does not know this option: it is left out"}},
		{name: "what is required must be there", action: "up", options: nil,
			fails: `option "type" is required: add it under provider.options`},
		{name: "a value must be one of those allowed", action: "up", options: map[string][]string{"type": {"oracle"}},
			fails: `option type: "oracle" is none of mysql, postgres`},
		{name: "an integer must be one", action: "up", options: map[string][]string{"type": {"mysql"}, "size": {"big"}},
			fails: `option size: "big" is no integer`},
		{name: "a boolean must be one", action: "up", options: map[string][]string{"type": {"mysql"}, "fast": {"very"}},
			fails: `option fast: "very" is neither true nor false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.program("bin/cloud", strings.ReplaceAll(described, "%s", ""))
			_, err := w.runner().Provide(t.Context(), "app", "db", engine.Provider{Type: "cloud", Options: c.options}, c.action)
			calls := w.calls()
			switch {
			case c.fails != "":
				if err == nil || err.Error() != "provider cloud of db: "+c.fails || len(calls) != 1 {
					t.Errorf("got %v after %q", err, calls)
				}
			case err != nil || len(calls) != 2 || calls[1] != c.call:
				t.Errorf("got %v, called as %q", err, calls)
			}
			if got := w.told(); !slices.Equal(got, c.warned) {
				t.Errorf("told %q", got)
			}
		})
	}
}

func TestStopIsAskedOnlyOfProvidersThatAnnounceIt(t *testing.T) {
	for more, want := range map[string]int{"": 1, `, "stop": {}`: 2} {
		w := newWorld(t)
		w.program("bin/cloud", strings.ReplaceAll(described, "%s", more))
		if _, err := w.runner().Provide(t.Context(), "app", "db", engine.Provider{Type: "cloud"}, "stop"); err != nil {
			t.Fatal(err)
		}
		if got := w.calls(); len(got) != want {
			t.Errorf("with %q: called as %q", more, got)
		}
	}
}
