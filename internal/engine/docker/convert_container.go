package docker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/strslice"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// createRequest is one create request, with what has to follow it.
type createRequest struct {
	api        string // the API version it is made for
	name       string
	config     *container.Config
	host       *container.HostConfig
	networking *network.NetworkingConfig
	platform   *ocispec.Platform
	// later are the endpoints that an engine before API 1.44 does not take in
	// the create request.
	later []engine.Endpoint
	// files have to be copied in by the adapter itself (use_api_socket).
	files []engine.File
}

// surroundings are what a translation depends on besides the specification.
type surroundings struct {
	api string // the API version spoken
	// proxies are the proxy variables of config.json for this engine.
	proxies map[string]string
	// readFile reads a seccomp profile.
	readFile func(path string) ([]byte, error)
	// dockerConfig is a config.json with the credentials, for use_api_socket.
	dockerConfig func() ([]byte, error)
}

// newCreateRequest translates a container specification. The only I/O is
// through the surroundings' functions. It fails with ErrUnsupported if the
// engine is too old for a key that changes what the container is.
func newCreateRequest(spec engine.ContainerSpec, around surroundings) (createRequest, error) {
	if err := refuse(spec, around.api); err != nil {
		return createRequest{}, err
	}
	service := spec.Service
	exposed, bindings, err := newPorts(service)
	if err != nil {
		return createRequest{}, err
	}
	platform, err := newPlatform(service)
	if err != nil {
		return createRequest{}, err
	}
	result := createRequest{api: around.api, name: spec.Name, platform: platform}
	result.config = newConfig(spec, around)
	result.config.ExposedPorts = exposed
	result.host, err = newHostConfig(spec, around)
	if err != nil {
		return createRequest{}, err
	}
	result.host.PortBindings = bindings
	atOnce, later := divideNetworks(spec.Networks, around.api)
	result.later = later
	result.host.NetworkMode, result.networking, err = newNetworking(spec, atOnce, around.api)
	if err != nil {
		return createRequest{}, err
	}
	if service.UseAPISocket {
		if err := addAPISocket(&result, around); err != nil {
			return createRequest{}, err
		}
	}
	return result, nil
}

// newConfig is the part of the request that can move to another host.
func newConfig(spec engine.ContainerSpec, around surroundings) *container.Config {
	service := spec.Service
	tty, stdin := service.Tty || spec.TTY, service.StdinOpen || spec.Interactive
	config := &container.Config{
		Hostname:     service.Hostname,
		Domainname:   service.DomainName,
		User:         service.User,
		AttachStdin:  spec.Interactive,
		AttachStdout: true,
		AttachStderr: true,
		Tty:          tty,
		OpenStdin:    stdin,
		StdinOnce:    spec.Interactive && stdin,
		Env:          newEnvironment(spec, around.proxies),
		Cmd:          strslice.StrSlice(service.Command),
		Entrypoint:   strslice.StrSlice(service.Entrypoint),
		Image:        spec.Image,
		WorkingDir:   service.WorkingDir,
		Labels:       spec.Labels,
		StopSignal:   service.StopSignal,
		Healthcheck:  newHealthcheck(service.HealthCheck, around.api),
	}
	config.NetworkDisabled = spec.NetworkMode == "disabled"
	if service.StopGracePeriod != nil {
		seconds := wholeSeconds(*service.StopGracePeriod)
		config.StopTimeout = &seconds
	}
	if olderThan(around.api, "1.44") {
		config.MacAddress = containerMAC(spec) //nolint:staticcheck // the only way before API 1.44
	}
	return config
}

// newEnvironment is the environment, sorted. A variable without a value stays
// a bare key: it makes the engine leave out the image's value as well.
func newEnvironment(spec engine.ContainerSpec, proxies map[string]string) []string {
	merged := make(map[string]*string, len(spec.Service.Environment)+len(proxies)+len(spec.Env))
	for key, value := range proxies {
		merged[key] = &value
	}
	for key, value := range spec.Service.Environment {
		merged[key] = value
	}
	for _, entry := range spec.Env {
		key, value, ok := cutEnv(entry)
		merged[key] = nil
		if ok {
			merged[key] = &value
		}
	}
	var environment []string
	for _, key := range sortedKeys(merged) {
		if value := merged[key]; value != nil {
			key += "=" + *value
		}
		environment = append(environment, key)
	}
	return environment
}

// newHostConfig is the part of the request that is bound to the host, without
// ports and networks.
func newHostConfig(spec engine.ContainerSpec, around surroundings) (*container.HostConfig, error) {
	service := spec.Service
	binds, mounts, err := newMounts(spec, around.api)
	if err != nil {
		return nil, err
	}
	security, err := newSecurity(service, spec.Labels[labels.WorkingDir], around.readFile)
	if err != nil {
		return nil, err
	}
	host := &container.HostConfig{
		Binds:          binds,
		Mounts:         mounts,
		Tmpfs:          newTmpfs(service.Tmpfs),
		VolumesFrom:    spec.VolumesFrom,
		AutoRemove:     spec.AutoRemove,
		LogConfig:      newLogConfig(service),
		RestartPolicy:  newRestartPolicy(service),
		CapAdd:         service.CapAdd,
		CapDrop:        service.CapDrop,
		CgroupnsMode:   container.CgroupnsMode(service.Cgroup),
		DNS:            service.DNS,
		DNSOptions:     service.DNSOpts,
		DNSSearch:      service.DNSSearch,
		ExtraHosts:     newExtraHosts(service.ExtraHosts),
		GroupAdd:       service.GroupAdd,
		Init:           service.Init,
		IpcMode:        container.IpcMode(spec.IPCMode),
		PidMode:        container.PidMode(spec.PIDMode),
		UTSMode:        container.UTSMode(service.Uts),
		UsernsMode:     container.UsernsMode(service.UserNSMode),
		Isolation:      container.Isolation(service.Isolation),
		Links:          spec.Links,
		OomScoreAdj:    int(service.OomScoreAdj),
		Privileged:     service.Privileged,
		ReadonlyRootfs: service.ReadOnly,
		Runtime:        service.Runtime,
		SecurityOpt:    security.options,
		ShmSize:        int64(service.ShmSize),
		StorageOpt:     service.StorageOpt,
		Sysctls:        service.Sysctls,
		Resources:      newResources(service),
	}
	if !olderThan(around.api, "1.43") {
		host.Annotations = service.Annotations
	}
	if security.unconfined {
		host.MaskedPaths, host.ReadonlyPaths = []string{}, []string{}
	}
	return host, nil
}

// newTmpfs divides "path:options".
func newTmpfs(entries []string) map[string]string {
	if len(entries) == 0 {
		return nil
	}
	result := make(map[string]string, len(entries))
	for _, entry := range entries {
		path, options, _ := strings.Cut(entry, ":")
		result[path] = options
	}
	return result
}

// newLogConfig is the logging section; without one, the engine's default.
func newLogConfig(service types.ServiceConfig) container.LogConfig {
	if service.Logging != nil {
		return container.LogConfig{Type: service.Logging.Driver, Config: service.Logging.Options}
	}
	return container.LogConfig{}
}

// newExtraHosts writes "host:address"; the engine divides at the first colon,
// so IPv6 addresses need no brackets.
func newExtraHosts(hosts types.HostsList) []string {
	list := hosts.AsList(":")
	slices.Sort(list)
	if len(list) == 0 {
		return nil
	}
	return list
}

// newPlatform is the platform the image must have.
func newPlatform(service types.ServiceConfig) (*ocispec.Platform, error) {
	if service.Platform == "" {
		return nil, nil
	}
	platform, err := platforms.Parse(service.Platform)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is no platform such as linux/arm64", field(service.Name, "platform"), service.Platform)
	}
	return &platform, nil
}
