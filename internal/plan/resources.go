package plan

import (
	"fmt"
	"sort"
	"strings"

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

// renewNetwork takes every container of the project off a network, removes it
// and creates it again; replica and create see to joining them again.
func (u *up) renewNetwork(n desired.Network, have engine.Network, changes []engine.Change) {
	name := n.Spec.Name
	u.renewedNetwork[name] = true
	var off []string
	for _, c := range u.a.Containers {
		if _, on := c.Networks[name]; !on {
			continue
		}
		off = append(off, u.p.Add(Node{
			ID: "container/" + c.Name + "/disconnect-" + name, Service: c.Labels[labels.Service],
			Op:    Disconnect{Container: refOf(c), Network: name, NetworkID: have.ID},
			Cause: "the network is made anew",
		}))
	}
	remove := u.p.Add(Node{
		ID: "network/" + name + "/remove", Op: RemoveNetwork{ID: have.ID, Name: name},
		Cause: "its definition changed", Changes: changes,
	}, off...)
	u.createNetwork(n, "its definition changed", changes, remove)
}

// networkChanges are the fields in which a network differs from its definition.
// An equal config hash settles it; otherwise only what the file sets is compared.
func networkChanges(n desired.Network, have engine.Network) []engine.Change {
	if have.Labels[labels.ConfigHash] == n.Spec.Labels[labels.ConfigHash] {
		return nil
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

// volumes plans the project's volumes. One whose definition differs is made anew
// only with consent: its data goes with it.
func (u *up) volumes() {
	for _, v := range u.d.Volumes {
		have, ok := u.a.Volumes[v.Spec.Name]
		where := "volumes." + v.Key
		switch {
		case v.External && !ok:
			u.p.problem(where, "create it with: docker volume create "+v.Spec.Name,
				"volume %s declared as external, but could not be found", v.Spec.Name)
		case v.External:
		case !ok:
			u.volumeNode[v.Spec.Name] = u.p.Add(Node{
				ID: "volume/" + v.Spec.Name + "/create", Op: CreateVolume{Spec: v.Spec}, Cause: "it is missing",
			})
		case have.Labels[labels.Project] == "":
			u.p.warn("volume %q already exists but was not created by berth or docker compose: set external: true to use an existing volume", v.Spec.Name)
		case have.Labels[labels.Project] != u.d.Project:
			u.p.warn("volume %q already exists but was created for project %q (expected %q): set external: true to use an existing volume",
				v.Spec.Name, have.Labels[labels.Project], u.d.Project)
		default:
			if changes := volumeChanges(v, have); len(changes) > 0 {
				u.divergedVolume(v, changes)
			}
		}
	}
}

func (u *up) divergedVolume(v desired.Volume, changes []engine.Change) {
	name := v.Spec.Name
	if !u.opt.Consented[name] {
		paths := make([]string, len(changes))
		for i, c := range changes {
			paths[i] = FormatChange(c)
		}
		u.p.Consents = append(u.p.Consents, Consent{Volume: name, Question: fmt.Sprintf(
			"Volume %q exists but does not match the files (%s). Make it anew? ITS DATA WILL BE LOST", name, strings.Join(paths, "; "))})
		return
	}
	u.renewedVolume[name] = true
	remove := u.p.Add(Node{
		ID: "volume/" + name + "/remove", Op: RemoveVolume{Name: name}, Cause: "its definition changed", Changes: changes,
		Unit: coldUnit, Committing: true,
	})
	u.volumeNode[name] = u.p.Add(Node{
		ID: "volume/" + name + "/create", Op: CreateVolume{Spec: v.Spec}, Cause: "its definition changed", Changes: changes,
		Unit: coldUnit, Committing: true,
	}, remove)
}

func volumeChanges(v desired.Volume, have engine.Volume) []engine.Change {
	if have.Labels[labels.ConfigHash] == v.Spec.Labels[labels.ConfigHash] {
		return nil
	}
	c := v.Spec.Config
	var d differ
	driver := c.Driver
	if driver == "" {
		driver = "local"
	}
	d.add("driver", have.Driver, driver)
	for k, val := range c.DriverOpts {
		d.add("driver_opts."+k, have.Options[k], val)
	}
	for k := range have.Options {
		if _, ok := c.DriverOpts[k]; !ok {
			d.add("driver_opts."+k, have.Options[k], "")
		}
	}
	return d.sorted()
}

// differ collects differing fields.
type differ struct{ changes []engine.Change }

func (d *differ) add(path, old, new string) {
	if old != new {
		d.changes = append(d.changes, engine.Change{Path: path, Old: old, New: new})
	}
}

// addSet compares only when the file sets the field.
func (d *differ) addSet(path, old, new string) {
	if new != "" {
		d.add(path, old, new)
	}
}

func (d *differ) sorted() []engine.Change {
	sort.Slice(d.changes, func(i, j int) bool { return d.changes[i].Path < d.changes[j].Path })
	return d.changes
}
