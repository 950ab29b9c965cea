package build

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// bakeFile is a bake definition (Docker's bake file reference).
type bakeFile struct {
	Group  map[string]bakeGroup  `json:"group"`
	Target map[string]bakeTarget `json:"target"`
}

// bakeGroup names targets.
type bakeGroup struct {
	Targets []string `json:"targets"`
}

// bakeTarget is one image in a bake definition.
type bakeTarget struct {
	Context          string            `json:"context,omitempty"`
	Contexts         map[string]string `json:"contexts,omitempty"`
	Dockerfile       string            `json:"dockerfile,omitempty"`
	DockerfileInline string            `json:"dockerfile-inline,omitempty"`
	Args             map[string]string `json:"args,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	Tags             []string          `json:"tags,omitempty"`
	CacheFrom        []string          `json:"cache-from,omitempty"`
	CacheTo          []string          `json:"cache-to,omitempty"`
	Target           string            `json:"target,omitempty"`
	Secrets          []string          `json:"secret,omitempty"`
	SSH              []string          `json:"ssh,omitempty"`
	Platforms        []string          `json:"platforms,omitempty"`
	Pull             bool              `json:"pull,omitempty"`
	NoCache          bool              `json:"no-cache,omitempty"`
	NoCacheFilter    []string          `json:"no-cache-filter,omitempty"`
	Network          string            `json:"network,omitempty"`
	ShmSize          string            `json:"shm-size,omitempty"`
	Ulimits          []string          `json:"ulimits,omitempty"`
	ExtraHosts       map[string]string `json:"extra-hosts,omitempty"`
	Entitlements     []string          `json:"entitlements,omitempty"`
	Attest           []string          `json:"attest,omitempty"`
	Call             string            `json:"call,omitempty"`
	Outputs          []string          `json:"output,omitempty"`
}

// BakeOptions are what a bake definition says beside the targets.
type BakeOptions struct {
	Push  bool // to the registry instead of the engine
	Check bool // only check the Dockerfiles
}

// Bake writes targets as a bake definition in JSON, ending with a line break.
// It reads nothing but its arguments. The values of secrets are not in it.
func Bake(targets []Target, o Options, b BakeOptions) ([]byte, error) {
	file := bakeFile{Group: map[string]bakeGroup{}, Target: map[string]bakeTarget{}}
	names := []string{}
	for _, target := range targets {
		name := bakeName(target.Service)
		names = append(names, name)
		made, err := newBakeTarget(target, o, b)
		if err != nil {
			return nil, err
		}
		file.Target[name] = made
	}
	file.Group["default"] = bakeGroup{Targets: names}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("bake definition: %w", err)
	}
	return append(text, '\n'), nil
}

// bakeName is a service as the name of a target, which must not have dots.
func bakeName(service string) string {
	return strings.ReplaceAll(service, ".", "_")
}

// newBakeTarget translates one target.
func newBakeTarget(target Target, o Options, b BakeOptions) (bakeTarget, error) {
	build := target.Build
	keys, err := sshKeys(target, o)
	if err != nil {
		return bakeTarget{}, err
	}
	made := bakeTarget{
		Context: build.Context, Contexts: bakeContexts(build.AdditionalContexts),
		Dockerfile: build.Dockerfile, DockerfileInline: build.DockerfileInline,
		Args: arguments(build.Args, o), Labels: imageLabels(target, o), Tags: target.Tags,
		CacheFrom: build.CacheFrom, CacheTo: build.CacheTo, Target: build.Target,
		Platforms: target.Platforms, Pull: build.Pull || o.Pull, NoCache: build.NoCache || o.NoCache,
		NoCacheFilter: build.NoCacheFilter, Network: build.Network, Ulimits: ulimits(build.Ulimits),
		ExtraHosts: bakeHosts(build.ExtraHosts), Entitlements: entitlements(build),
		Attest: bakeAttestations(build, o), Outputs: []string{"type=docker"},
	}
	if made.DockerfileInline == "" && made.Dockerfile == "" && !isRemote(build.Context) {
		made.Dockerfile = "Dockerfile"
	}
	if build.ShmSize > 0 {
		made.ShmSize = strconv.FormatInt(int64(build.ShmSize), 10)
	}
	for _, key := range keys {
		text := key.ID
		if len(key.Paths) > 0 {
			text += "=" + strings.Join(key.Paths, ",")
		}
		made.SSH = append(made.SSH, text)
	}
	for _, secret := range target.Secrets {
		made.Secrets = append(made.Secrets, bakeSecret(secret))
	}
	if b.Push {
		made.Outputs = []string{"type=registry"}
	}
	if b.Check {
		made.Call, made.Outputs = "lint", nil
	}
	return made, nil
}

// bakeContexts are additional contexts with services as targets.
func bakeContexts(contexts types.Mapping) map[string]string {
	result := map[string]string{}
	for name, value := range contexts {
		if service, ok := strings.CutPrefix(value, servicePrefix); ok {
			value = "target:" + bakeName(service)
		}
		result[name] = value
	}
	return result
}

// bakeHosts are extra hosts, several addresses separated by commas.
func bakeHosts(hosts types.HostsList) map[string]string {
	result := map[string]string{}
	for host, addresses := range hosts {
		result[host] = strings.Join(addresses, ",")
	}
	return result
}

// bakeSecret names a secret's source.
func bakeSecret(secret Secret) string {
	switch {
	case secret.File != "":
		return "id=" + secret.ID + ",type=file,src=" + secret.File
	case secret.Variable != "":
		return "id=" + secret.ID + ",type=env,env=" + secret.Variable
	}
	return "id=" + secret.ID
}

// bakeAttestations are provenance and sbom, also when they are turned off.
func bakeAttestations(build types.BuildConfig, o Options) []string {
	var list []string
	values := map[string]string{
		"provenance": either(o.Provenance, build.Provenance), "sbom": either(o.SBOM, build.SBOM),
	}
	for _, kind := range slices.Sorted(maps.Keys(values)) {
		value := values[kind]
		if value == "" {
			continue
		}
		entry := "type=" + kind
		if yes, err := strconv.ParseBool(value); err != nil {
			entry += "," + value
		} else if !yes {
			entry += ",disabled=true"
		}
		list = append(list, entry)
	}
	return list
}
