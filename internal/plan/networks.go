package plan

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// networks plans the project's networks: missing ones are created, external
// ones must exist, and those whose definition differs are made anew.
func (u *up) networks() {
	for _, n := range u.d.Networks {
		have, ok := u.a.Networks[n.Spec.Name]
		where := "networks." + n.Key
		switch {
		case n.External && !ok:
			u.p.problem(where, "create it with: docker network create "+n.Spec.Name,
				"network %s declared as external, but could not be found", n.Spec.Name)
		case n.External:
		case !ok:
			u.createNetwork(n, "it is missing", nil)
		case have.Labels[labels.Project] != u.d.Project:
			u.p.problem(where, "set external: true to use it, or give this network another name",
				"a network with name %s exists but was not created for project %q", n.Spec.Name, u.d.Project)
		default:
			if changes := networkChanges(n, have); len(changes) > 0 {
				u.renewNetwork(n, have, changes)
			}
		}
	}
}

func (u *up) createNetwork(n desired.Network, cause string, changes []engine.Change, needs ...string) {
	u.networkNode[n.Spec.Name] = u.p.Add(Node{
		ID: "network/" + n.Spec.Name + "/create", Op: CreateNetwork{Spec: n.Spec}, Cause: cause, Changes: changes,
	}, needs...)
}

// renewNetwork plans to remove a network and to create it again. emptyNetworks
// sees to it that nothing is on it by then, rejoin and create that everything is
// on the new one.
func (u *up) renewNetwork(n desired.Network, have engine.Network, changes []engine.Change) {
	name := n.Spec.Name
	u.renewedNetwork[name] = true
	remove := u.p.Add(Node{
		ID: "network/" + name + "/remove", Op: RemoveNetwork{ID: have.ID, Name: name},
		Cause: "its definition changed", Changes: changes,
	})
	u.createNetwork(n, "its definition changed", changes, remove)
}

// emptyNetworks takes all containers off the networks that are made anew and
// joins those that stay to the new ones, whatever they belong to.
func (u *up) emptyNetworks() {
	for _, n := range u.d.Networks {
		name := n.Spec.Name
		if !u.renewedNetwork[name] {
			continue
		}
		for _, c := range u.a.Containers {
			if _, on := c.Networks[name]; on {
				u.leaveNetwork(n, c)
			}
		}
		u.fixedFirst(name)
	}
}

// fixedFirst lets containers with fixed addresses join a network before those
// that are given any address, which could be one of the fixed ones.
func (u *up) fixedFirst(network string) {
	var fixed, free []string
	for _, id := range u.p.nodes.IDs() {
		op, ok := u.p.nodes.Value(id).Op.(Connect)
		if !ok || op.Endpoint.Network != network {
			continue
		}
		if c := op.Endpoint.Config; c != nil && c.Ipv4Address+c.Ipv6Address != "" {
			fixed = append(fixed, id)
		} else {
			free = append(free, id)
		}
	}
	for _, id := range free {
		for _, first := range fixed {
			u.p.nodes.Need(id, first)
		}
	}
}

// leaveNetwork plans how a container gets off a network that is made anew. One
// that is removed need not be taken off: an engine refuses that while the
// removal is under way. One that is replaced must be, as its replacement is made
// on the new network before.
func (u *up) leaveNetwork(n desired.Network, c engine.Container) {
	name := n.Spec.Name
	removeNetwork := "network/" + name + "/remove"
	if gone := removeID(c); u.p.nodes.Has(gone) {
		u.p.nodes.Need(removeNetwork, gone)
		return
	}
	off := ""
	if c.State != engine.Dead && c.State != engine.Removing {
		off = u.p.Add(Node{
			ID: "container/" + c.Name + "/disconnect-" + name, Service: c.Labels[labels.Service],
			Op:    Disconnect{Container: refOf(c), Network: name, NetworkID: u.a.Networks[name].ID},
			Cause: "the network is made anew",
		})
		u.p.nodes.Need(removeNetwork, off)
	}
	if replaced := u.replacedBy[c.ID]; replaced != "" {
		if !u.p.nodes.Depends(replaced, off) {
			u.p.nodes.Need(replaced, off)
		}
		return
	}
	if off != "" && !u.rejoined[c.ID+"/"+name] {
		u.p.Add(Node{
			ID: "container/" + c.Name + "/connect-" + name, Op: Connect{Container: refOf(c), Endpoint: u.endpointOf(n, c)},
			Cause: "the network is made anew", Service: c.Labels[labels.Service],
		}, u.networkNodesOf(c)...)
	}
}

// networkNodesOf are the nodes that make networks of a container. One that still
// refers to a network that is gone cannot join any other (seen on Docker 28).
func (u *up) networkNodesOf(c engine.Container) []string {
	var out []string
	for _, name := range sortedKeys(c.Networks) {
		if node := u.networkNode[name]; node != "" {
			out = append(out, node)
		}
	}
	return out
}

// endpointOf is how a container that this plan otherwise leaves alone is to be
// joined to a network again: as the files say for its service, as it was made,
// or by the names that every container of a service has.
func (u *up) endpointOf(n desired.Network, c engine.Container) engine.Endpoint {
	name, service := n.Spec.Name, c.Labels[labels.Service]
	bare := engine.Endpoint{Network: name, Aliases: []string{c.Name}}
	if labels.IsOneOff(c.Labels) || labels.IsHook(c.Labels) {
		return bare
	}
	e, ok := u.d.Endpoint(service, name)
	if spec, err := desired.DecodeCanonical(c.Labels[labels.Spec]); !ok && err == nil {
		e, ok = spec.Endpoint(service, n.Key, name)
	}
	if !ok {
		bare.Aliases = append(bare.Aliases, service)
		return bare
	}
	e.Aliases = append([]string{c.Name}, e.Aliases...)
	e.Config = withinPools(e.Config, n.Spec.Config.Ipam.Config)
	return e
}

// withinPools leaves out fixed addresses that a network made from the pools
// could not give.
func withinPools(c *types.ServiceNetworkConfig, pools []*types.IPAMPool) *types.ServiceNetworkConfig {
	if c == nil {
		return nil
	}
	fits := func(address string) string {
		ip, err := netip.ParseAddr(address)
		for _, pool := range pools {
			if subnet, bad := netip.ParsePrefix(pool.Subnet); err == nil && bad == nil && subnet.Contains(ip) {
				return address
			}
		}
		return ""
	}
	out := *c
	out.Ipv4Address, out.Ipv6Address = fits(c.Ipv4Address), fits(c.Ipv6Address)
	return &out
}

// networkChanges are the fields in which a network differs from its definition.
// An equal config hash settles it. berth's own networks bear what they were made
// from; of others only what the file sets is compared.
func networkChanges(n desired.Network, have engine.Network) []engine.Change {
	if have.Labels[labels.ConfigHash] == n.Spec.Labels[labels.ConfigHash] {
		return nil
	}
	if before, err := desired.DecodeCanonical(have.Labels[labels.Spec]); err == nil {
		if changes, err := before.Diff(n.Canonical); err == nil {
			return changes
		}
	}
	c := n.Spec.Config
	var d differ
	if c.Driver != "" {
		d.add("driver", have.Driver, c.Driver)
	}
	d.add("internal", fmt.Sprint(have.Internal), fmt.Sprint(c.Internal))
	d.add("attachable", fmt.Sprint(have.Attachable), fmt.Sprint(c.Attachable))
	if c.EnableIPv6 != nil {
		d.add("enable_ipv6", fmt.Sprint(have.EnableIPv6), fmt.Sprint(*c.EnableIPv6))
	}
	for k, v := range c.DriverOpts {
		d.add("driver_opts."+k, have.Options[k], v)
	}
	for k, v := range have.Options {
		if _, ok := c.DriverOpts[k]; !ok && !strings.HasPrefix(k, "com.docker.network.enable_ipv") {
			d.add("driver_opts."+k, v, "")
		}
	}
	for k, v := range c.Labels {
		d.add("labels."+k, have.Labels[k], v)
	}
	if c.Ipam.Driver != "" {
		d.add("ipam.driver", have.IPAM.Driver, c.Ipam.Driver)
	}
	for i, pool := range c.Ipam.Config {
		key := fmt.Sprintf("ipam.config[%d].", i)
		var got struct{ subnet, gateway, ipRange string }
		if i < len(have.IPAM.Config) {
			h := have.IPAM.Config[i]
			got.subnet, got.gateway, got.ipRange = h.Subnet, h.Gateway, h.IPRange
		}
		d.addSet(key+"subnet", got.subnet, pool.Subnet)
		d.addSet(key+"gateway", got.gateway, pool.Gateway)
		d.addSet(key+"ip_range", got.ipRange, pool.IPRange)
	}
	return d.sorted()
}
