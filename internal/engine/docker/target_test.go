package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeContext adds a Docker context to a configuration folder.
func writeContext(t *testing.T, dir, name, host string, skipVerify bool) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	folder := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":%t}}}`, name, host, skipVerify)
	if err := os.WriteFile(filepath.Join(folder, "meta.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheEngineIsChosenByFlagThenContextThenHostThenConfiguration(t *testing.T) {
	dir := writeConfig(t, `{"currentContext":"current"}`)
	for _, name := range []string{"current", "variable", "flag"} {
		writeContext(t, dir, name, "tcp://"+name+":2375", false)
	}
	const host = "unix:///run/host.sock"
	for _, test := range []struct {
		environ map[string]string
		opts    Options
		want    string
	}{
		{nil, Options{}, "tcp://current:2375"},
		{map[string]string{"DOCKER_HOST": host}, Options{}, host},
		{map[string]string{"DOCKER_HOST": host, "DOCKER_CONTEXT": "variable"}, Options{}, "tcp://variable:2375"},
		{map[string]string{"DOCKER_HOST": host, "DOCKER_CONTEXT": "default"}, Options{}, host},
		{map[string]string{"DOCKER_CONTEXT": "default"}, Options{}, "unix:///var/run/docker.sock"},
		{map[string]string{"DOCKER_CONTEXT": "variable"}, Options{Host: "tcp://flag-host:1"}, "tcp://flag-host:1"},
		{map[string]string{"DOCKER_CONTEXT": "variable"}, Options{Context: "flag", Host: "tcp://flag-host:1"}, "tcp://flag:2375"},
		{map[string]string{"DOCKER_HOST": "10.0.0.1"}, Options{}, "tcp://10.0.0.1:2375"},
		{map[string]string{"DOCKER_HOST": "tcp://[::1]", "DOCKER_TLS_VERIFY": "1"}, Options{}, "tcp://[::1]:2376"},
		{map[string]string{"DOCKER_HOST": "tcp://h:1/base"}, Options{}, "tcp://h:1/base"},
		{map[string]string{"DOCKER_HOST": "tcp://"}, Options{}, "tcp://localhost:2375"},
		{map[string]string{"DOCKER_HOST": ":1"}, Options{}, "tcp://localhost:1"},
		{map[string]string{"DOCKER_HOST": "unix://"}, Options{}, "unix:///var/run/docker.sock"},
		{map[string]string{"DOCKER_HOST": " "}, Options{}, "unix:///var/run/docker.sock"},
		{map[string]string{"DOCKER_HOST": " " + host + " "}, Options{}, host},
		{map[string]string{"DOCKER_HOST": "ssh://me@far.test"}, Options{}, "ssh://me@far.test"},
	} {
		test.opts.ConfigDir = dir
		test.opts.Environ = func(name string) string { return test.environ[name] }
		e, err := New(test.opts)
		if err != nil || e.Endpoint() != test.want {
			t.Errorf("%v %+v: %v, want %s", test.environ, test.opts.Host, err, test.want)
		}
	}
}

func TestDockerConfigNamesTheFolderOfTheConfiguration(t *testing.T) {
	dir := writeConfig(t, `{"currentContext":"there"}`)
	writeContext(t, dir, "there", "tcp://there:2375", false)
	e, err := New(Options{Environ: func(name string) string { return map[string]string{"DOCKER_CONFIG": dir}[name] }})
	if err != nil || e.Endpoint() != "tcp://there:2375" || e.Context() != "there" {
		t.Error(err)
	}
}

// envOf is an environment of one variable.
func envOf(name, value string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return value
		}
		return ""
	}
}

func TestAConfigurationThatCannotBeReadIsAWarning(t *testing.T) {
	broken := writeConfig(t, `{"currentContext":"there","auths":3}`)
	writeContext(t, broken, "there", "tcp://there:2375", false)
	unreadable := t.TempDir()
	if err := os.Mkdir(filepath.Join(unreadable, "config.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for dir, endpoint := range map[string]string{
		broken: "tcp://there:2375", unreadable: "unix:///var/run/docker.sock", writeConfig(t, "{"): "unix:///var/run/docker.sock",
	} {
		e, err := New(Options{ConfigDir: dir, Environ: envOf("", "")})
		if err != nil || e.Endpoint() != endpoint {
			t.Errorf("%v, want %s", err, endpoint)
			continue
		}
		warnings := strings.Join(e.Warnings(), "\n")
		if !strings.Contains(warnings, filepath.Join(dir, "config.json")) || strings.Contains(warnings, "\n") {
			t.Error(warnings)
		}
	}
	if e, err := New(Options{ConfigDir: t.TempDir(), Environ: envOf("", "")}); err != nil || len(e.Warnings()) > 0 {
		t.Error(err, e.Warnings())
	}
}

func TestWrongConfigurationIsOneLineThatSaysWhere(t *testing.T) {
	for _, test := range []struct {
		config string
		opts   Options
		want   string
	}{
		{"{}", Options{Context: "none"}, "docker context \"none\" (--context): it does not exist; `docker context ls` lists those that do"},
		{`{"currentContext":"none"}`, Options{}, `docker context "none" (currentContext of `},
		{"{}", Options{Host: "/run/docker.sock"}, `docker host "/run/docker.sock": not an address such as`},
		{"{}", Options{Host: "tcp://h:99999"}, `docker host "tcp://h:99999": not an address such as`},
		{"{}", Options{Host: "tcp://h:abc"}, `docker host "tcp://h:abc": not an address such as`},
		{"{}", Options{Environ: envOf("DOCKER_CONTEXT", "a b")}, `docker context "a b" (DOCKER_CONTEXT): it does not exist`},
		{"{}", Options{Environ: envOf("DOCKER_API_VERSION", "abc")}, `DOCKER_API_VERSION "abc": not a version of the Engine API such as 1.41`},
		{"{}", Options{Environ: envOf("DOCKER_API_VERSION", " ")}, `DOCKER_API_VERSION " ": not a version`},
		{"{}", Options{Host: "gopher://x"}, `docker host "gopher://x": not an address such as`},
		{"{}", Options{Host: "tcp://h:1", TLSVerify: true, CACert: "/none/ca.pem"}, "TLS for docker host tcp://h:1"},
	} {
		test.opts.ConfigDir = writeConfig(t, test.config)
		if test.opts.Environ == nil {
			test.opts.Environ = func(string) string { return "" }
		}
		if _, err := New(test.opts); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// newTLSServer is a scripted engine behind TLS.
func newTLSServer(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(&wire{api: "1.41"})
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestTLSIsVerifiedWithTheCertificatesOfDockerCertPath(t *testing.T) {
	server := newTLSServer(t)
	certs := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(certs, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	host := "tcp://" + server.Listener.Addr().String()
	for _, test := range []struct {
		verify, path, want string
	}{
		{"1", certs, ""},
		{"", certs, ""},
		{"1", t.TempDir(), "/ca.pem: no such file"},
		{"", "", "do both sides agree on TLS?"},
	} {
		environ := map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": test.verify, "DOCKER_CERT_PATH": test.path}
		e, err := New(Options{ConfigDir: t.TempDir(), Environ: func(name string) string { return environ[name] }})
		if err == nil {
			_, err = e.Info(t.Context())
		}
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("verify %q path %q: %v", test.verify, test.path, err)
		}
	}
}

func TestAContextMaySkipTheVerification(t *testing.T) {
	server := newTLSServer(t)
	dir := writeConfig(t, "{}")
	writeContext(t, dir, "lab", "tcp://"+server.Listener.Addr().String(), true)
	e, err := New(Options{ConfigDir: dir, Context: "lab"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Info(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProxiesOfTheConfigurationReachContainersUnlessTheySetTheirOwn(t *testing.T) {
	dir := writeConfig(t, `{"proxies":{"default":{"httpProxy":"http://proxy:1","noProxy":"local"}}}`)
	e, err := New(Options{ConfigDir: dir, Host: "unix:///run/none.sock"})
	if err != nil {
		t.Fatal(err)
	}
	spec := twoNetworks()
	own := "mine"
	spec.Service.Environment = map[string]*string{"NO_PROXY": &own}
	got := strings.Join(newEnvironment(spec, e.Proxies()), " ")
	if got != "HTTP_PROXY=http://proxy:1 NO_PROXY=mine http_proxy=http://proxy:1 no_proxy=local" {
		t.Error(got)
	}
}

func TestAMissingHomeIsNoObstacle(t *testing.T) {
	t.Setenv("HOME", "")
	e, err := New(Options{Environ: func(name string) string { return map[string]string{"DOCKER_HOST": "tcp://h:1"}[name] }})
	if err != nil || e.Endpoint() != "tcp://h:1" {
		t.Errorf("got %v", err)
	}
}

func TestTLSIsAskedForByItsOwnVariable(t *testing.T) {
	environ := map[string]string{"DOCKER_HOST": "tcp://h", "DOCKER_TLS": "1"}
	target, err := resolveTarget(Options{Environ: func(name string) string { return environ[name] }}, t.TempDir(), nil)
	if err != nil || target.host != "tcp://h:2376" || target.tls == nil {
		t.Errorf("got %+v, %v", target, err)
	}
}
