package build

import (
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
	const want = `{
  "group": {
    "default": {
      "targets": [
        "base_img",
        "web"
      ]
    }
  },
  "target": {
    "base_img": {
      "context": "/src/base",
      "dockerfile": "Dockerfile",
      "tags": [
        "app-base"
      ],
      "pull": true,
      "no-cache": true,
      "output": [
        "type=registry"
      ]
    },
    "web": {
      "context": "/src/web",
      "contexts": {
        "base": "target:base_img"
      },
      "dockerfile": "web.dockerfile",
      "args": {
        "A": "1"
      },
      "labels": {
        "com.docker.compose.service": "web"
      },
      "tags": [
        "app-web",
        "reg/web"
      ],
      "cache-from": [
        "img"
      ],
      "cache-to": [
        "type=inline"
      ],
      "target": "prod",
      "secret": [
        "id=f,type=file,src=/s",
        "id=v,type=env,env=TOKEN"
      ],
      "ssh": [
        "k=/k"
      ],
      "platforms": [
        "linux/amd64"
      ],
      "pull": true,
      "no-cache": true,
      "no-cache-filter": [
        "x"
      ],
      "network": "host",
      "shm-size": "64",
      "ulimits": [
        "nofile=9:9"
      ],
      "extra-hosts": {
        "h": "1.2.3.4"
      },
      "entitlements": [
        "network.host",
        "security.insecure"
      ],
      "attest": [
        "type=provenance,mode=max",
        "type=sbom,disabled=true"
      ],
      "output": [
        "type=registry"
      ]
    }
  }
}
`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
}
