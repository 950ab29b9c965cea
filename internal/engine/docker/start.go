package docker

import (
	"context"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// StartContainer starts a created or stopped container; one that runs already
// is no error. Docker 20.10 gives up at the first port of a range that a
// process of the host holds, and tries the next one at the next start.
func (e *Engine) StartContainer(ctx context.Context, id string) error {
	tried := map[int]bool{}
	for {
		err := e.act(ctx, "start container", id, func() error {
			return e.cli.ContainerStart(ctx, id, container.StartOptions{})
		})
		port := portOf(TakenPort(err))
		if port == 0 || tried[port] || !e.isOneOfRange(ctx, id, port) {
			return err
		}
		tried[port] = true
	}
}

// portOf is the port of an address such as "0.0.0.0:80"; 0 for none.
func portOf(address string) int {
	port, err := strconv.Atoi(address[strings.LastIndex(address, ":")+1:])
	if err != nil {
		return 0
	}
	return port
}

// isOneOfRange tells whether a host port is one of a range of which a container
// has asked for one.
func (e *Engine) isOneOfRange(ctx context.Context, id string, port int) bool {
	got, err := e.cli.ContainerInspect(ctx, id)
	if err != nil || got.ContainerJSONBase == nil || got.HostConfig == nil {
		return false
	}
	for _, bindings := range got.HostConfig.PortBindings {
		for _, binding := range bindings {
			low, high, _ := strings.Cut(binding.HostPort, "-")
			first, _ := strconv.Atoi(low) // 0 for any port
			last, _ := strconv.Atoi(high) // 0 for a single one
			if first <= port && port <= last && first < last {
				return true
			}
		}
	}
	return false
}
