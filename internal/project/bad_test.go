package project

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// badInput is a Compose file with one mistake, and what the error must hold.
type badInput struct {
	name, text string
	// at is FILE[:LINE]: at the start of the error, without the colon at its end.
	at string
	// says are texts that the error must hold: key, reason, remedy.
	says []string
}

func badInputs() []badInput {
	return []badInput{
		{"unknown key", "services:\n  web:\n    image: x\n    imge: y\n", "c.yaml:4", []string{"services.web.imge", "unknown key", "did you mean image?"}},
		{"unknown section", "web:\n  image: x\n", "c.yaml:1", []string{"web", "services belong under services:"}},
		{"wrong type", "services:\n  web:\n    image: [x]\n", "c.yaml:3", []string{"services.web.image", "must be a string"}},
		{"wrong type of list", "services:\n  web:\n    image: x\n    ports: 80\n", "c.yaml:4", []string{"services.web.ports", "must be a list, not a whole number"}},
		{"services as list", "services:\n  - web\n", "c.yaml:1", []string{"services", "must be a mapping"}},
		{"top-level list", "- a\n- b\n", "c.yaml", []string{"mapping"}},
		{"empty file", "", "c.yaml", []string{"empty compose file"}},
		{"indentation", "services:\n  web:\n    image: x\n   build: .\n", "c.yaml:4", []string{"not valid YAML"}},
		{"open quote", "services:\n  web:\n    image: \"x\n    build: .\n", "c.yaml:3", []string{"not valid YAML"}},
		{"tab", "services:\n\tweb:\n", "c.yaml:2", []string{"not valid YAML"}},
		{"unknown anchor", "services:\n  web: *base\n", "c.yaml:2", []string{"unknown anchor", "base"}},
		{"key twice", "services:\n  web:\n    image: x\n    image: y\n", "c.yaml:4", []string{"image", "already defined at line 3"}},
		{"binary", "services:\x00\x01\x02", "c.yaml:1", []string{"not a text file"}},
		{"undefined network", "services:\n  web:\n    image: x\n    networks: [front]\nnetworks:\n  fronte: {}\n", "c.yaml:4", []string{"services.web.networks[0]", "undefined network front", "did you mean fronte?"}},
		{"undefined volume", "services:\n  web:\n    image: x\n    volumes:\n      - /a:/b\n      - data:/c\n", "c.yaml:6", []string{"services.web.volumes[1]", "undefined volume data"}},
		{"undefined secret", "services:\n  web:\n    image: x\n    secrets: [s]\n", "c.yaml:4", []string{"services.web.secrets[0]", "undefined secret s"}},
		{"undefined config", "services:\n  web:\n    image: x\n    configs:\n      - source: c\n", "c.yaml:5", []string{"services.web.configs[0]", "undefined config c"}},
		{"undefined dependency", "services:\n  web:\n    image: x\n    depends_on:\n      dbb:\n        condition: service_started\n  db: {image: y}\n", "c.yaml:5", []string{"services.web.depends_on.dbb", "did you mean db?"}},
		{"dependency of a profile that is off", "services:\n  web:\n    image: x\n    depends_on: [db]\n  db: {image: y, profiles: [data]}\n", "c.yaml:4", []string{"services.web.depends_on[0]", "profile data"}},
		{"no image", "services:\n  web: {}\n", "c.yaml:2", []string{"services.web", "neither an image nor a build"}},
		{"dependency cycle", "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n", "c.yaml:2", []string{"a -> b -> c -> a"}},
		{"extends cycle", "services:\n  a: {extends: b}\n  b: {extends: a}\n", "c.yaml", []string{"extends", " -> "}},
		{"extends of nothing", "services:\n  a:\n    extends: {service: zz}\n", "c.yaml:3", []string{"services.a.extends", "zz"}},
		{"extends of a missing file", "services:\n  a:\n    extends:\n      file: no.yaml\n      service: a\n", "c.yaml:4", []string{"services.a.extends.file", "no.yaml", "no such file"}},
		{"include of a missing file", "include:\n  - no.yaml\nservices: {a: {image: x}}\n", "c.yaml:2", []string{"include", "no.yaml", "no such file"}},
		{"include cycle", "include: [c.yaml]\nservices: {a: {image: x}}\n", "c.yaml", []string{"include", "c.yaml -> c.yaml"}},
		{"missing variable", "services:\n  web:\n    image: ${TAG:?the tag}\n", "c.yaml:3", []string{"services.web.image", "TAG", "the tag"}},
		{"malformed variable", "services:\n  web:\n    image: x\n    command: [a, \"${x.y}\"]\n", "c.yaml:4", []string{"services.web.command[1]", "${x.y}", "$$"}},
		{"no boolean", "services:\n  web:\n    image: x\n    privileged: \"maybe\"\n", "c.yaml:4", []string{"services.web.privileged", "maybe"}},
		{"bad port", "services:\n  web:\n    image: x\n    ports:\n      - 80:80\n      - 80:x\n", "c.yaml:6", []string{"services.web.ports[1]", "80:x"}},
		{"port too high", "services:\n  web:\n    image: x\n    ports: [\"80:70000\"]\n", "c.yaml:4", []string{"services.web.ports[0]", "70000"}},
		{"port in long form", "services:\n  web:\n    image: x\n    ports:\n      - target: 80\n        published: \"abc\"\n", "c.yaml:5", []string{"services.web.ports[0]", "abc"}},
		{"protocol in long form", "services:\n  web:\n    image: x\n    ports:\n      - target: 80\n        protocol: icmp\n", "c.yaml:5", []string{"services.web.ports[0]", "icmp"}},
		{"host IP", "services:\n  web:\n    image: x\n    ports:\n      - target: 80\n        host_ip: nowhere\n", "c.yaml:5", []string{"services.web.ports", "nowhere"}},
		{"size", "services:\n  web:\n    image: x\n    mem_limit: 5 apples\n", "c.yaml:4", []string{"services.web.mem_limit", "apples"}},
		{"negative size", "services:\n  web:\n    image: x\n    mem_limit: -5000\n", "c.yaml:4", []string{"services.web.mem_limit", "negative"}},
		{"duration", "services:\n  web:\n    image: x\n    stop_grace_period: soon\n", "c.yaml:4", []string{"services.web.stop_grace_period", "soon"}},
		{"negative duration", "services:\n  web:\n    image: x\n    healthcheck:\n      test: x\n      interval: -5s\n", "c.yaml:6", []string{"services.web.healthcheck.interval", "negative duration -5s"}},
		{"volume without source", "services:\n  web:\n    image: x\n    volumes: [\":/data\"]\n", "c.yaml:4", []string{"services.web.volumes[0]", "empty section"}},
		{"volume of five parts", "services:\n  web:\n    image: x\n    volumes: [\"a:b:c:d:e\"]\n", "c.yaml:4", []string{"services.web.volumes[0]", "too many colons"}},
		{"two mounts", "services:\n  web:\n    image: x\n    volumes: [\"/a:/d\", \"/b:/d\"]\n    tmpfs: /d\n", "c.yaml:4", []string{"services.web.volumes[0]", "already mounted"}},
		{"health check", "services:\n  web:\n    image: x\n    healthcheck:\n      test: [curl, x]\n", "c.yaml:5", []string{"services.web.healthcheck.test", "CMD"}},
		{"missing env file", "services:\n  web:\n    image: x\n    env_file:\n      - no.env\n", "c.yaml:5", []string{"services.web.env_file", "env file", "no.env not found"}},
		{"missing label file", "services:\n  web:\n    image: x\n    label_file: no.labels\n", "c.yaml:4", []string{"services.web.label_file", "no.labels not found"}},
		{"malformed env file", "services:\n  web:\n    image: x\n    env_file: bad.env\n", "bad.env:2", []string{"key cannot contain a space"}},
		{"network mode and networks", "services:\n  web:\n    image: x\n    network_mode: host\n    networks: [n]\nnetworks: {n: {}}\n", "c.yaml:4", []string{"services.web.network_mode", "mutually exclusive"}},
		{"network of a missing service", "services:\n  web:\n    image: x\n    network_mode: service:zz\n", "c.yaml:4", []string{"zz"}},
		{"secret without source", "services:\n  web:\n    image: x\nsecrets:\n  s:\n    labels: {a: b}\n", "c.yaml:5", []string{"secrets.s", "file"}},
		{"one name for two", "services:\n  a: {image: x, container_name: nn}\n  b: {image: x, container_name: nn}\n", "c.yaml:3", []string{"services.b.container_name", "already in use by service a"}},
		{"scale and name", "services:\n  a:\n    image: x\n    scale: 2\n    container_name: nn\n", "c.yaml:5", []string{"services.a.container_name", "unique"}},
		{"alias bomb", "x-0: &a0 [x]\n" + bombLines(8) + "services: {a: {image: x}}\n", "c.yaml", []string{"aliases"}},
		{"alias in itself", "x-a: &a [*a]\nservices: {a: {image: x}}\n", "c.yaml:1", []string{"alias *a"}},
		{"deep nesting", "x-a: " + strings.Repeat("{a: ", 6000) + "x" + strings.Repeat("}", 6000), "c.yaml:1", []string{"nested deeper"}},
		{"many ports", "services:\n  a:\n    image: x\n    ports: [\"1-65535:1-65535\", \"1-65535:1-65535/udp\"]\n", "c.yaml:4", []string{"services.a.ports[1]", "ports"}},
		{"long chain", "services:\n  s0: {image: x}\n" + chain(200), "c.yaml", []string{"services", "extend each other"}},
		{"long command", "services:\n  a:\n    image: x\n    command: " + strings.Repeat("x", 100000) + "\n", "c.yaml:4", []string{"services.a.command", "longer"}},
		{"growing variable", "services:\n  a:\n    image: x\n    labels: {k: \"" + strings.Repeat("$LONG", 20000) + "\"}\n", "c.yaml:4", []string{"services.a.labels.k", "expand"}},
		{"deep defaults", "services:\n  a:\n    image: x\n    labels: {k: \"" + strings.Repeat("${A:-", 900) + strings.Repeat("}", 900) + "\"}\n", "c.yaml:4", []string{"services.a.labels.k", "nest deeper"}},
		{"deep defaults in an env file", "services:\n  a:\n    image: x\n    env_file: deep.env\n", "deep.env", []string{"nest deeper"}},
		{"include of a device", "include: [/dev/zero]\nservices: {a: {image: x}}\n", "/dev/zero", []string{"device"}},
		{"extends of a device", "services: {a: {extends: {file: /dev/zero, service: b}}}\n", "/dev/zero", []string{"device"}},
		{"device as env file of an include", "include: [{path: inc.yaml, env_file: /dev/zero}]\nservices: {a: {image: x}}\n", "/dev/zero", []string{"cannot read env file", "too large"}},
		{"device as env file of a hook", "services:\n  a:\n    image: x\n    pre_start: [{command: [x], env_file: /dev/zero}]\n", "c.yaml:4", []string{"services.a.pre_start[0].env_file", "too large"}},
		{"missing env file of a hook", "services:\n  a:\n    image: x\n    pre_start: [{command: [x], env_file: no.env}]\n", "c.yaml:4", []string{"services.a.pre_start[0].env_file", "no.env not found"}},
		{"merge key with text", "services:\n  web:\n    image: x\n    <<: base\n", "c.yaml:4", []string{"<<", "only a mapping"}},
		{"merged unknown key", "x-a: &a {imag: y}\nservices:\n  web:\n    <<: *a\n", "c.yaml:1", []string{"services.web.imag", "did you mean image?"}},
		{"list as key", "services:\n  web: {image: x}\n  ? [a, b]\n  : {image: x}\n", "c.yaml:3", []string{"a key must be a string"}},
		{"number as key", "services:\n  web:\n    image: x\n    labels: {1: a}\n", "c.yaml:4", []string{"services.web.labels.1", "in quotes"}},
		{"tag that lies", "services:\n  web:\n    image: x\n    hostname: !!int h\n", "c.yaml:4", []string{"its tag"}},
		{"reset of all", "!reset\nservices: {a: {image: x}}\n", "c.yaml:1", []string{"the whole document is reset"}},
		{"name of a service", "services:\n  \"a b\": {image: x}\n", "c.yaml:2", []string{"invalid name \"a b\""}},
		{"above the bound", "services:\n  web:\n    image: x\n    oom_score_adj: 5000\n", "c.yaml:4", []string{"services.web.oom_score_adj", "at most 1000"}},
		{"no number", "services:\n  web:\n    image: x\n    cpus: .inf\n", "c.yaml:4", []string{"services.web.cpus", "no number"}},
		{"no number of CPUs", "services:\n  web:\n    image: x\n    deploy: {resources: {limits: {cpus: nan}}}\n", "c.yaml:4", []string{"services.web.deploy.resources.limits.cpus", "NaN"}},
		{"number that is too large", "services:\n  web:\n    image: x\n    mem_limit: \"99999999999999999999\"\n", "c.yaml:4", []string{"services.web.mem_limit", "too large"}},
		{"port 0", "services:\n  web:\n    image: x\n    ports: [\"0\"]\n", "c.yaml:4", []string{"services.web.ports[0]", "no target"}},
		{"device of four parts", "services:\n  web:\n    image: x\n    devices: [\"a:b:c:d\"]\n", "c.yaml:4", []string{"services.web.devices[0]", "a:b:c:d"}},
		{"format of an env file", "services:\n  web:\n    image: x\n    env_file: [{path: bad.env, format: odd}]\n", "c.yaml:4", []string{"services.web.env_file[0].format", "odd"}},
		{"link to nothing", "services:\n  web:\n    image: x\n    links: [db]\n", "c.yaml:4", []string{"services.web.links[0]", "undefined service"}},
		{"namespace of nothing", "services:\n  web:\n    image: x\n    ipc: service:db\n", "c.yaml:4", []string{"services.web.ipc", "undefined service"}},
		{"wrong type in an included file", "include: [list.yaml]\nservices: {a: {image: x}}\n", "list.yaml:2", []string{"services.l.image", "must be a string, not a list"}},
		{"quote that stays open", "services:\n  a:\n    image: x\n    env_file: open.env\n", "open.env:2", []string{"unterminated", "close the quote"}},
		{"bad name", "name: \"--\"\nservices: {a: {image: x}}\n", "c.yaml", []string{"project name"}},
	}
}

// chain makes services that each extend the one before.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  s%d: {extends: s%d}\n", i+1, i)
	}
	return b.String()
}

// bombLines makes YAML anchors that each hold the one before nine times.
func bombLines(n int) string {
	var b strings.Builder
	for i := range n {
		alias := "*a" + string(rune('0'+i))
		b.WriteString("x-" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.Repeat(alias+",", 8) + alias + "]\n")
	}
	return b.String()
}

func TestBadInputGivesOneLineWithFileLineAndKey(t *testing.T) {
	for _, bad := range badInputs() {
		t.Run(bad.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "c.yaml", bad.text)
			write(t, dir, "bad.env", "A=1\nB C=2\n")
			write(t, dir, "deep.env", "A="+strings.Repeat("${A:-", 3000)+strings.Repeat("}", 3000)+"\n")
			write(t, dir, "list.yaml", "services:\n  l: {image: [x]}\n")
			write(t, dir, "open.env", "A=1\nB='x\nC=2\n\n")
			write(t, dir, "inc.yaml", "services: {inc: {image: x}}\n")
			out, err := Config(context.Background(), Options{
				Files: []string{"c.yaml"}, WorkDir: dir, Environ: []string{"LONG=" + strings.Repeat("v", 1000)},
			}, ConfigFlags{})
			if err == nil {
				t.Fatalf("no error, but:\n%s", out.Text)
			}
			text := err.Error()
			if strings.ContainsAny(text, "\n\r") {
				t.Errorf("more than one line: %q", text)
			}
			if !strings.HasPrefix(text, bad.at+":") {
				t.Errorf("want it at %s: %s", bad.at, text)
			}
			for _, s := range bad.says {
				if !strings.Contains(text, s) {
					t.Errorf("want %q in: %s", s, text)
				}
			}
		})
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "c.yaml", "services: {a: {image: x}}\n")
	loop := filepath.Join(dir, "loop")
	write(t, loop, "x", "")
	if err := os.Symlink(".env", filepath.Join(loop, ".env")); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		opts Options
		want string
	}{
		{"no file at all", Options{WorkDir: filepath.Join(dir, "empty")}, "no configuration file provided: not found"},
		{"a missing -f", Options{Files: []string{"no.yaml"}}, "no.yaml: no such compose file"},
		{"a folder as -f", Options{Files: []string{"empty"}}, "empty: cannot read the compose file: is a directory"},
		{"COMPOSE_FILE", Options{Environ: []string{"COMPOSE_FILE=no.yaml"}}, "no.yaml: no such compose file, named by COMPOSE_FILE"},
		{"--env-file", Options{Files: []string{"c.yaml"}, EnvFiles: []string{"no.env"}}, "no.env not found"},
		{"a bad -p", Options{Files: []string{"c.yaml"}, ProjectName: "My App"}, `-p: invalid project name "My App"`},
		{"standard input that is not there", Options{Files: []string{"-"}}, "<stdin>: there is no standard input"},
		{"a .env that leads nowhere", Options{WorkDir: loop, Files: []string{"../c.yaml"}, Dir: "."}, ".env: cannot read env file"},
		{"an unknown service", Options{Files: []string{"c.yaml"}, Services: []string{"b"}}, "no such service: b"},
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.opts.WorkDir == "" {
				c.opts.WorkDir = dir
			}
			_, err := Load(context.Background(), c.opts)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}

// write makes a file for a test.
func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
