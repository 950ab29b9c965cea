package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// network is a network and the addresses it gave out.
type network struct {
	engine.Network
	subnet int // second byte of 172.x.0.0/16
	last   int // last host part given out
}

// endpoint is a container's end of a network. It names its network as the
// container was told to join it; the network's ID is looked up at each start.
type endpoint struct {
	engine.Endpoint
	network string // the network's name
	id      string // the network's ID at the last start; empty before
	address string // while running
}

// Networks lists the networks that have the project's label or one of the
// names.
func (e *Engine) Networks(ctx context.Context, project string, names ...string) ([]engine.Network, error) {
	var list []engine.Network
	err := e.call(ctx, request{method: "Networks", args: named(append([]string{project}, names...)...)}, func() error {
		for _, n := range e.networks {
			if selected(n.Labels, n.Name, project, names) {
				row := n.Network
				row.Labels, row.Options = maps.Clone(row.Labels), maps.Clone(row.Options)
				list = append(list, row)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b engine.Network) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// CreateNetwork makes a network. A name can be had once.
func (e *Engine) CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (string, error) {
	var id string
	err := e.call(ctx, request{method: "CreateNetwork", args: []string{spec.Name}, mutates: true}, func() error {
		if e.networkNamed(spec.Name) != nil {
			text := fmt.Sprintf("network with name %s already exists", spec.Name)
			return &engine.Error{Op: "create network", Name: spec.Name, Kind: engine.ErrConflict, Text: text}
		}
		c := spec.Config
		n := engine.Network{
			Name: spec.Name, Driver: c.Driver, Internal: c.Internal, Attachable: c.Attachable,
			EnableIPv6: c.EnableIPv6 != nil && *c.EnableIPv6,
			// Older engines do not know the field.
			EnableIPv4: !e.apiBelow(47) && (c.EnableIPv4 == nil || *c.EnableIPv4),
			Options:    maps.Clone(map[string]string(c.DriverOpts)), IPAM: c.Ipam, Labels: maps.Clone(spec.Labels), Scope: "local",
		}
		if n.Driver == "" {
			n.Driver = "bridge"
		}
		added := e.addNetwork(n)
		id = added.ID
		e.emitNetwork("create", added, nil)
		return nil
	})
	return id, err
}

// addNetwork adds a network under a new ID, with a subnet if it brings none.
// The caller holds the mutex.
func (e *Engine) addNetwork(n engine.Network) *network {
	n.ID, n.Created = e.newID("network"), e.now()
	const firstSubnet, subnets, gateway = 17, 200, 1 // as Docker numbers its bridges
	added := &network{Network: n, subnet: firstSubnet + len(e.networks)%subnets, last: gateway}
	if n.IPAM.Driver == "" {
		added.IPAM.Driver = "default"
	}
	if len(n.IPAM.Config) == 0 && n.Driver != "host" && n.Driver != "null" {
		prefix := fmt.Sprintf("172.%d.0.", added.subnet)
		added.IPAM.Config = []*types.IPAMPool{{Subnet: prefix + "0/16", Gateway: prefix + "1"}}
	}
	e.networks[n.ID] = added
	return added
}

// networkNamed finds a network by its exact name.
func (e *Engine) networkNamed(name string) *network {
	for _, n := range e.networks {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// findNetwork finds a network by ID, name or ID prefix, in this order.
func (e *Engine) findNetwork(op, ref string) (*network, error) {
	if n, ok := e.networks[ref]; ok {
		return n, nil
	}
	if n := e.networkNamed(ref); n != nil {
		return n, nil
	}
	id, ok := onlyPrefix(e.networks, ref)
	if !ok {
		text := fmt.Sprintf("network %s not found", ref)
		return nil, &engine.Error{Op: op, Name: ref, Kind: engine.ErrNotFound, Text: text}
	}
	return e.networks[id], nil
}

// onlyPrefix finds the one key that starts with the prefix.
func onlyPrefix[T any](m map[string]T, prefix string) (string, bool) {
	found := ""
	for key := range m {
		if prefix != "" && strings.HasPrefix(key, prefix) {
			if found != "" {
				return "", false
			}
			found = key
		}
	}
	return found, found != ""
}

// RemoveNetwork removes a network that no running container is on.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	return e.call(ctx, request{method: "RemoveNetwork", args: []string{id}, mutates: true}, func() error {
		const op = "remove network"
		n, err := e.findNetwork(op, id)
		if err != nil {
			return err
		}
		if slices.Contains([]string{"bridge", "host", "none"}, n.Name) {
			text := fmt.Sprintf("%s is a pre-defined network and cannot be removed", n.Name)
			return &engine.Error{Op: op, Name: id, Text: text}
		}
		for _, c := range e.containers {
			for _, ep := range c.endpoints {
				if ep.address != "" && ep.id == n.ID {
					text := fmt.Sprintf("error while removing network: network %s id %s has active endpoints", n.Name, n.ID)
					return &engine.Error{Op: op, Name: id, Kind: engine.ErrInUse, Text: text}
				}
			}
		}
		delete(e.networks, n.ID)
		e.emitNetwork("destroy", n, nil)
		return nil
	})
}

// ConnectNetwork joins a container to a network. As with Docker 25 to 29.2, and
// with newer ones at an API before 1.54, the hardware address that is asked for
// is not given: only the creation of a container does that.
func (e *Engine) ConnectNetwork(ctx context.Context, networkID, containerID string, ep engine.Endpoint) error {
	r := request{method: "ConnectNetwork", args: []string{networkID, containerID}, mutates: true}
	return e.call(ctx, r, func() error {
		const op = "connect network"
		n, err := e.findNetwork(op, networkID)
		if err != nil {
			return err
		}
		c, err := e.find(op, containerID)
		if err != nil {
			return err
		}
		if c.networkMode() == "none" {
			text := "container cannot be connected to multiple networks with one of the networks in private (none) mode"
			return &engine.Error{Op: op, Name: networkID, Text: text}
		}
		if c.endpoint(n.Name) != nil {
			text := fmt.Sprintf("endpoint with name %s already exists in network %s", c.name, n.Name)
			return &engine.Error{Op: op, Name: networkID, Text: text}
		}
		if !e.apiBelow(44) {
			ep.MacAddress = ""
		}
		added := &endpoint{Endpoint: ep, network: n.Name}
		c.endpoints = append(c.endpoints, added)
		if c.process != nil {
			e.join(c, added, n)
		}
		return nil
	})
}

// DisconnectNetwork takes a container off a network.
func (e *Engine) DisconnectNetwork(ctx context.Context, networkID, containerID string, force bool) error {
	r := request{method: "DisconnectNetwork", args: []string{networkID, containerID}, mutates: true}
	return e.call(ctx, r, func() error {
		const op = "disconnect network"
		n, err := e.findNetwork(op, networkID)
		if err != nil {
			return err
		}
		c, err := e.find(op, containerID)
		if err != nil && force {
			return nil
		}
		if err != nil {
			return err
		}
		ep := c.endpoint(n.Name)
		if ep == nil {
			text := fmt.Sprintf("container %s is not connected to network %s", c.id, n.Name)
			return &engine.Error{Op: op, Name: networkID, Kind: engine.ErrNotFound, Text: text}
		}
		e.leave(c, ep)
		c.endpoints = slices.DeleteFunc(c.endpoints, func(x *endpoint) bool { return x == ep })
		return nil
	})
}

// join gives a started container its address on the network.
func (e *Engine) join(c *container, ep *endpoint, n *network) {
	ep.id = n.ID
	if n.Name == "host" || n.Name == "none" {
		return // no address; nor can these networks be removed
	}
	n.last++
	ep.address = fmt.Sprintf("172.%d.%d.%d", n.subnet, n.last/256, n.last%256)
	if ep.Config != nil && ep.Config.Ipv4Address != "" {
		ep.address = ep.Config.Ipv4Address
	}
	e.emitNetwork("connect", n, c)
}

// leave takes a container's address on the network back.
func (e *Engine) leave(c *container, ep *endpoint) {
	if ep.address == "" {
		return
	}
	ep.address = ""
	if n, ok := e.networks[ep.id]; ok {
		e.emitNetwork("disconnect", n, c)
	}
}

// emitNetwork emits a network event. It carries no labels, as the real one.
func (e *Engine) emitNetwork(action string, n *network, c *container) {
	attributes := map[string]string{"name": n.Name, "type": n.Driver}
	if c != nil {
		attributes["container"] = c.id
	}
	e.emit(engine.Event{Kind: "network", Action: action, ID: n.ID, Name: n.Name, Attributes: attributes})
}
