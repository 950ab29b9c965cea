package docker

import (
	"context"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// Unsupported lists what the specification asks for and an engine of this API
// version does not have, in the order of the Compose reference. It asks
// nothing; the caller says each gap once.
func Unsupported(spec engine.ContainerSpec, api string) []engine.Gap {
	gaps := gapList{service: spec.Service.Name, api: api}
	service := spec.Service
	gaps.need("1.43", len(service.Annotations) > 0, "annotations", false)
	for _, device := range newResources(service).DeviceRequests {
		gaps.need("1.44", device.Driver == "cdi", "devices", true)
	}
	check := service.HealthCheck
	gaps.need("1.44", check != nil && check.StartInterval != nil && !check.Disable, "healthcheck.start_interval", false)
	for index, endpoint := range spec.Networks {
		gaps.endpoint(networkKey(service, endpoint), endpoint, index == 0)
	}
	for _, volume := range spec.Mounts {
		gaps.mount(volumeKey(service, volume), volume)
	}
	gaps.never(service)
	return gaps.found
}

// Gaps lists what a specification asks for and this engine does not have. It
// asks the engine nothing but, once, its API version.
func (e *Engine) Gaps(ctx context.Context, spec engine.ContainerSpec) ([]engine.Gap, error) {
	api, err := e.APIVersion(ctx)
	if err != nil {
		return nil, err
	}
	return Unsupported(spec, api), nil
}

// refuse is the error of the first fatal gap.
func refuse(spec engine.ContainerSpec, api string) error {
	for _, gap := range Unsupported(spec, api) {
		if gap.Fatal {
			return &engine.Error{Op: "create container", Name: spec.Name, Kind: engine.ErrUnsupported, Text: gap.String()}
		}
	}
	return nil
}

// gapList collects gaps.
type gapList struct {
	service, api string
	found        []engine.Gap
}

// need records a used key if the engine is older than the version.
func (l *gapList) need(version string, used bool, key string, fatal bool) {
	if used && olderThan(l.api, version) {
		l.found = append(l.found, engine.Gap{Service: l.service, Key: key, NeedsAPI: version, HasAPI: l.api, Fatal: fatal})
	}
}

// networkKey is where the file configures an endpoint: under its own name for
// the network, which is not the engine's.
func networkKey(service types.ServiceConfig, endpoint engine.Endpoint) string {
	for key, config := range service.Networks {
		if config != nil && config == endpoint.Config {
			return "networks." + key
		}
	}
	return "networks." + endpoint.Network
}

// volumeKey is where the file has a mount: in a list, unless another key made it.
func volumeKey(service types.ServiceConfig, mount types.ServiceVolumeConfig) string {
	index := slices.IndexFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == mount.Target })
	if index < 0 {
		return "volumes"
	}
	return "volumes." + strconv.Itoa(index)
}

// endpoint records what an engine cannot do on a network. Before API 1.44 the
// container as a whole has one hardware address, that of its first network.
func (l *gapList) endpoint(key string, endpoint engine.Endpoint, first bool) {
	config := endpoint.Config
	if config == nil {
		return
	}
	l.need("1.44", config.MacAddress != "" && !first, key+".mac_address", true)
	l.need("1.48", config.GatewayPriority != 0, key+".gw_priority", false)
	l.need("1.49", config.InterfaceName != "", key+".interface_name", true)
}

// mount records what an engine cannot mount.
func (l *gapList) mount(key string, volume types.ServiceVolumeConfig) {
	l.need("1.48", volume.Type == types.VolumeTypeImage, key+".type", true)
	l.need("1.45", volume.Volume != nil && volume.Volume.Subpath != "", key+".volume.subpath", true)
	l.need("1.44", volume.Bind != nil && volume.Bind.Recursive == "readonly", key+".bind.recursive", true)
}

// never records keys for which no engine has anything.
func (l *gapList) never(service types.ServiceConfig) {
	add := func(used bool, key, why string) {
		if used {
			l.found = append(l.found, engine.Gap{Service: l.service, Key: key, Why: why})
		}
	}
	add(service.CredentialSpec != nil && service.CredentialSpec.Config != "", "credential_spec.config", "the engine reads a credential spec from a file or the registry")
	add(service.Umask != nil, "umask", "the engine sets the umask of its runtime")
	deploy := service.Deploy
	if deploy == nil {
		return
	}
	if policy := deploy.RestartPolicy; policy != nil {
		add(policy.Delay != nil, "deploy.restart_policy.delay", "the engine doubles the pause after each try")
		add(policy.Window != nil, "deploy.restart_policy.window", "the engine counts a container that ran for 10 seconds as restarted")
		counts := newRestartPolicy(service).Name == "on-failure"
		add(policy.MaxAttempts != nil && !counts, "deploy.restart_policy.max_attempts", "the engine counts attempts with condition on-failure only")
	}
	if reserved := deploy.Resources.Reservations; reserved != nil {
		add(reserved.NanoCPUs != 0, "deploy.resources.reservations.cpus", "an engine has no scheduler to reserve for")
		add(len(reserved.GenericResources) > 0, "deploy.resources.reservations.generic_resources", "an engine has no scheduler to reserve for")
	}
	placement := deploy.Placement
	add(len(placement.Constraints) > 0 || len(placement.Preferences) > 0 || placement.MaxReplicas > 0, "deploy.placement", "there is one engine")
	add(deploy.EndpointMode != "", "deploy.endpoint_mode", "replicas share a DNS name on the engine's networks")
}
