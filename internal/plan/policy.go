package plan

import (
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
)

// defaultMonitor is how long a new replica must stay good where monitor is not
// given: swarm's default.
const defaultMonitor = 5 * time.Second

// startFirst is the order that stops an old container after the new one is good.
const startFirst = "start-first"

// The values of failure_action (Compose Deploy Specification, update_config).
const (
	ActionContinue = "continue"
	ActionPause    = "pause"
	ActionRollback = "rollback"
)

// policy is an update_config or rollback_config with its defaults.
type policy struct {
	size       int // replicas per step
	delay      time.Duration
	monitor    time.Duration
	ratio      float32
	action     string
	startFirst bool
}

// policyOf reads a policy for the given number of replicas.
func policyOf(c *types.UpdateConfig, replicas int) policy {
	if c == nil {
		c = &types.UpdateConfig{}
	}
	p := policy{
		size: 1, delay: time.Duration(c.Delay), monitor: time.Duration(c.Monitor), ratio: c.MaxFailureRatio,
		action: c.FailureAction, startFirst: c.Order == startFirst,
	}
	if c.Parallelism != nil {
		p.size = int(min(*c.Parallelism, uint64(replicas)))
	}
	if p.size == 0 {
		p.size = replicas
	}
	if p.monitor == 0 {
		p.monitor = defaultMonitor
	}
	if p.action == "" {
		p.action = ActionPause
	}
	return p
}

func (p policy) order() string {
	if p.startFirst {
		return startFirst
	}
	return "stop-first"
}

// startFirstObstacle says why an old and a new container of a service cannot run
// at the same time, with as many more containers as a step has; empty if they can.
func startFirstObstacle(svc desired.Service, more int) string {
	config := svc.Config
	switch {
	case config.ContainerName != "":
		return "container_name is " + config.ContainerName
	case config.NetworkMode == "host":
		return "network_mode is host"
	case svc.NetworkParent != "" || strings.HasPrefix(config.NetworkMode, types.ContainerPrefix):
		return "they share the network of another container"
	case config.MacAddress != "":
		return "mac_address is " + config.MacAddress
	}
	for _, p := range config.Ports {
		ports, published := hostPortsOf(p)
		switch {
		case published && ports.first == ports.last:
			return "host port " + p.Published + " is fixed"
		case published && ports.last-ports.first+1 < svc.Scale+more:
			return "host ports " + p.Published + " are too few"
		}
	}
	for _, e := range svc.Replica(1).Networks {
		if c := e.Config; c != nil && c.Ipv4Address+c.Ipv6Address+c.MacAddress != "" {
			return "its address on network " + e.Network + " is fixed"
		}
	}
	return ""
}
