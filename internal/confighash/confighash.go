// Package confighash computes the values of the com.docker.compose.config-hash
// label. They must equal what docker compose writes, digit for digit: a project
// changes hands between the two tools without a single recreation only then.
//
// All functions are pure: they read their argument and never change it, though
// the compose-go structs hold pointers and maps.
//
// A hash depends on the field order of compose-go's structs, which moves between
// its releases. Equal hashes prove equal configuration; different ones prove nothing.
package confighash

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// defaultVolumeDriver is what the engine uses for a volume that names no driver.
// docker compose fills it in before it hashes a volume (but not a network).
const defaultVolumeDriver = "local"

// Service returns the hash of a service: the SHA-256, in lower-case hex, of its
// JSON form without the attributes that do not shape a container: build, pull_policy,
// scale, deploy.replicas, depends_on and profiles.
//
// It fails only when an extension of the service cannot be written as JSON.
func Service(s types.ServiceConfig) (string, error) {
	s.Build = nil
	s.PullPolicy = ""
	s.Scale = nil
	s.DependsOn = nil
	s.Profiles = nil
	if s.Deploy != nil {
		deploy := *s.Deploy // a copy: the caller's replicas must survive
		deploy.Replicas = nil
		s.Deploy = &deploy
	}
	return sum("service "+s.Name, s)
}

// Joined are the IDs of the containers that stand for the services which a
// service names in network_mode, ipc and pid, and in volumes_from in its order.
type Joined struct {
	Network, IPC, PID string
	Volumes           []string
}

// Container returns the hash that docker compose writes on a service's containers:
// that of the service with containers in the place of services, and with what
// use_api_socket stands for. It equals Service where there is neither.
func Container(s types.ServiceConfig, j Joined) (string, error) {
	s = withAPISocket(s)
	for _, mode := range []struct {
		key *string
		id  string
	}{{&s.NetworkMode, j.Network}, {&s.Ipc, j.IPC}, {&s.Pid, j.PID}} {
		if mode.id != "" && strings.HasPrefix(*mode.key, types.ServicePrefix) {
			*mode.key = types.ContainerPrefix + mode.id
		}
	}
	var from []string
	for _, source := range s.VolumesFrom {
		name, isContainer := strings.CutPrefix(source, types.ContainerPrefix)
		switch {
		case isContainer:
			source, _, _ = strings.Cut(name, ":")
		case len(j.Volumes) > 0:
			source, j.Volumes = j.Volumes[0], j.Volumes[1:]
		}
		from = append(from, source)
	}
	s.VolumesFrom = from
	return Service(s)
}

// withAPISocket adds what docker compose makes of use_api_socket before it hashes a
// service (seen with 2.40.3).
func withAPISocket(s types.ServiceConfig) types.ServiceConfig {
	if !s.UseAPISocket {
		return s
	}
	const socket, folder, variable = "/var/run/docker.sock", "/run/secrets/docker", "DOCKER_CONFIG"
	s.Volumes = append(slices.Clone(s.Volumes), types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: socket, Target: socket})
	if _, given := s.Environment[variable]; !given {
		environment := types.MappingWithEquals{}
		maps.Copy(environment, s.Environment)
		value := folder
		environment[variable] = &value
		s.Environment = environment
	}
	s.Configs = append(slices.Clone(s.Configs), types.ServiceConfigObjConfig{Source: "#apisocket", Target: folder + "/config.json"})
	return s
}

// Network returns the hash of a network: the SHA-256 hex of its JSON form as it
// stands, the name on the engine included.
func Network(n types.NetworkConfig) (string, error) {
	return sum("network "+n.Name, n)
}

// Volume returns the hash of a volume: the SHA-256 hex of its JSON form with the
// driver filled in.
func Volume(v types.VolumeConfig) (string, error) {
	if v.Driver == "" {
		v.Driver = defaultVolumeDriver
	}
	return sum("volume "+v.Name, v)
}

// sum hashes the JSON form of v; what names it in the error.
func sum(what string, v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", what, err)
	}
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:]), nil
}
