package imagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
	"github.com/berth-dev/berth/pkg/event"
)

// fixture is a project of one test, with a registry of its own.
type fixture struct {
	t        *testing.T
	name     string
	dir      string
	config   string // the folder of config.json
	registry string // host:port
	env      []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureAt(t, testengine.Registry(t))
}

// newFixtureAt is newFixture with the registry, or what stands in front of it, at
// an address.
func newFixtureAt(t *testing.T, registry string) *fixture {
	t.Helper()
	testengine.Busybox(t)
	f := &fixture{t: t, dir: t.TempDir(), config: t.TempDir(), registry: registry}
	t.Cleanup(f.removeImages) // after the containers, which the project removes
	f.name = testengine.Project(t)
	return f
}

// removeImages removes what registry and project have left on the engine. The
// test's own context has ended by now.
func (f *fixture) removeImages() {
	client := engineClient(f.t)
	var list []struct {
		ID                    string `json:"Id"`
		RepoTags, RepoDigests []string
		Labels                map[string]string
	}
	response, err := client.Get("http://engine/images/json")
	if err != nil {
		f.t.Error(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		f.t.Error(err)
	}
	for _, image := range list {
		ours := image.Labels["com.docker.compose.project"] == f.name
		for _, ref := range append(image.RepoTags, image.RepoDigests...) {
			if ours || strings.HasPrefix(ref, f.registry+"/") || strings.HasPrefix(ref, f.name) {
				f.remove(client, ref)
			}
		}
		if ours {
			f.remove(client, image.ID)
		}
	}
}

// remove removes an image if it can: it may be gone with another name.
func (f *fixture) remove(client *http.Client, ref string) {
	request, err := http.NewRequest(http.MethodDelete, "http://engine/images/"+ref+"?force=1", nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	response, err := client.Do(request)
	if err != nil {
		f.t.Error(err)
		return
	}
	_ = response.Body.Close() // nothing in it is of interest
}

// engineClient speaks to the engine of the tests.
func engineClient(t *testing.T) *http.Client {
	t.Helper()
	host, err := url.Parse(testengine.Require(t).Host)
	if err != nil {
		t.Fatal(err)
	}
	network, address := host.Scheme, host.Host
	if network == "unix" {
		address = host.Path
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// write writes a file of the project. REG stands for the registry, BUSYBOX for a
// busybox image, NAME for the project.
func (f *fixture) write(name, text string) *fixture {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(f.fill(text)), 0o644); err != nil {
		f.t.Fatal(err)
	}
	return f
}

func (f *fixture) fill(text string) string {
	return strings.NewReplacer("REG", f.registry, "BUSYBOX", testengine.BusyboxImage, "NAME", f.name).Replace(text)
}

func (f *fixture) environ() []string { return append([]string{"DOCKER_CONFIG=" + f.config}, f.env...) }

// run runs berth and gives both outputs in one.
func (f *fixture) run(args ...string) (output string, code int) {
	f.t.Helper()
	stdout, stderr, code := testengine.Run(f.t, f.dir, f.environ(), append([]string{"-p", f.name}, args...)...)
	return stdout + stderr, code
}

// must runs berth, which must succeed.
func (f *fixture) must(args ...string) string {
	f.t.Helper()
	output, code := f.run(args...)
	if code != 0 {
		f.t.Fatalf("berth %s: exit code %d\n%s", strings.Join(args, " "), code, output)
	}
	return output
}

// fails runs berth, which must fail with code 1 and say all of the words.
func (f *fixture) fails(words []string, args ...string) string {
	f.t.Helper()
	output, code := f.run(args...)
	if code != 1 {
		f.t.Errorf("berth %s: exit code %d, want 1\n%s", strings.Join(args, " "), code, output)
	}
	f.has(output, words...)
	return output
}

// has wants all words in the output.
func (f *fixture) has(output string, words ...string) {
	f.t.Helper()
	for _, word := range words {
		if word = f.fill(word); !strings.Contains(output, word) {
			f.t.Errorf("the output lacks %q:\n%s", word, output)
		}
	}
}

// lacks wants none of the words in the output.
func (f *fixture) lacks(output string, words ...string) {
	f.t.Helper()
	for _, word := range words {
		if word = f.fill(word); strings.Contains(output, word) {
			f.t.Errorf("the output has %q:\n%s", word, output)
		}
	}
}

// events runs berth and gives its progress events.
func (f *fixture) events(args ...string) []event.Event {
	f.t.Helper()
	_, stderr, code := testengine.Run(f.t, f.dir, f.environ(), append([]string{"--progress", "json", "-p", f.name}, args...)...)
	if code != 0 {
		f.t.Fatalf("berth %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
	}
	var list []event.Event
	decoder := json.NewDecoder(bytes.NewBufferString(stderr))
	for decoder.More() {
		var e event.Event
		if err := decoder.Decode(&e); err != nil {
			f.t.Fatalf("%v in:\n%s", err, stderr)
		}
		list = append(list, e)
	}
	return list
}

// imageID is the ID of a local image.
func (f *fixture) imageID(ref string) string {
	f.t.Helper()
	var image struct{ ID string }
	testengine.Get(f.t, "/images/"+f.fill(ref)+"/json", &image)
	return image.ID
}

// local tells whether the engine has an image.
func (f *fixture) local(ref string) bool {
	f.t.Helper()
	return testengine.Exists(f.t, "images", f.fill(ref))
}

// drop removes a local image.
func (f *fixture) drop(ref string) {
	f.t.Helper()
	testengine.Delete(f.t, "/images/"+f.fill(ref)+"?force=1")
}

// tag gives a local image a further name, REPOSITORY:TAG.
func (f *fixture) tag(source, target string) {
	f.t.Helper()
	target = f.fill(target)
	i := strings.LastIndex(target, ":")
	query := url.Values{"repo": {target[:i]}, "tag": {target[i+1:]}}
	testengine.Post(f.t, "/images/"+f.fill(source)+"/tag?"+query.Encode(), nil, nil)
}

// containerImage is the ID of the image of a service's first container.
func (f *fixture) containerImage(service string) string {
	f.t.Helper()
	id, _ := testengine.Inspect(f.t, f.name+"-"+service+"-1")["Image"].(string)
	return id
}
