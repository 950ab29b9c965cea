package docker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-connections/nat"
)

// newPorts gives the exposed ports (expose and ports) and the bindings (ports).
// An empty published port asks the engine for a free one, a range for a free
// one of it.
func newPorts(service types.ServiceConfig) (nat.PortSet, nat.PortMap, error) {
	exposed, bindings := nat.PortSet{}, nat.PortMap{}
	for _, entry := range service.Expose {
		ports, err := expandPorts(entry)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", field(service.Name, "expose"), err)
		}
		for _, port := range ports {
			exposed[port] = struct{}{}
		}
	}
	for _, config := range service.Ports {
		port := nat.Port(strconv.Itoa(int(config.Target)) + "/" + protocol(config.Protocol))
		exposed[port] = struct{}{}
		bindings[port] = append(bindings[port], nat.PortBinding{HostIP: config.HostIP, HostPort: config.Published})
	}
	return exposed, bindings, nil
}

// expandPorts gives each port of "3000-3005/udp".
func expandPorts(entry string) ([]nat.Port, error) {
	numbers, proto, _ := strings.Cut(entry, "/")
	first, last, err := nat.ParsePortRangeToInt(numbers)
	if err != nil {
		return nil, fmt.Errorf("%q is no port or range of ports", entry)
	}
	var ports []nat.Port
	for number := first; number <= last; number++ {
		ports = append(ports, nat.Port(strconv.Itoa(number)+"/"+protocol(proto)))
	}
	return ports, nil
}

// protocol is lower case, tcp by default.
func protocol(name string) string {
	if name == "" {
		return "tcp"
	}
	return strings.ToLower(name)
}
