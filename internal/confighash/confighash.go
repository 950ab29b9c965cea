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
