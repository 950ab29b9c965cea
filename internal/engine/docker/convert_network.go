package docker

import (
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/berth-dev/berth/internal/engine"
)

// interfaceOption is the driver option that names an endpoint's interface in
// the container (Docker 28.1, API 1.49).
const interfaceOption = "com.docker.network.endpoint.ifname"

// divideNetworks gives the endpoints of the create request and those to join
// afterwards: an engine before API 1.44 takes one.
func divideNetworks(all []engine.Endpoint, api string) (atOnce, later []engine.Endpoint) {
	if len(all) > 0 && olderThan(api, "1.44") {
		return all[:1], all[1:]
	}
	return all, nil
}

// newNetworking gives the network mode and the endpoints of the create request.
func newNetworking(spec engine.ContainerSpec, atOnce []engine.Endpoint, api string) (container.NetworkMode, *network.NetworkingConfig, error) {
	if len(atOnce) == 0 {
		return newNetworkMode(spec, api)
	}
	config := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
	for _, endpoint := range atOnce {
		config.EndpointsConfig[endpoint.Network] = newEndpoint(endpoint, api)
	}
	return container.NetworkMode(atOnce[0].Network), config, nil
}

// newNetworkMode is network_mode: the engine's own bridge is the only one of
// them in which a container has a hardware address of its own.
func newNetworkMode(spec engine.ContainerSpec, api string) (container.NetworkMode, *network.NetworkingConfig, error) {
	mode := container.NetworkMode(spec.NetworkMode)
	switch mode {
	case "":
		mode = network.NetworkNone
	case "disabled":
		mode = ""
	}
	mac := spec.Service.MacAddress
	if mac == "" {
		return mode, nil, nil
	}
	if !mode.IsBridge() {
		return mode, nil, fmt.Errorf("%s: a container with network_mode %s has no hardware address of its own",
			field(spec.Service.Name, "mac_address"), mode)
	}
	if olderThan(api, "1.44") {
		return mode, nil, nil
	}
	endpoints := map[string]*network.EndpointSettings{network.NetworkBridge: {MacAddress: mac}}
	return mode, &network.NetworkingConfig{EndpointsConfig: endpoints}, nil
}

// containerMAC is the hardware address of the container's primary network.
func containerMAC(spec engine.ContainerSpec) string {
	if len(spec.Networks) == 0 {
		return spec.Service.MacAddress
	}
	return spec.Networks[0].HardwareAddress()
}

// newEndpoint is a container's end of a network.
func newEndpoint(endpoint engine.Endpoint, api string) *network.EndpointSettings {
	result := &network.EndpointSettings{Aliases: endpoint.Aliases, Links: endpoint.Links}
	if !olderThan(api, "1.44") {
		result.MacAddress = endpoint.HardwareAddress()
	}
	config := endpoint.Config
	if config == nil {
		return result
	}
	if config.Ipv4Address != "" || config.Ipv6Address != "" || len(config.LinkLocalIPs) > 0 {
		result.IPAMConfig = &network.EndpointIPAMConfig{
			IPv4Address: config.Ipv4Address, IPv6Address: config.Ipv6Address, LinkLocalIPs: config.LinkLocalIPs,
		}
	}
	if !olderThan(api, "1.48") {
		result.GwPriority = config.GatewayPriority
	}
	if len(config.DriverOpts) > 0 || config.InterfaceName != "" {
		result.DriverOpts = map[string]string{}
		for key, value := range config.DriverOpts {
			result.DriverOpts[key] = value
		}
		if config.InterfaceName != "" {
			result.DriverOpts[interfaceOption] = config.InterfaceName
		}
	}
	return result
}

// newNetworkOptions is the create request of a network. enable_ipv4: false
// needs API 1.48 and is refused before: the network would have IPv4.
func newNetworkOptions(spec engine.NetworkSpec, api string) (network.CreateOptions, error) {
	config := spec.Config
	result := network.CreateOptions{
		Driver: config.Driver, EnableIPv6: config.EnableIPv6, Internal: config.Internal, Attachable: config.Attachable,
		Options: config.DriverOpts, Labels: spec.Labels,
	}
	if !olderThan(api, "1.48") {
		result.EnableIPv4 = config.EnableIPv4
	} else if config.EnableIPv4 != nil && !*config.EnableIPv4 {
		return result, &engine.Error{Op: "create network", Name: spec.Name, Kind: engine.ErrUnsupported, Text: fmt.Sprintf(
			"enable_ipv4: false needs Engine API 1.48 (Docker 28), this engine speaks %s", api)}
	}
	if config.Ipam.Driver == "" && len(config.Ipam.Config) == 0 && len(config.Ipam.Options) == 0 {
		return result, nil
	}
	result.IPAM = &network.IPAM{Driver: config.Ipam.Driver, Options: config.Ipam.Options}
	for _, pool := range config.Ipam.Config {
		if pool != nil {
			result.IPAM.Config = append(result.IPAM.Config, network.IPAMConfig{
				Subnet: pool.Subnet, Gateway: pool.Gateway, IPRange: pool.IPRange, AuxAddress: pool.AuxiliaryAddresses,
			})
		}
	}
	return result, nil
}
