package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// folder makes a project of files, given as name and text in turn.
func folder(t testing.TB, files ...string) Options {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo")
	for i := 0; i < len(files); i += 2 {
		write(t, dir, files[i], files[i+1])
	}
	return Options{WorkDir: dir}
}

func load(t *testing.T, o Options) *Loaded {
	t.Helper()
	l, err := Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadTellsWhereTheProjectCameFrom(t *testing.T) {
	o := folder(t, "compose.yaml", "version: '3'\nservices: {a: {image: \"x:$TAG$TAG\"}}\n", ".env", "COMPOSE_PARALLEL_LIMIT=3\n")
	l := load(t, o)
	if want := []string{filepath.Join(o.WorkDir, "compose.yaml")}; !slices.Equal(l.ConfigFiles, want) {
		t.Errorf("config files %v, want %v", l.ConfigFiles, want)
	}
	if want := []string{filepath.Join(o.WorkDir, ".env")}; !slices.Equal(l.EnvFiles, want) {
		t.Errorf("env files %v, want %v", l.EnvFiles, want)
	}
	if got := l.Environment["COMPOSE_PARALLEL_LIMIT"]; got != "3" {
		t.Errorf("COMPOSE_PARALLEL_LIMIT is %q in the environment, want 3", got)
	}
	if len(l.Warnings) != 2 || !strings.Contains(l.Warnings[0], `"TAG" variable is not set`) ||
		!strings.Contains(l.Warnings[1], "`version` is obsolete") {
		t.Errorf("want one warning for TAG and one for version, got %q", l.Warnings)
	}
}

func TestWhereFindsTheLineOfAKey(t *testing.T) {
	l := load(t, folder(t,
		"compose.yaml", "services:\n  a:\n    image: x\n    ports:\n      - 80:80\n      - 81:81\n",
		"compose.override.yaml", "services:\n  a:\n    image: y\n"))
	for _, c := range []struct {
		want string
		path []string
	}{
		{"compose.override.yaml:3", []string{"services", "a", "image"}},
		{"compose.yaml:6", []string{"services", "a", "ports", "1"}},
		{"compose.override.yaml:2", []string{"services", "a", "nothing"}},
	} {
		file, line, ok := l.Where(c.path...)
		if got := fmt.Sprintf("%s:%d", file, line); got != c.want || !ok {
			t.Errorf("%v is at %s, want %s", c.path, got, c.want)
		}
	}
}

func TestASelectedServiceNeedsNoEnvFileOfOthers(t *testing.T) {
	o := folder(t, "compose.yaml", "services:\n  a: {image: x}\n  b: {image: y, env_file: no.env}\n")
	o.Services = []string{"a"}
	if l := load(t, o); len(l.Project.Services) != 1 {
		t.Errorf("want service a alone, got %v", l.Project.ServiceNames())
	}
}

func TestContentsReadsEverySource(t *testing.T) {
	o := folder(t, "compose.yaml", `services:
  a:
    image: x
    configs: [inline, fromenv, fromfile, outside]
    secrets: [token, key, folder]
configs:
  inline: {content: "text $VALUE"}
  fromenv: {environment: VALUE}
  fromfile: {file: ./f.txt}
  outside: {external: true}
secrets:
  token: {environment: VALUE}
  key: {file: ./f.txt}
  folder: {file: ./dir}
`, "f.txt", "file\n", "dir/x", "")
	o.Environ = []string{"VALUE=v"}
	got, err := load(t, o).Contents()
	if err != nil {
		t.Fatal(err)
	}
	want := map[ContentKey]string{
		{"config", "inline"}: "text v", {"config", "fromenv"}: "v", {"config", "fromfile"}: "file\n",
		{"secret", "token"}: "v", {"secret", "key"}: "file\n",
	}
	for k, v := range want {
		if string(got[k]) != v {
			t.Errorf("%v is %q, want %q", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("want %d contents, got %v", len(want), got)
	}
}

func TestContentsNamesWhatIsMissing(t *testing.T) {
	for source, want := range map[string]string{
		"file: ./no.txt":  "compose.yaml:6: secrets.s.file: cannot read",
		"environment: NO": `compose.yaml:6: secrets.s.environment: environment variable "NO" required by secret "s" is not set`,
	} {
		o := folder(t, "compose.yaml", "services:\n  a: {image: x, secrets: [s]}\n# the secret\nsecrets:\n  s:\n    "+source+"\n")
		_, err := load(t, o).Contents()
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestNameNeedsNoFileWhenItIsGiven(t *testing.T) {
	empty := Options{WorkDir: t.TempDir()}
	if _, err := Name(context.Background(), empty); !errors.Is(err, ErrNoConfig) {
		t.Errorf("without a file: want ErrNoConfig, got %v", err)
	}
	flagged := empty
	flagged.ProjectName = "flag"
	variable := empty
	variable.Environ = []string{"COMPOSE_PROJECT_NAME=shell"}
	for want, o := range map[string]Options{
		"flag": flagged, "shell": variable,
		"demo": folder(t, "compose.yaml", "services: {}\n"),
		"b":    folder(t, "compose.yaml", "name: a\nservices: {}\n", "compose.override.yaml", "name: ${X:-b}\n"),
	} {
		if got, err := Name(context.Background(), o); got != want || err != nil {
			t.Errorf("want name %s, got %q and %v", want, got, err)
		}
	}
}

func TestEnvironmentNeedsNoFile(t *testing.T) {
	o := folder(t, ".env", "COMPOSE_ANSI=never\nHOME=env\n")
	o.Environ = []string{"HOME=shell"}
	env, _, err := Environment(o)
	if err != nil || env["COMPOSE_ANSI"] != "never" || env["HOME"] != "shell" {
		t.Errorf("want .env below the shell, got %v and %v", env, err)
	}
}

func TestEveryValueSurvivesTheEnvFile(t *testing.T) {
	for _, v := range []string{"", "a b", " a ", "a#b", "a #b", `a"b`, "it's", `'a' "b" $c`, "a\nb", "a\n\nb\n", `a\nb`, `\`,
		"$A", "${A}", "$$", "'", `"`, `"'`, "é", "a=b", "\ttab", `C:\new`} {
		line := envLine("KEY", v)
		got, err := dotenv.ParseWithLookup(strings.NewReader(line+"\n"), func(string) (string, bool) { return "set", true })
		if err != nil || got["KEY"] != v {
			t.Errorf("%q is written %s and read back %q, %v", v, line, got["KEY"], err)
		}
	}
}

// FuzzLoad looks for input that makes the loader panic, hang, or answer with an error
// that is not one line.
func FuzzLoad(f *testing.F) {
	for _, bad := range badInputs() {
		if bad.name == "many ports" {
			continue // what grows out of it is valid, and slow
		}
		f.Add([]byte(bad.text), []byte("A=1\n"))
	}
	f.Add([]byte("services: {a: {image: \"x:${A:-b}\", env_file: .env}}\n"), []byte("A='x'\nB=${A}${A}\n"))
	f.Add([]byte("include: [x.yaml]\nservices: {a: {extends: {file: c.yaml, service: a}}}\n"), []byte("export A"))
	f.Fuzz(func(t *testing.T, compose, env []byte) {
		dir := t.TempDir()
		write(t, dir, "c.yaml", string(compose))
		write(t, dir, ".env", string(env))
		opts := Options{Files: []string{"c.yaml"}, WorkDir: dir}
		for _, flags := range []ConfigFlags{{}, {Variables: true}, {Environment: true}} {
			_, err := Config(context.Background(), opts, flags)
			if err != nil && (err.Error() == "" || strings.ContainsAny(err.Error(), "\n\r")) {
				t.Errorf("not one line: %q", err)
			}
		}
		opts.NoInterpolate, opts.NoConsistency = true, true
		if _, err := Config(context.Background(), opts, ConfigFlags{}); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("not one line: %q", err)
		}
	})
}

// BenchmarkLoadTenServices measures what every command pays at its start.
func BenchmarkLoadTenServices(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("x-base: &base\n  restart: always\n  logging: {driver: json-file}\nservices:\n")
	for i := range 10 {
		fmt.Fprintf(&text, "  s%d:\n    <<: *base\n    image: \"registry.example/app%d:${TAG:-latest}\"\n", i, i)
		fmt.Fprintf(&text, "    environment: {A: \"1\", B: \"${B:-two}\", C: three}\n    ports: [\"%d:80\"]\n", 8000+i)
		fmt.Fprintf(&text, "    volumes: [\"data%d:/data\", \"./src:/src:ro\"]\n    networks: [front, back]\n", i)
		text.WriteString("    healthcheck: {test: [CMD, \"true\"], interval: 5s}\n")
		if i > 0 {
			fmt.Fprintf(&text, "    depends_on: {s%d: {condition: service_healthy}}\n", i-1)
		}
	}
	text.WriteString("networks: {front: , back: }\nvolumes:\n")
	for i := range 10 {
		fmt.Fprintf(&text, "  data%d:\n", i)
	}
	o := folder(b, "compose.yaml", text.String())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(context.Background(), o); err != nil {
			b.Fatal(err)
		}
	}
}

func TestLoadingKeepsNoNodesAndStillKnowsLines(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "c.yaml", "include: [i.yaml]\nservices:\n  web:\n    image: x\n")
	write(t, dir, "i.yaml", "services:\n  db:\n    image: y\n")
	loaded, err := Load(context.Background(), Options{Files: []string{"c.yaml"}, WorkDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range loaded.sources.files {
		if src.docs != nil {
			t.Errorf("the nodes of %s are kept", src.file)
		}
	}
	for want, service := range map[string]string{"c.yaml:4": "web", "i.yaml:3": "db"} {
		if file, line, ok := loaded.Where("services", service, "image"); !ok || fmt.Sprintf("%s:%d", file, line) != want {
			t.Errorf("%s: got %s:%d, want %s", service, file, line, want)
		}
	}
}

func TestOnlyConversionsOfKeysThatOccurAreMade(t *testing.T) {
	s, err := newSession(context.Background(), folder(t, "compose.yaml", "services: {a.scale: {image: x, tty: '${T:-true}'}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.project(context.Background())
	if err != nil || !p.Services["a.scale"].Tty {
		t.Fatalf("tty must be converted: %v", err)
	}
	if _, ok := s.casts.due["services.*.tty"]; !ok || len(s.casts.due) > 3 {
		t.Errorf("want tty, and scale as a part of the name, got %v", slices.Collect(maps.Keys(s.casts.due)))
	}
	if len(s.casts.all) < 20 {
		t.Errorf("there are more conversions than %d", len(s.casts.all))
	}
}

func TestALargeProjectIsCollectedAtTheUsualPace(t *testing.T) {
	before := debug.SetGCPercent(400)
	defer debug.SetGCPercent(before)
	pace := func(text string) int {
		s, err := newSession(context.Background(), folder(t, "compose.yaml", text))
		if err != nil {
			t.Fatal(err)
		}
		var during int
		_ = s.guarded(func() error {
			during = debug.SetGCPercent(400)
			return nil
		})
		return during
	}
	small := "services: {a: {image: x}}\n"
	if got := pace(small); got != 400 {
		t.Errorf("a small project: %d", got)
	}
	if got := pace(small + "# " + strings.Repeat("x", 300<<10) + "\n"); got != 100 {
		t.Errorf("a large project: %d", got)
	}
	if after := debug.SetGCPercent(400); after != 400 {
		t.Errorf("afterwards: %d", after)
	}
}
