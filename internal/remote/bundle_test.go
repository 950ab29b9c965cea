package remote_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/berth-dev/berth/internal/remote"
)

// bundle makes layers of the files compose.yaml and, if there, override.yaml of
// the archive.
func bundle(t *testing.T, archive string, withEnv bool) (remote.Bundled, error) {
	t.Helper()
	dir := t.TempDir()
	var sources []remote.Source
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		if f.Name == "compose.yaml" || f.Name == "override.yaml" {
			sources = append(sources, remote.Source{Name: path, Content: f.Data})
		}
	}
	return remote.Bundle(sources, remote.BundleOptions{
		Dir: dir, WithEnv: withEnv, Version: "test", Environment: map[string]string{"WHERE": "sub"},
		Remote: func(name string) bool { return strings.HasPrefix(name, "oci://") },
	})
}

// findings are texts without their places' order.
func findings(b remote.Bundled) []string {
	var out []string
	for _, f := range b.Findings {
		out = append(out, f.String())
	}
	return out
}

func TestFilesWithoutReferencesStayAsTheyAreWritten(t *testing.T) {
	text := "# a comment\nservices:\n    web: {image: \"x\",   command: [ 'a' ]}   # odd\n"
	b, err := bundle(t, "-- compose.yaml --\n"+text+"-- override.yaml --\nservices: {}\n", false)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Layers) != 2 || string(b.Layers[0].Content) != text || b.Layers[1].Annotations["com.docker.compose.file"] != "override.yaml" {
		t.Errorf("layers: %+v", b.Layers)
	}
	if len(b.Findings)+len(b.Left) > 0 {
		t.Errorf("findings: %v %v", b.Findings, b.Left)
	}
}

func TestExtendedFilesComeAlongUnderNamesOfTheirOwn(t *testing.T) {
	b, err := bundle(t, `
-- compose.yaml --
services:
  a: {extends: {file: "${WHERE}/base.yaml", service: x}, image: a} # kept
  b:
    extends:
      file: 'sub/base.yaml'
      service: x
  c: {extends: {service: a}}
  d: {extends: {file: compose.yaml, service: c}}
  e: {extends: {file: "oci://example.com/x", service: c}}
-- sub/base.yaml --
services:
  x: {extends: {file: ../deep.yaml, service: y}}
-- deep.yaml --
services: {y: {image: y}}
`, false)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // by a word in the content
	for _, l := range b.Layers[1:] {
		name := l.Annotations["com.docker.compose.file"]
		if l.Annotations["com.docker.compose.extends"] != "true" || len(name) != 64+len(".yaml") {
			t.Errorf("layer %v", l.Annotations)
		}
		switch text := string(l.Content); {
		case strings.Contains(text, "y: {image"):
			names["deep"] = name
		case strings.Contains(text, "x: {extends"):
			names["base"] = name
		default:
			names["self"] = name
		}
		if l.Annotations["com.docker.compose.file"] == names["base"] && !strings.Contains(string(l.Content), ".yaml, service: y}") {
			t.Errorf("base: %s", l.Content)
		}
	}
	want := `services:
  a: {extends: {file: BASE, service: x}, image: a} # kept
  b:
    extends:
      file: BASE
      service: x
  c: {extends: {service: a}}
  d: {extends: {file: SELF, service: c}}
  e: {extends: {file: "oci://example.com/x", service: c}}
`
	want = strings.NewReplacer("BASE", names["base"], "SELF", names["self"]).Replace(want)
	if got := string(b.Layers[0].Content); got != want || len(b.Layers) != 4 {
		t.Errorf("%d layers, the first\n%s\nwant\n%s", len(b.Layers), got, want)
	}
}

func TestEnvFilesComeAlongOnlyWhenAskedFor(t *testing.T) {
	archive := `
-- compose.yaml --
x-common: &common
  env_file: [web.env, {path: "other.env", required: false}, {path: none.env, required: false}]
services:
  é: {<<: *common, image: x}
  b: {<<: *common, image: x}
  c: {image: x, env_file: same.env}
-- web.env --
A=1
-- same.env --
A=1
-- other.env --
# comment
DB_PASSWORD="hunter2"
EMPTY_TOKEN=
URL=postgres://me:pw@db/x
`
	_, err := bundle(t, archive, false)
	if err == nil || !strings.Contains(err.Error(), "compose.yaml:2: services.é.env_file: web.env would become public") || !strings.Contains(err.Error(), "--with-env") {
		t.Errorf("without --with-env: %v", err)
	}
	b, err := bundle(t, archive, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Layers) != 3 {
		t.Fatalf("%d layers", len(b.Layers))
	}
	web, other := b.Layers[1].Annotations["com.docker.compose.envfile"], b.Layers[2].Annotations["com.docker.compose.envfile"]
	if want := "env_file: [" + web + ", {path: " + other + ", required: false}, {path: none.env, required: false}]"; !strings.Contains(string(b.Layers[0].Content), want) {
		t.Errorf("%s\nwant %s", b.Layers[0].Content, want)
	}
	if !strings.Contains(string(b.Layers[0].Content), "env_file: "+web+"}") || b.Layers[1].MediaType != "application/vnd.docker.compose.envfile" {
		t.Errorf("files of one content are not one layer: %s", b.Layers[0].Content)
	}
	got := strings.Join(findings(b), "\n")
	for _, want := range []string{
		"compose.yaml:2: services.é.env_file: the file web.env is published",
		"other.env:2: DB_PASSWORD: looks like a secret by its name", "other.env:4: URL: looks like a password in a URL",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "EMPTY_TOKEN") || strings.Contains(got, "hunter2") || strings.Contains(got, "pw@") {
		t.Errorf("too much is said:\n%s", got)
	}
}

func TestLocalIncludesCannotBePublished(t *testing.T) {
	for _, section := range []string{"[more.yaml]", "[{path: more.yaml}]", "[{path: ['oci://x/y', more.yaml]}]", "['oci://x/y', {path: 'oci://x/z', env_file: x.env}]"} {
		_, err := bundle(t, "-- compose.yaml --\nservices: {}\ninclude: "+section+"\n", true)
		if err == nil || !strings.HasPrefix(err.Error(), "compose.yaml:2: include: ") || !strings.Contains(err.Error(), "local file") {
			t.Errorf("%s: %v", section, err)
		}
	}
	if _, err := bundle(t, "-- compose.yaml --\ninclude: ['oci://x/y', {path: ['oci://x/z']}]\n", true); err != nil {
		t.Errorf("remote ones: %v", err)
	}
}

func TestValuesAndSecretsInFilesAreFound(t *testing.T) {
	b, err := bundle(t, `
-- compose.yaml --
services:
  web:
    image: x
    environment:
      PLAIN: value
      FROM_SHELL: ${X}
      COPIED:
      ESCAPED: a$$b
      DB_PASSWORD: hunter2
      DB_PASSWORD_FILE: /run/secrets/x
      API_TOKEN: "${T:?}"
    command: --password=hunter2
    labels: {key: AKIAABCDEFGHIJKLMNOP}
  list:
    image: x
    environment: [ONE=1, TWO, "THREE=${X}"]
    build: {context: ., args: {NPM_TOKEN: abc}}
    secrets: [token]
secrets: {token: {file: ./token.txt}}
configs: {c: {file: c.conf}}
`, false)
	if err != nil {
		t.Fatal(err)
	}
	got := findings(b)
	want := []string{
		"compose.yaml:5: services.web.environment: what is set here is published: PLAIN, ESCAPED, DB_PASSWORD_FILE",
		"compose.yaml:16: services.list.environment: what is set here is published: ONE",
		"compose.yaml:9: services.web.environment.DB_PASSWORD: looks like a secret by its name",
		"compose.yaml:12: services.web.command: looks like a secret by its name",
		"compose.yaml:13: services.web.labels.key: looks like an AWS access key",
		"compose.yaml:17: services.list.build.args.NPM_TOKEN: looks like a secret by its name",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(b.Left) != 2 || b.Left[0].Key != "configs.c.file" {
		t.Errorf("left: %v", b.Left)
	}
}

func TestNamesThatAreNotWrittenPlainlyAreRefused(t *testing.T) {
	for _, value := range []string{"|\n      a.env\n", "!!str a.env\n", "&x a.env\n", "\"a\\x2eenv\"\n"} {
		_, err := bundle(t, "-- compose.yaml --\nservices:\n  a:\n    env_file: "+value+"-- a.env --\nA=1\n", true)
		escaped := strings.HasPrefix(value, `"`) // a quoted name is found by its quotes
		if (err == nil) != escaped {
			t.Errorf("%q: %v", value, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "compose.yaml:") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestImagesArePinnedByALayer(t *testing.T) {
	sum := "sha256:" + strings.Repeat("a", 64)
	pinned, err := remote.WithDigest("nginx:1", sum)
	if err != nil || pinned != "docker.io/library/nginx:1@"+sum {
		t.Errorf("%s, %v", pinned, err)
	}
	if !remote.IsPinned(pinned) || remote.IsPinned("nginx:1") {
		t.Error("digests are not told from tags")
	}
	layer, err := remote.DigestLayer(map[string]string{"web": pinned}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if want := "services:\n    web:\n        image: " + pinned + "\n"; string(layer.Content) != want {
		t.Errorf("%q, want %q", layer.Content, want)
	}
}
