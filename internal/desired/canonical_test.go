package desired_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/desired"
)

func build(t *testing.T, text string) *desired.State {
	t.Helper()
	d, err := desired.Build(load(t, text), desired.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func canonicalOf(t *testing.T, text string) desired.Canonical {
	t.Helper()
	return build(t, "services:\n  web:\n    image: nginx\n"+text).Services[0].Canonical
}

func TestACanonicalSpecSurvivesItsLabel(t *testing.T) {
	c := canonicalOf(t, "    environment: {A: ä, B: \"\"}\n    command: [\"<&>\"]\n")
	label, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := desired.DecodeCanonical(label)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := c.Diff(back)
	if err != nil || len(changes) != 0 {
		t.Errorf("got %v, %v", changes, err)
	}
	if strings.ContainsAny(label, " \n=,") {
		t.Errorf("%q needs quoting", label)
	}
}

func TestABrokenLabelIsAnErrorAndCostsLittle(t *testing.T) {
	for name, label := range map[string]string{
		"no base64":    "???",
		"no deflate":   base64.RawURLEncoding.EncodeToString([]byte("plain")),
		"nothing":      "",
		"cut short":    cut(t),
		"other values": "AAAA",
	} {
		if _, err := desired.DecodeCanonical(label); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func cut(t *testing.T) string {
	t.Helper()
	label, err := canonicalOf(t, "").Encode()
	if err != nil {
		t.Fatal(err)
	}
	return label[:len(label)/2]
}

func TestDifferencesAreNamedByField(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"nothing", "    user: a\n", "    user: a\n", ""},
		{"a value", "    user: a\n", "    user: b\n", `user "a" "b"`},
		{"a value that comes", "", "    user: b\n", `user "" "b"`},
		{"a value that goes", "    user: a\n", "", `user "a" ""`},
		{"a number", "    mem_limit: 1m\n", "    mem_limit: 2m\n", `mem_limit "1048576" "2097152"`},
		{"a list as a whole", "    cap_add: [A]\n", "    cap_add: [A, B]\n", `cap_add "[\"A\"]" "[\"A\",\"B\"]"`},
		{"a field in a list of mappings", "    ports: [\"80:80\"]\n", "    ports: [\"81:80\"]\n", `ports[0].published "80" "81"`},
		{"a mapping's key", "    labels: {a: x, b: y}\n", "    labels: {a: x, b: z}\n", `labels.b "y" "z"`},
		{"an empty value that comes", "", "    labels: {a: \"\"}\n", `labels.a "" "\"\""`},
		{"a secret", "    environment: {DB_PASSWORD: x}\n", "    environment: {DB_PASSWORD: y}\n", `environment.DB_PASSWORD "x" "y" secret`},
		{"a limit of deploy", "", "    deploy: {resources: {limits: {cpus: \"1\"}}}\n", `deploy.resources.limits.cpus "" "1"`},
		{"what only updates read", "", "    deploy: {update_config: {parallelism: 2}, labels: {a: b}}\n", ""},
		{"what only builds read", "", "    build: .\n    pull_policy: build\n", ""},
		{"what only watches read", "", "    develop: {watch: [{path: x, action: rebuild}]}\n", ""},
		{"hooks", "", "    post_start: [{command: [x]}]\n    pre_stop: [{command: [y]}]\n", ""},
		{"how many", "", "    scale: 3\n", ""},
		{"an extension", "", "    x-note: hello\n", ""},
		{"a network that is joined", "", "    networks: [a, default]\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes, err := canonicalOf(t, c.before).Diff(canonicalOf(t, c.after))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ch := range changes {
				line := ch.Path + " " + quote(ch.Old) + " " + quote(ch.New)
				if ch.Secret {
					line += " secret"
				}
				got = append(got, line)
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %s", strings.Join(got, "; "))
			}
		})
	}
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

func TestBuildingLeavesTheProjectAsItIs(t *testing.T) {
	p := load(t, "services:\n  web:\n    image: nginx\n    scale: 2\n    networks: {default: {aliases: [a]}}\n    deploy: {replicas: 2}\n    pre_start: [{command: [x]}]\n")
	before, err := p.MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	d, err := desired.Build(p, desired.Options{})
	if err != nil {
		t.Fatal(err)
	}
	spec := d.Services[0].Replica(1)
	spec.Labels["mine"] = "x"
	spec.Networks[0].Aliases[0] = "changed"
	after, err := p.MarshalYAML()
	if err != nil || string(before) != string(after) {
		t.Errorf("the project became\n%s", after)
	}
	if again := d.Services[0].Replica(1); again.Labels["mine"] != "" || again.Networks[0].Aliases[0] != "app-web-1" {
		t.Error("replicas share what they are made of")
	}
}

func TestServicesAndTheirDependentsAreFoundByName(t *testing.T) {
	d := build(t, "services:\n  a: {image: a}\n  b: {image: b, depends_on: [a]}\n  c: {image: c, depends_on: [a, b]}\n")
	if _, ok := d.Service("aa"); ok {
		t.Error("found a service that is not there")
	}
	if s, ok := d.Service("b"); !ok || s.Image != "b" {
		t.Errorf("got %v", s)
	}
	var names []string
	for _, s := range d.Dependents("a") {
		names = append(names, s.Name)
	}
	if strings.Join(names, " ") != "b c" {
		t.Errorf("got %v", names)
	}
}

func TestNamesAloneNeedNoContentOfConfigs(t *testing.T) {
	p := load(t, "services:\n  web: {image: nginx, configs: [missing], scale: 2, container_name: front}\n")
	d, err := desired.Build(p, desired.Options{Names: true})
	if err != nil || d.Services[0].Scale != 2 || d.Services[0].ContainerName("app", 1) != "front" {
		t.Errorf("got %v, %v", d, err)
	}
}
