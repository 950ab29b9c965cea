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

func TestPublishFollowsTheVersionOfOCIItIsTold(t *testing.T) {
	t.Parallel()
	registry := testengine.Registry(t)
	p := newProject(t, "services: {web: {image: IMAGE}}\n")
	for version, want := range map[string]string{"1.0": "", "1.1": "application/vnd.docker.compose.project"} {
		p.must("publish", "--oci-version", version, registry+"/shop:"+version)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+registry+"/v2/shop/manifests/"+version, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var manifest struct{ MediaType, ArtifactType string }
		err = json.NewDecoder(response.Body).Decode(&manifest)
		_ = response.Body.Close() // it has been read
		if err != nil || manifest.MediaType == "" || manifest.ArtifactType != want {
			t.Errorf("version %s: %+v, %v", version, manifest, err)
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
		flags []string
		want  bool
	}{{nil, false}, {[]string{"--resolve-image-digests"}, true}} {
		p.must(append(append([]string{"publish"}, c.flags...), registry+"/pinned")...)
		got := p.must("-f", "oci://"+registry+"/pinned", "config", "--images")
		if strings.Contains(got, image+"@sha256:") != c.want {
			t.Errorf("publish %v: the image is %q", c.flags, got)
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
