package build

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

// text is a pointer to s.
func text(s string) *string { return &s }

func TestBuildSectionBecomesFrontendAttributes(t *testing.T) {
	wanted := Target{Service: "web", Platforms: []string{"linux/amd64"}, Labels: map[string]string{"a": "1", "b": "1"}, Build: types.BuildConfig{
		Target: "prod", Args: types.MappingWithEquals{"A": text("1"), "B": text("1"), "SET": nil, "UNSET": nil, "HTTP_PROXY": text("own")},
		Labels: types.Labels{"b": "2"}, NoCacheFilter: types.StringList{"x", "y"}, Network: "host", ShmSize: 1 << 20,
		Ulimits:    map[string]*types.UlimitsConfig{"nproc": {Single: 5}, "nofile": {Soft: 1, Hard: 2}},
		ExtraHosts: types.HostsList{"a": {"1.1.1.1", "[::1]"}, "gw": {"host-gateway"}},
		Privileged: true, Entitlements: []string{"network.host"}, Provenance: "mode=max", SBOM: "true",
		CacheFrom: types.StringList{"img:1", "type=local,src=\"/a,b\""}, CacheTo: types.StringList{"type=inline"},
	}}
	got, err := newRequest(wanted, Options{
		Args: types.MappingWithEquals{"B": text("2")}, ProxyArgs: map[string]string{"HTTP_PROXY": "p", "NO_PROXY": "n"},
		LookupEnv: func(name string) (string, bool) { return "env", name == "SET" }, Pull: true,
	}, "9.9.9.9")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"target": "prod", "build-arg:A": "1", "build-arg:B": "2", "build-arg:SET": "env", "build-arg:HTTP_PROXY": "own", "build-arg:NO_PROXY": "n",
		"label:a": "1", "label:b": "2", "platform": "linux/amd64", "no-cache": "x,y", "image-resolve-mode": "pull",
		"force-network-mode": "host", "shm-size": "1048576", "ulimit": "nofile=1:2,nproc=5:5",
		"add-hosts": "a=1.1.1.1,a=::1,gw=9.9.9.9", "attest:provenance": "mode=max", "attest:sbom": "",
	}
	for key := range maps.Keys(want) {
		if got.attrs[key] != want[key] {
			t.Errorf("%s is %q, want %q", key, got.attrs[key], want[key])
		}
	}
	if len(got.attrs) != len(want) {
		t.Errorf("attributes: %v", got.attrs)
	}
	if !slices.Equal(got.entitlements, []string{"network.host", "security.insecure"}) {
		t.Errorf("entitlements %v", got.entitlements)
	}
	if len(got.cacheFrom) != 2 || got.cacheFrom[0].attrs["ref"] != "img:1" || got.cacheFrom[1].attrs["src"] != "/a,b" || got.cacheTo[0].kind != "inline" {
		t.Errorf("cache: %v %v", got.cacheFrom, got.cacheTo)
	}
}

func TestWhatCannotWorkIsRefusedWithItsKey(t *testing.T) {
	dir := write(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	old := Options{Engine: engine.Info{APIVersion: "1.41"}}
	for want, change := range map[string]func(*Target){
		"services.web.build.context: " + dir + "/nope does not exist":               func(w *Target) { w.Build.Context = filepath.Join(dir, "nope") },
		"services.web.build.context: " + dir + "/Dockerfile is not a folder":        func(w *Target) { w.Build.Context = filepath.Join(dir, "Dockerfile") },
		"services.web.build.dockerfile: " + dir + "/other does not exist":           func(w *Target) { w.Build.Dockerfile = "other" },
		"services.web.build.secrets: secret s: " + dir + "/nope does not exist":     func(w *Target) { w.Secrets = []Secret{{ID: "s", File: filepath.Join(dir, "nope")}} },
		"services.web.build.network: BuildKit knows default, none and host only":    func(w *Target) { w.Build.Network = "mine" },
		"services.web.build.cache_to: this engine can only write type=inline":       func(w *Target) { w.Build.CacheTo = types.StringList{"type=local,dest=/x"} },
		"services.web.build.platforms: this engine keeps one platform per image":    func(w *Target) { w.Platforms = []string{"a", "b"} },
		"services.web.build.additional_contexts.x: " + dir + "/nope does not exist": func(w *Target) { w.Build.AdditionalContexts = types.Mapping{"x": filepath.Join(dir, "nope")} },
		"services.web.build.context: \"-\" reads the context from standard input":   func(w *Target) { w.Build.Context = "-" },
	} {
		wanted := Target{Service: "web", Build: types.BuildConfig{Context: dir}, Tags: []string{"web"}}
		change(&wanted)
		_, err := Run(t.Context(), nil, []Target{wanted}, old)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("want %q, error is %v", want, err)
		}
	}
}

func TestCacheEntriesAndSSHKeysAreRefusedWhenMalformed(t *testing.T) {
	for _, entry := range []string{"ref=x", "type=local,src", "type=local,src=\"x"} {
		_, err := newRequest(Target{Service: "web", Build: types.BuildConfig{CacheFrom: types.StringList{entry}}}, Options{}, "")
		if err == nil || !strings.HasPrefix(err.Error(), "services.web.build.cache_from: ") {
			t.Errorf("%s: %v", entry, err)
		}
	}
	if _, err := sshKeys(Target{}, Options{SSH: []string{"deploy"}}); err == nil {
		t.Error("a key without a path passed")
	}
}

func TestOnlyOneServiceReadsStandardInput(t *testing.T) {
	one := Target{Service: "one", Tags: []string{"one"}, Build: types.BuildConfig{Context: "-"}}
	two := one
	two.Service, two.Tags = "two", []string{"two"}
	_, err := newJobs([]Target{one, two}, Options{Stdin: strings.NewReader("FROM scratch\n# " + strings.Repeat("x", 9000))})
	if err == nil || err.Error() != "services.two.build.context: standard input is already the context of one" {
		t.Errorf("error is %v", err)
	}
}

func TestLocalCachesAreOfferedToTheBuilder(t *testing.T) {
	dir := write(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	wanted := Target{Service: "web", Tags: []string{"web"}, Build: types.BuildConfig{
		Context: dir, CacheFrom: types.StringList{"type=local,src=" + dir + "/absent"}, CacheTo: types.StringList{"type=local,dest=" + dir + "/new"},
	}}
	jobs, err := newJobs([]Target{wanted}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := newGroups(t.Context(), jobs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(groups[0].caches) != 1 || groups[0].caches["local:"+dir+"/new"] == nil {
		t.Errorf("caches %v", groups[0].caches)
	}
}

func TestKeysWithoutEffectAreToldOnce(t *testing.T) {
	var events event.Recorder
	o := Options{Engine: engine.Info{APIVersion: "1.41"}, Sink: &events}
	wanted := Target{Service: "web", Build: types.BuildConfig{ShmSize: 5, Isolation: "hyperv", SBOM: "true", Provenance: "false"}}
	if err := checkSupport(wanted, o); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events.Events() {
		told = append(told, strings.Fields(e.Text)[0])
	}
	slices.Sort(told)
	if got := strings.Join(told, " "); got != "services.web.build.isolation services.web.build.sbom services.web.build.shm_size" {
		t.Errorf("told of %s", got)
	}
}

func TestHostGatewayMustBeKnown(t *testing.T) {
	wanted := Target{Service: "web", Build: types.BuildConfig{ExtraHosts: types.HostsList{"h": {"host-gateway"}}}}
	if _, err := newRequest(wanted, Options{}, ""); err == nil || !strings.HasPrefix(err.Error(), "services.web.build.extra_hosts: h: ") {
		t.Errorf("error is %v", err)
	}
}

func TestSyntaxLineIsFoundOnlyAmongTheFirstComments(t *testing.T) {
	for dockerfile, want := range map[string]bool{
		"# syntax=docker/dockerfile:1\nFROM a": true, "#escape=`\n# Syntax = x\n": true,
		"FROM a\n# syntax=x": false, "# hello\n# syntax=x": false, "": false,
	} {
		if hasOwnFrontend([]byte(dockerfile)) != want {
			t.Errorf("%q: want %v", dockerfile, want)
		}
	}
}

func TestLowerCaseDockerfileIsFound(t *testing.T) {
	dir := write(t, map[string]string{"dockerfile": "FROM scratch\n", ".dockerignore": "# comment\n\na/**\n!a/b\n"})
	files, err := findFiles(Target{Build: types.BuildConfig{Context: dir}}, nil)
	if err != nil || files.filename != "dockerfile" {
		t.Errorf("%q, %v", files.filename, err)
	}
	if excludes, err := files.excludes(); err != nil || !slices.Equal(excludes, []string{"a/**", "!a/b"}) {
		t.Errorf("excludes %q, %v", excludes, err)
	}
}

func TestFileThatCannotBeReadFailsTheTransfer(t *testing.T) {
	dir := write(t, map[string]string{"a": "x"})
	folder, err := contextFS(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	file, err := folder.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Read(make([]byte, 1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
