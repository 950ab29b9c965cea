package confighash

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func service() types.ServiceConfig {
	s := types.ServiceConfig{Name: "web"}
	s.Image, s.Command = "nginx", types.ShellCommand{"run"}
	return s
}

func TestServiceHashIgnoresWhatShapesNoContainer(t *testing.T) {
	plain, err := Service(service())
	if err != nil {
		t.Fatal(err)
	}
	three := 3
	rich := service()
	rich.Build = &types.BuildConfig{Context: "."}
	rich.PullPolicy = "always"
	rich.Scale = &three
	rich.DependsOn = types.DependsOnConfig{"db": {Condition: types.ServiceConditionStarted}}
	rich.Profiles = []string{"debug"}
	got, err := Service(rich)
	if err != nil {
		t.Fatal(err)
	}
	if got != plain {
		t.Errorf("hash changed with attributes that shape no container: %s, want %s", got, plain)
	}
	if rich.Build == nil || rich.Scale == nil {
		t.Error("the argument was changed")
	}
}

func TestServiceHashIgnoresReplicasAndLeavesThemAlone(t *testing.T) {
	three := 3
	with, without := service(), service()
	with.Deploy = &types.DeployConfig{Mode: "replicated", Replicas: &three}
	without.Deploy = &types.DeployConfig{Mode: "replicated"}
	a, errA := Service(with)
	b, errB := Service(without)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a != b {
		t.Errorf("hash depends on replicas: %s and %s", a, b)
	}
	if with.Deploy.Replicas == nil {
		t.Error("the caller's replicas were cleared")
	}
}

func TestServiceHashChangesWithTheImage(t *testing.T) {
	other := service()
	other.Image = "caddy"
	a, _ := Service(service())
	b, _ := Service(other)
	if a == b || len(a) != 64 {
		t.Errorf("want two different 64-digit hashes, got %s and %s", a, b)
	}
}

func TestVolumeHashTreatsNoDriverAsLocal(t *testing.T) {
	a, _ := Volume(types.VolumeConfig{Name: "p_data"})
	b, _ := Volume(types.VolumeConfig{Name: "p_data", Driver: "local"})
	if a != b {
		t.Errorf("hash without driver %s, with local %s", a, b)
	}
}

func TestNetworkHashKeepsTheDriverAsWritten(t *testing.T) {
	a, _ := Network(types.NetworkConfig{Name: "p_default"})
	b, _ := Network(types.NetworkConfig{Name: "p_default", Driver: "bridge"})
	if a == b {
		t.Error("a network's driver must count in its hash")
	}
}

func TestHashNamesWhatCannotBeHashed(t *testing.T) {
	_, err := sum("service web", make(chan int))
	if err == nil || !strings.HasPrefix(err.Error(), "hash service web: ") {
		t.Errorf("want an error that names the service, got %v", err)
	}
}

func TestAContainersHashNamesContainersInThePlaceOfServices(t *testing.T) {
	s := service()
	s.NetworkMode, s.Ipc, s.Pid = "service:vpn", "container:other", "service:vpn"
	s.VolumesFrom = []string{"db:ro", "container:backup:ro", "cache"}
	got, err := Container(s, Joined{Network: "id1", IPC: "id2", PID: "id1", Volumes: []string{"id3", "id4"}})
	if err != nil {
		t.Fatal(err)
	}
	resolved := service()
	resolved.NetworkMode, resolved.Ipc, resolved.Pid = "container:id1", "container:other", "container:id1"
	resolved.VolumesFrom = []string{"id3", "backup", "id4"}
	want, err := Service(resolved)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("hash is %s, want that of the service with container:ID", got)
	}
	if s.VolumesFrom[0] != "db:ro" {
		t.Error("the argument was changed")
	}
	if plain, _ := Container(service(), Joined{}); plain != mustHash(t, service()) {
		t.Error("without references the hash is another one than the service's")
	}
}

func mustHash(t *testing.T, s types.ServiceConfig) string {
	t.Helper()
	hash, err := Service(s)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestAContainersHashHasWhatUseAPISocketStandsFor(t *testing.T) {
	own := "/own"
	for name, environment := range map[string]types.MappingWithEquals{
		"no environment": nil, "another variable": {"A": &own}, "a folder of its own": {"DOCKER_CONFIG": &own}, "a null": {"DOCKER_CONFIG": nil},
	} {
		s := service()
		s.UseAPISocket, s.Environment = true, environment
		got, err := Container(s, Joined{})
		if err != nil {
			t.Fatal(err)
		}
		resolved := service()
		resolved.UseAPISocket, resolved.Environment = true, types.MappingWithEquals{}
		for key, value := range environment {
			resolved.Environment[key] = value
		}
		if _, given := environment["DOCKER_CONFIG"]; !given {
			folder := "/run/secrets/docker"
			resolved.Environment["DOCKER_CONFIG"] = &folder
		}
		resolved.Volumes = []types.ServiceVolumeConfig{{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"}}
		resolved.Configs = []types.ServiceConfigObjConfig{{Source: "#apisocket", Target: "/run/secrets/docker/config.json"}}
		if want := mustHash(t, resolved); got != want {
			t.Errorf("%s: hash %s, want %s", name, got, want)
		}
		if len(s.Volumes) > 0 {
			t.Error("the argument was changed")
		}
	}
}
