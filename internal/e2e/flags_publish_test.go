package e2e

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// refused runs berth, which must fail and say the word.
func (p project) refused(word string, args ...string) {
	p.t.Helper()
	stdout, stderr, code := p.run(args...)
	if code != 1 || !strings.Contains(stderr, word) {
		p.t.Errorf("berth %s: exit code %d, want 1 and %q\n%s%s", strings.Join(args, " "), code, word, stdout, stderr)
	}
}

// manifest asks a registry for what a tag or digest stands for; status says
// whether content is that.
func manifest(t *testing.T, registry, name, reference string) (status int, content []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+registry+"/v2/"+name+"/manifests/"+reference, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	request.Header.Add("Accept", "application/vnd.docker.distribution.manifest.v2+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // only read
	if content, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, content
}

func inRegistry(t *testing.T, registry, name, reference string) bool {
	t.Helper()
	status, _ := manifest(t, registry, name, reference)
	return status == http.StatusOK
}

func TestPublishFollowsTheVersionOfOCIItIsTold(t *testing.T) {
	t.Parallel()
	registry := testengine.Registry(t)
	p := newProject(t, "services: {web: {image: IMAGE}}\n")
	for version, want := range map[string]string{"1.0": "", "1.1": "application/vnd.docker.compose.project"} {
		p.must("publish", "--oci-version", version, registry+"/shop:"+version)
		var got struct{ MediaType, ArtifactType string }
		_, content := manifest(t, registry, "shop", version)
		err := json.Unmarshal(content, &got)
		if err != nil || got.MediaType == "" || got.ArtifactType != want {
			t.Errorf("version %s: %+v, %v", version, got, err)
		}
	}
}

func TestPublishTakesEnvFilesAndAnswersOnlyWhenTold(t *testing.T) {
	t.Parallel()
	registry := testengine.Registry(t)
	p := newProject(t, "services: {web: {image: IMAGE, env_file: web.env}}\n")
	p.write("web.env", "FROM_FILE=yes\n")
	p.refused("--with-env", "publish", registry+"/env")
	p.must("publish", "--with-env", "--yes", registry+"/env")
	if got := p.must("-f", "oci://"+registry+"/env", "config"); !strings.Contains(got, "FROM_FILE:") {
		t.Errorf("without the env file:\n%s", got)
	}

	p.write("compose.yaml", "services: {web: {image: IMAGE, volumes: ['./src:/src']}}\n")
	p.refused("--yes", "publish", registry+"/binds")
	p.must("publish", "--yes", registry+"/binds")
	p.must("-f", "oci://"+registry+"/binds", "config", "-q")
}

func TestPublishPinsImagesWhenTold(t *testing.T) {
	t.Parallel()
	registry := testengine.Registry(t)
	image := registry + "/web:1"
	p := newProject(t, "services: {web: {image: '"+image+"', build: {dockerfile_inline: FROM IMAGE}}}\n")
	defer testengine.Delete(t, "/images/"+image+"?force=1")
	p.must("build")
	for _, c := range []struct {
		name           string
		flags          []string
		pinned, copied bool
	}{{"plain", nil, false, false}, {"pinned", []string{"--resolve-image-digests"}, true, false}, {"app", []string{"--app"}, true, true}} {
		p.must(append(append([]string{"publish"}, c.flags...), registry+"/"+c.name)...)
		got := strings.TrimSpace(p.must("-f", "oci://"+registry+"/"+c.name, "config", "--images"))
		digest, pinned := strings.CutPrefix(got, image+"@")
		if pinned != c.pinned {
			t.Errorf("publish %v: the image is %q", c.flags, got)
		}
		if copied := pinned && inRegistry(t, registry, c.name, digest); copied != c.copied {
			t.Errorf("publish %v: the image is beside the artifact: %t", c.flags, copied)
		}
	}
}

// A registry on this machine is spoken to without TLS unless it is named as one
// that may have any certificate.
func TestInsecureRegistriesMayHaveAnyCertificate(t *testing.T) {
	t.Parallel()
	plain, err := url.Parse("http://" + testengine.Registry(t))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(plain)
		r.SetXForwarded()
		r.Out.Host = r.In.Host // for the addresses that the registry gives
	}})
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients without TLS
	server.StartTLS()
	t.Cleanup(server.Close)
	registry := server.Listener.Addr().String()
	p := newProject(t, "services: {web: {image: IMAGE}}\n")
	p.refused("400 Bad Request", "publish", registry+"/shop")
	p.must("publish", "--insecure-registry", registry+"/shop")
	p.refused("400 Bad Request", "-f", "oci://"+registry+"/shop", "config")
	p.must("--insecure-registry", registry, "-f", "oci://"+registry+"/shop", "config", "-q")
	p.must("--insecure-registry", registry, "publish", registry+"/again")
}
