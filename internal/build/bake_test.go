package build

import (
	"os"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func TestBakeDefinitionHasEveryKey(t *testing.T) {
	targets := []Target{
		{Service: "base.img", Build: types.BuildConfig{Context: "/src/base"}, Tags: []string{"app-base"}},
		{
			Service: "web", Tags: []string{"app-web", "reg/web"}, Platforms: []string{"linux/amd64"},
			Labels: map[string]string{labelService: "web"}, Secrets: []Secret{{ID: "f", File: "/s"}, {ID: "v", Variable: "TOKEN", Value: "hidden"}},
			DependsOn: []string{"base.img"},
			Build: types.BuildConfig{
				Context: "/src/web", Dockerfile: "web.dockerfile", Args: types.MappingWithEquals{"A": text("1")}, Target: "prod",
				AdditionalContexts: types.Mapping{"base": "service:base.img"}, CacheFrom: types.StringList{"img"}, CacheTo: types.StringList{"type=inline"},
				NoCacheFilter: types.StringList{"x"}, Network: "host", ShmSize: 64, SSH: types.SSHConfig{{ID: "k", Path: "/k"}},
				Ulimits: map[string]*types.UlimitsConfig{"nofile": {Single: 9}}, ExtraHosts: types.HostsList{"h": {"1.2.3.4"}},
				Privileged: true, Provenance: "mode=max", SBOM: "false",
			},
		},
	}
	got, err := Bake(targets, Options{Pull: true, NoCache: true}, BakeOptions{Push: true})
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/bake.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got\n%s", got)
	}
}
