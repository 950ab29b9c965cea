package docker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/berth-dev/berth/internal/engine"
)

// shortID is the length of an ID as the engine shows it, and as engines before
// 25.0 add it to a container's aliases.
const shortID = 12

// networks compares the network mode, or the endpoints one by one.
func (c *comparison) networks() {
	got := c.got.container
	if len(c.spec.Networks) == 0 {
		c.text("network_mode", networkMode(string(got.HostConfig.NetworkMode)), networkMode(c.byID(string(c.want.host.NetworkMode))))
		if got.NetworkSettings != nil && got.NetworkSettings.Networks[network.NetworkBridge] != nil {
			c.hardwareAddress("mac_address", c.spec.Service.MacAddress, got.NetworkSettings.Networks[network.NetworkBridge])
		}
		return
	}
	remaining := joined(got.NetworkSettings)
	for _, want := range c.spec.Networks {
		name := want.Network
		for known, endpoint := range remaining {
			if endpoint.NetworkID == want.Network {
				name = known
			}
		}
		endpoint, ok := remaining[name]
		if !ok {
			c.differ("networks."+want.Network, "", "joined")
			continue
		}
		delete(remaining, name)
		c.endpoint("networks."+name, want, endpoint)
	}
	configured := got.Config.MacAddress //nolint:staticcheck // where engines before API 1.44 keep it
	if configured != "" && containerMAC(c.spec) == "" {
		c.differ("mac_address", configured, "")
	}
	for _, name := range sortedKeys(remaining) {
		c.differ("networks."+name, "joined", "")
	}
}

// joined are the networks that a container is on, by name.
func joined(settings *container.NetworkSettings) map[string]*network.EndpointSettings {
	out := map[string]*network.EndpointSettings{}
	if settings != nil {
		for name, endpoint := range settings.Networks {
			if endpoint != nil {
				out[name] = endpoint
			}
		}
	}
	return out
}

// networkMode makes the names of the default network comparable.
func networkMode(mode string) string {
	if mode == "" || mode == network.NetworkDefault {
		return network.NetworkBridge
	}
	return mode
}

// endpoint compares one end of a network.
func (c *comparison) endpoint(key string, want engine.Endpoint, got *network.EndpointSettings) {
	asked := newEndpoint(want, c.want.api)
	c.aliases(key+".aliases", want.Aliases, got.Aliases)
	c.set(key+".links", mapStrings(got.Links, linkOfAny), mapStrings(asked.Links, linkOfAny))
	c.mapping(key+".driver_opts", got.DriverOpts, asked.DriverOpts)
	var old, addresses network.EndpointIPAMConfig
	if got.IPAMConfig != nil {
		old = *got.IPAMConfig
	}
	if asked.IPAMConfig != nil {
		addresses = *asked.IPAMConfig
	}
	c.text(key+".ipv4_address", old.IPv4Address, addresses.IPv4Address)
	c.text(key+".ipv6_address", old.IPv6Address, addresses.IPv6Address)
	c.set(key+".link_local_ips", old.LinkLocalIPs, addresses.LinkLocalIPs)
	c.text(key+".gw_priority", got.GwPriority, asked.GwPriority)
	c.hardwareAddress(key+".mac_address", want.HardwareAddress(), got)
}

// linkOfAny is a link without the replica's number in its alias: docker compose
// puts that of the linking container there, so that it says nothing.
func linkOfAny(link string) string {
	if at := strings.LastIndex(link, "-"); at > strings.Index(link, ":") {
		if _, err := strconv.Atoi(link[at+1:]); err == nil {
			return link[:at]
		}
	}
	return link
}

// hardwareAddress compares a configured address; without one, the engine makes
// one up.
func (c *comparison) hardwareAddress(key, mac string, got *network.EndpointSettings) {
	if mac != "" {
		configured := c.got.container.Config.MacAddress //nolint:staticcheck // where engines before API 1.44 keep it
		old := or(got.MacAddress, configured)
		// A stopped container may show no address at all.
		if !strings.EqualFold(old, mac) && (old != "" || c.isRunning()) {
			c.differ(key, old, mac)
		}
	}
}

func (c *comparison) isRunning() bool {
	base := c.got.container.ContainerJSONBase
	return base != nil && base.State != nil && base.State.Running
}

// aliases compares extra names. The engine knows a container by its name, its
// host name and its ID anyway.
func (c *comparison) aliases(key string, want, got []string) {
	own := []string{strings.TrimPrefix(c.got.container.Name, "/"), c.spec.Name, c.got.container.Config.Hostname}
	if id := c.got.container.ID; len(id) >= shortID {
		own = append(own, id[:shortID])
	}
	others := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(own, name) })
	}
	c.set(key, others(got), others(want))
}
