package app_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine/docker"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/remote"
	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

// publisher is an App whose person answers every question, and what it told.
type publisher struct {
	*app.App
	events *event.Recorder
	asked  []string
}

// newPublisher writes the files (name to content, in pairs) into a folder and
// gives an App in it. A nil answer means that nobody is there.
func newPublisher(t *testing.T, dir string, answer *bool, change func(*app.Options)) *publisher {
	t.Helper()
	p := &publisher{events: &event.Recorder{}}
	opt := app.Options{
		Engine: func() (app.Engine, error) { return enginetest.New(), nil }, Sink: p.events, WorkDir: dir, Version: "test",
		Environ: append(os.Environ(), "DOCKER_CONFIG="+t.TempDir()), LockDir: t.TempDir(),
		Confirm: func(_ context.Context, question string) (bool, error) {
			p.asked = append(p.asked, question)
			if answer == nil {
				return false, errors.New("there is no terminal to ask at")
			}
			return *answer, nil
		},
	}
	if change != nil {
		change(&opt)
	}
	p.App = app.New(opt)
	return p
}

func writeFiles(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(dir, pairs[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(pairs[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// config is what `config` prints of the files, from anywhere.
func config(t *testing.T, dir string, files ...string) string {
	t.Helper()
	opt := project.Options{Files: files, WorkDir: dir, Environ: os.Environ(), Remote: remote.Loaders(remote.Options{CacheDir: t.TempDir(), Environ: os.Environ()})}
	out, err := project.Config(t.Context(), opt, project.ConfigFlags{})
	if err != nil {
		t.Fatal(err)
	}
	return string(out.Text)
}

func TestPublishedProjectIsTheSameProjectFromTheRegistry(t *testing.T) {
	address := testengine.Registry(t)
	dir := writeFiles(t,
		"compose.yaml", "name: shop\nservices:\n  web:\n    extends: {file: base/common.yaml, service: common}\n    image: nginx:${TAG:-1}\n    depends_on: [db]\n",
		"more.yaml", "services:\n  db: {image: postgres, env_file: db.env, profiles: [\"\", data]}\n",
		"base/common.yaml", "services:\n  common: {restart: always}\n", "db.env", "POSTGRES_DB=shop\n")
	yes := true
	for _, version := range []string{"", "1.0", "1.1"} {
		p := newPublisher(t, dir, &yes, nil)
		target := address + "/team/shop:v" + strings.ReplaceAll(version, ".", "")
		err := p.Publish(t.Context(), app.PublishRequest{
			Project: app.ProjectOptions{Files: []string{"compose.yaml", "more.yaml"}}, Repository: target, OCIVersion: version, WithEnv: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.asked) != 1 || !strings.Contains(p.asked[0], target) {
			t.Errorf("asked %q", p.asked)
		}
		want, got := config(t, dir, "compose.yaml", "more.yaml"), config(t, t.TempDir(), "oci://"+target)
		if got != want {
			t.Errorf("%q: from the registry\n%s\nfrom the folder\n%s", version, got, want)
		}
	}
}

func TestPublishedProjectCanBeIncludedAndExtended(t *testing.T) {
	address := testengine.Registry(t)
	yes := true
	dir := writeFiles(t, "compose.yaml", "name: part\nservices:\n  db: {image: postgres, volumes: [data:/d]}\nvolumes: {data: {}}\n")
	target := address + "/part"
	if err := newPublisher(t, dir, &yes, nil).Publish(t.Context(), app.PublishRequest{Repository: target}); err != nil {
		t.Fatal(err)
	}
	text := "name: whole\ninclude: ['oci://" + target + "']\nservices:\n  web: {image: nginx, depends_on: [db]}\n  own: {extends: {file: 'oci://" + target + "', service: db}}\n"
	got := config(t, writeFiles(t, "compose.yaml", text), "compose.yaml")
	for _, want := range []string{"name: whole", "  db:\n", "  own:\n", "  web:\n", "image: postgres", "name: whole_data"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestPublishNeedsTheCredentialsOfAPrivateRegistry(t *testing.T) {
	address := testengine.PrivateRegistry(t)
	yes := true
	dir := writeFiles(t, "compose.yaml", "services: {web: {image: nginx}}\n")
	err := newPublisher(t, dir, &yes, nil).Publish(t.Context(), app.PublishRequest{Repository: address + "/x"})
	if err == nil || !strings.Contains(err.Error(), "docker login "+address) {
		t.Errorf("without credentials: %v", err)
	}
	// "berth:berth-test" is RegistryUser and RegistryPassword.
	settings := writeFiles(t, "config.json", `{"auths":{"`+address+`":{"auth":"YmVydGg6YmVydGgtdGVzdA=="}}}`)
	p := newPublisher(t, dir, &yes, func(o *app.Options) { o.Environ = append(o.Environ, "DOCKER_CONFIG="+settings) })
	if err := p.Publish(t.Context(), app.PublishRequest{Repository: address + "/x"}); err != nil {
		t.Error(err)
	}
}

func TestPublishAsksBeforeWhatIsPrivateBecomesPublic(t *testing.T) {
	address := testengine.Registry(t)
	dir := writeFiles(t, "compose.yaml", "services:\n  web:\n    image: nginx\n    environment: {TOKEN: abc}\n    volumes: [./src:/src]\nvolumes:\n  v: {driver_opts: {type: none, o: bind, device: /home/me}}\n")
	yes, no := true, false
	for name, c := range map[string]struct {
		answer  *bool
		request app.PublishRequest
		asked   int
		fails   string
	}{
		"yes": {answer: &yes, asked: 1}, "no": {answer: &no, asked: 1, fails: "not published"},
		"nobody": {asked: 1, fails: "--yes"}, "--yes": {request: app.PublishRequest{Yes: true}}, "--dry-run": {request: app.PublishRequest{DryRun: true}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t, dir, c.answer, nil)
			c.request.Repository = address + "/" + strings.Trim(name, "-")
			err := p.Publish(t.Context(), c.request)
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("%v, want %q", err, c.fails)
			}
			if len(p.asked) != c.asked {
				t.Errorf("asked %q", p.asked)
			}
			var told []string
			for _, e := range p.events.Events() {
				if e.Kind == event.KindWarning {
					told = append(told, e.Text)
				}
			}
			want := []string{"compose.yaml:5: services.web.volumes.0: the folder or file " + dir + "/src", "services.web.environment.TOKEN: looks like a secret", "/home/me of the machine"}
			for _, w := range want {
				if !strings.Contains(strings.Join(told, "\n"), w) {
					t.Errorf("no %q in %q", w, told)
				}
			}
		})
	}
}

func TestDryRunOfPublishSendsNothing(t *testing.T) {
	p := newPublisher(t, writeFiles(t, "compose.yaml", "services: {web: {image: nginx}}\n"), nil, nil)
	if err := p.Publish(t.Context(), app.PublishRequest{Repository: "registry.invalid/x", DryRun: true, App: true}); err != nil {
		t.Fatal(err)
	}
	events := p.events.Events()
	if last := events[len(events)-1]; !last.DryRun || last.Name != "registry.invalid/x:latest" || last.Status != event.Pushed {
		t.Errorf("told %+v", last)
	}
}

func TestWhatCannotBePublishedIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"services: {web: {build: .}, api: {build: .}}\n":      "without an image cannot be published: api, web",
		"services: {web: {image: x, env_file: .env}}\n":       "--with-env",
		"include: [part.yaml]\nservices: {web: {image: x}}\n": "part.yaml is a local file",
		"services: {web: {image: x, environment: {A: 1}}\n":   "compose.yaml",
	} {
		p := newPublisher(t, writeFiles(t, "compose.yaml", text, ".env", "A=1\n", "part.yaml", "services: {}\n"), nil, nil)
		err := p.Publish(t.Context(), app.PublishRequest{Repository: "registry.invalid/x"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestPublishReadsStandardInput(t *testing.T) {
	address := testengine.Registry(t)
	yes := true
	text := "name: piped\nservices: {web: {image: nginx}}\n"
	p := newPublisher(t, t.TempDir(), &yes, func(o *app.Options) { o.Stdin = strings.NewReader(text) })
	err := p.Publish(t.Context(), app.PublishRequest{Project: app.ProjectOptions{Files: []string{"-"}}, Repository: address + "/x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := config(t, t.TempDir(), "oci://"+address+"/x"); !strings.Contains(got, "name: piped") {
		t.Error(got)
	}
}

// pushed puts the busybox into the registry under a name and returns that.
func pushed(t *testing.T, address, name string) string {
	t.Helper()
	image := address + "/" + name
	for _, args := range [][]string{{"tag", testengine.Busybox(t), image}, {"push", "-q", image}} {
		if out, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
			t.Skipf("needs the docker program: %v: %s", err, out)
		}
	}
	removeImage(t, image)
	return image
}

// removeImage takes a name off an image when the test ends.
func removeImage(t *testing.T, image string) {
	t.Helper()
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "image", "rm", "-f", image).CombinedOutput(); err != nil {
			t.Errorf("remove %s: %v: %s", image, err, out)
		}
	})
}

func TestImagesArePinnedAndCopiedBesideTheArtifact(t *testing.T) {
	address := testengine.Registry(t)
	image := pushed(t, address, "pub/one:1")
	dir := writeFiles(t, "compose.yaml", "name: app\nservices: {web: {image: '"+image+"'}, also: {image: '"+image+"'}}\n")
	yes := true
	p := newPublisher(t, dir, &yes, func(o *app.Options) {
		o.Engine = func() (app.Engine, error) { return docker.New(docker.Options{Host: testengine.Require(t).Host}) }
	})
	if err := p.Publish(t.Context(), app.PublishRequest{Repository: address + "/team/app:1", App: true}); err != nil {
		t.Fatal(err)
	}
	got := config(t, t.TempDir(), "oci://"+address+"/team/app:1")
	at := strings.Index(got, "@sha256:")
	if strings.Count(got, image+"@sha256:") != 2 {
		t.Fatalf("images are not pinned:\n%s", got)
	}
	sum := got[at : at+len("@sha256:")+64]
	// The image is in the artifact's own repository now.
	if out, err := exec.Command("docker", "pull", "-q", address+"/team/app"+sum).CombinedOutput(); err != nil {
		t.Errorf("the copy cannot be pulled: %s", out)
	}
	removeImage(t, address+"/team/app"+sum)
	copied := 0
	for _, e := range p.events.Events() {
		if e.Status == event.Copied {
			copied++
		}
	}
	if copied != 1 {
		t.Errorf("%d images were copied", copied)
	}
}
