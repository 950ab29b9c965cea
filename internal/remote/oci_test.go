package remote_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/docker/cli/cli/config/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/remote"
)

// files makes layers of Compose files.
func files(t *testing.T, texts ...string) []remote.Layer {
	t.Helper()
	var sources []remote.Source
	dir := t.TempDir()
	for i, text := range texts {
		sources = append(sources, remote.Source{Name: filepath.Join(dir, "compose"+string(rune('a'+i))+".yaml"), Content: []byte(text)})
	}
	bundled, err := remote.Bundle(sources, remote.BundleOptions{Dir: dir, Version: "test", Remote: func(string) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	return bundled.Layers
}

// options keep everything inside the test.
func options(t *testing.T) remote.Options {
	t.Helper()
	return remote.Options{
		CacheDir: t.TempDir(), Environ: append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"),
		Credentials: func(string) (types.AuthConfig, error) { return types.AuthConfig{}, nil },
	}
}

// loaderOf gives the loader that accepts the reference.
func loaderOf(t *testing.T, opt remote.Options, ref string) loader.ResourceLoader {
	t.Helper()
	for _, l := range remote.Loaders(opt) {
		if l.Accept(ref) {
			return l
		}
	}
	t.Fatalf("no loader accepts %s", ref)
	return nil
}

func load(t *testing.T, opt remote.Options, ref string) (string, error) {
	t.Helper()
	return loaderOf(t, opt, ref).Load(t.Context(), ref)
}

func publish(t *testing.T, opt remote.Options, a remote.Artifact) remote.Published {
	t.Helper()
	a.Created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	done, err := remote.Publish(t.Context(), opt, a)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestWhatIsPublishedIsLoadedAgain(t *testing.T) {
	registry := newFakeRegistry(t, httptest.NewServer, nil)
	opt := options(t)
	first, second := "name: a\nservices:\n  web: {image: one}", "# more\nservices:\n  web: {environment: [A=1]}\n"
	done := publish(t, opt, remote.Artifact{Repository: registry.host() + "/team/shop", Layers: files(t, first, second)})
	if done.Reference != registry.host()+"/team/shop:latest" || done.OCIVersion != "1.1" {
		t.Errorf("published %+v", done)
	}
	for _, ref := range []string{"oci://" + registry.host() + "/team/shop", "oci://" + done.Reference, "oci://" + done.Reference + "@" + done.Digest} {
		file, err := load(t, opt, ref)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want := first + "\n---\n" + second; string(content) != want {
			t.Errorf("%s holds\n%s\nwant\n%s", ref, content, want)
		}
		if name := filepath.Base(filepath.Dir(file)); name != "shop" {
			t.Errorf("the folder is called %s, not shop", name)
		}
	}
}

func TestManifestIsThatOfDockerCompose(t *testing.T) {
	for _, c := range []struct{ version, artifactType, configType string }{
		{"1.1", "application/vnd.docker.compose.project", "application/vnd.oci.empty.v1+json"},
		{"1.0", "", "application/vnd.docker.compose.config.empty.v1+json"},
	} {
		registry := newFakeRegistry(t, httptest.NewServer, nil)
		publish(t, options(t), remote.Artifact{Repository: registry.host() + "/x:1", OCIVersion: c.version, Layers: files(t, "services: {}\n")})
		var m ocispec.Manifest
		if err := json.Unmarshal(registry.manifests["x:1"].content, &m); err != nil {
			t.Fatal(err)
		}
		if m.ArtifactType != c.artifactType || m.Config.MediaType != c.configType {
			t.Errorf("%s: artifact type %q, configuration %q", c.version, m.ArtifactType, m.Config.MediaType)
		}
		if len(m.Layers) != 1 || m.Layers[0].MediaType != "application/vnd.docker.compose.file+yaml" ||
			m.Layers[0].Annotations["com.docker.compose.file"] != "composea.yaml" || m.Layers[0].Annotations["com.docker.compose.version"] != "test" {
			t.Errorf("%s: layers %+v", c.version, m.Layers)
		}
	}
}

func TestRegistryThatRefusesArtifactTypesGetsTheOlderForm(t *testing.T) {
	old := func(f *fakeRegistry) { f.refuse11 = true }
	registry := newFakeRegistry(t, httptest.NewServer, old)
	opt := options(t)
	done := publish(t, opt, remote.Artifact{Repository: registry.host() + "/x", Layers: files(t, "services: {}\n")})
	if done.OCIVersion != "1.0" {
		t.Errorf("published as %s", done.OCIVersion)
	}
	if _, err := load(t, opt, "oci://"+done.Reference); err != nil {
		t.Error(err)
	}
	_, err := remote.Publish(t.Context(), opt, remote.Artifact{Repository: registry.host() + "/x", OCIVersion: "1.1", Layers: files(t, "services: {}\n")})
	if err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("an explicit 1.1 gave %v", err)
	}
}

func TestReferenceIsFetchedOnceHoweverOftenItIsLoaded(t *testing.T) {
	registry := newFakeRegistry(t, httptest.NewServer, nil)
	opt := options(t)
	done := publish(t, opt, remote.Artifact{Repository: registry.host() + "/x", Layers: files(t, "services: {}\n")})
	before := registry.count("")
	l := loaderOf(t, opt, "oci://"+done.Reference)
	if registry.count("") != before {
		t.Error("making the loader asked the registry")
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := l.Load(t.Context(), "oci://"+done.Reference); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := registry.count("GET /v2/x/blobs/"); n != 1 {
		t.Errorf("the file was fetched %d times", n)
	}
	if n := registry.count("HEAD /v2/x/manifests/latest"); n != 1 {
		t.Errorf("the tag was looked up %d times", n)
	}
}

func TestDigestInTheCacheNeedsNoRegistry(t *testing.T) {
	registry := newFakeRegistry(t, httptest.NewServer, nil)
	opt := options(t)
	done := publish(t, opt, remote.Artifact{Repository: registry.host() + "/x", Layers: files(t, "services: {}\n")})
	pinned := "oci://" + registry.host() + "/x@" + done.Digest
	if _, err := load(t, opt, pinned); err != nil {
		t.Fatal(err)
	}
	registry.Close()
	if _, err := load(t, opt, pinned); err != nil {
		t.Errorf("without the registry: %v", err)
	}
	_, err := load(t, opt, "oci://"+done.Reference)
	if err == nil || !strings.Contains(err.Error(), "cannot reach registry "+registry.host()) {
		t.Errorf("a tag without the registry: %v", err)
	}
}

func TestCredentialsOfTheConfigurationOpenTheRegistry(t *testing.T) {
	registry := newFakeRegistry(t, httptest.NewServer, func(f *fakeRegistry) { f.user = "me:secret" })
	opt := options(t)
	opt.Credentials = nil
	opt.ConfigDir = t.TempDir()
	config := `{"auths":{"` + registry.host() + `":{"auth":"bWU6c2VjcmV0"}}}` // me:secret
	if err := os.WriteFile(filepath.Join(opt.ConfigDir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	publish(t, opt, remote.Artifact{Repository: registry.host() + "/x", Layers: files(t, "services: {}\n")})
	if _, err := load(t, opt, "oci://"+registry.host()+"/x"); err != nil {
		t.Error(err)
	}
	opt.ConfigDir = t.TempDir()
	_, err := load(t, opt, "oci://"+registry.host()+"/x")
	if err == nil || !strings.Contains(err.Error(), "docker login "+registry.host()) {
		t.Errorf("without credentials: %v", err)
	}
}

func TestInsecureRegistryMayHaveAnUnknownCertificate(t *testing.T) {
	registry := newFakeRegistry(t, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = nil
		s.StartTLS()
		return s
	}, nil)
	opt := options(t)
	opt.Insecure = []string{registry.host()}
	done := publish(t, opt, remote.Artifact{Repository: registry.host() + "/x", Layers: files(t, "services: {}\n")})
	if _, err := load(t, opt, "oci://"+done.Reference); err != nil {
		t.Error(err)
	}
}

func TestInsecureRegistryMaySpeakPlainHTTP(t *testing.T) {
	registry := newFakeRegistry(t, httptest.NewServer, nil)
	opt := options(t)
	opt.Insecure = []string{"http://" + registry.host()}
	publish(t, opt, remote.Artifact{Repository: registry.host() + "/x", Layers: files(t, "services: {}\n")})
}

func TestWhatIsNoComposeProjectIsRefused(t *testing.T) {
	registry := newFakeRegistry(t, httptest.NewServer, nil)
	put := func(tag string, m ocispec.Manifest) {
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		registry.manifests["x:"+tag] = storedManifest{ocispec.MediaTypeImageManifest, data}
		registry.manifests["x:"+digest.FromBytes(data).String()] = storedManifest{ocispec.MediaTypeImageManifest, data}
	}
	project := func(layers ...ocispec.Descriptor) ocispec.Manifest {
		return ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/vnd.docker.compose.project", Layers: layers}
	}
	blob := func(note, name, text string) ocispec.Descriptor {
		sum := digest.FromString(text)
		registry.blobs[sum] = []byte(text)
		d := ocispec.Descriptor{MediaType: "application/vnd.docker.compose.file+yaml", Digest: sum, Size: int64(len(text)), Annotations: map[string]string{}}
		d.Annotations["com.docker.compose.file"] = name
		if note != "" {
			d.Annotations["com.docker.compose.extends"] = note
		}
		return d
	}
	env := blob("", "", "A=1")
	env.MediaType = "application/vnd.docker.compose.envfile"
	env.Annotations["com.docker.compose.envfile"] = "../../evil.env"
	good := blob("", "compose.yaml", "services: {}\n")
	lying := good
	lying.Digest = digest.FromString("something else")
	registry.blobs[lying.Digest] = []byte("services: []\n")
	huge := good
	huge.Size = 5 << 20
	put("image", ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest, Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig}})
	put("empty", project())
	put("up", project(good, blob("true", "../evil.yaml", "a: 1")))
	put("absolute", project(good, blob("true", "/etc/evil.yaml", "a: 2")))
	put("windows", project(good, blob("true", `..\evil.yaml`, "a: 3")))
	put("main", project(good, blob("true", "compose.yaml", "a: 4")))
	put("unnamed", project(good, blob("true", "", "a: 5")))
	put("twice", project(good, blob("true", "b.yaml", "a: 6"), blob("true", "b.yaml", "a: 7")))
	put("dotenv", project(good, blob("true", ".env", "a: 8")))
	put("env", project(good, env))
	put("lying", project(lying))
	put("huge", project(huge))
	for tag, want := range map[string]string{
		"image": "is not a Compose project but application/vnd.oci.image.config.v1+json", "empty": "holds no Compose file",
		"up": `"../evil.yaml"`, "absolute": `"/etc/evil.yaml"`, "windows": `evil.yaml"`, "main": `"compose.yaml"`,
		"unnamed": `""`, "twice": "two files called b.yaml", "dotenv": `".env"`, "env": `"../../evil.env"`,
		"lying": "mismatch", "huge": "larger than", "none": "does not have it",
	} {
		opt := options(t)
		_, err := load(t, opt, "oci://"+registry.host()+"/x:"+tag)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", tag, err, want)
		}
		_ = filepath.WalkDir(opt.CacheDir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				t.Errorf("%s: %s was left in the cache", tag, path)
			}
			return nil
		})
		if left, _ := filepath.Glob(filepath.Join(opt.CacheDir, "..", "evil*")); len(left) > 0 {
			t.Errorf("%s: %v was written", tag, left)
		}
	}
}

func TestSwitchesTurnRemoteFilesOff(t *testing.T) {
	for variable, ref := range map[string]string{
		"COMPOSE_EXPERIMENTAL_OCI_REMOTE": "oci://registry.invalid/x", "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "https://git.invalid/x.git",
	} {
		for value, want := range map[string]string{"false": "is disabled by " + variable, "maybe": "not a boolean"} {
			opt := options(t)
			opt.Environ = []string{variable + "=" + value}
			_, err := load(t, opt, ref)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s=%s: %v", variable, value, err)
			}
		}
	}
}

func TestBadReferencesAreExplained(t *testing.T) {
	for _, ref := range []string{"oci://", "oci://x.example/UPPER", "oci://x:y:z"} {
		_, err := load(t, options(t), ref)
		if err == nil || !strings.Contains(err.Error(), "oci://REGISTRY/NAME:TAG") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for _, target := range []string{"", "UPPER", "x@sha256:" + strings.Repeat("0", 64)} {
		if _, _, err := remote.CheckTarget(target, ""); err == nil || !strings.Contains(err.Error(), "REGISTRY/NAME:TAG") {
			t.Errorf("target %q: %v", target, err)
		}
	}
	if _, _, err := remote.CheckTarget("x", "2.0"); err == nil {
		t.Error("--oci-version 2.0 was taken")
	}
}

func TestInterruptedFetchLeavesNothingBehind(t *testing.T) {
	registry := newFakeRegistry(t, httptest.NewServer, nil)
	opt := options(t)
	done := publish(t, opt, remote.Artifact{Repository: registry.host() + "/x", Layers: files(t, "services: {}\n")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := loaderOf(t, opt, "oci://"+done.Reference)
	if _, err := l.Load(ctx, "oci://"+done.Reference); err == nil {
		t.Error("a cancelled load succeeded")
	}
	if _, err := l.Load(t.Context(), "oci://"+done.Reference); err != nil {
		t.Errorf("the next load: %v", err)
	}
}

func loaders(t *testing.T) []loader.ResourceLoader {
	t.Helper()
	return remote.Loaders(options(t))
}
