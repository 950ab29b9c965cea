package plan_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// see makes the snapshot.
func (c *testCase) see(t *testing.T, w world, before *desired.State) *actual.State {
	t.Helper()
	a := &actual.State{Project: "app", Networks: map[string]engine.Network{}, Volumes: map[string]engine.Volume{}}
	if w.Containers != nil {
		w.Also = append(*w.Containers, w.Also...)
	} else {
		for _, svc := range before.Services {
			for n := 1; n <= svc.Scale && svc.Config.Provider == nil; n++ {
				a.Containers = append(a.Containers, c.running(before, svc, n))
			}
		}
	}
	for _, also := range w.Also {
		a.Containers = append(a.Containers, c.also(t, before, also))
	}
	for i, k := range a.Containers {
		if change, ok := w.Change[k.Name]; ok {
			c.change(t, &a.Containers[i], change)
			delete(w.Change, k.Name)
		}
	}
	for name := range w.Change {
		t.Errorf("actual.json changes %s, which is not there", name)
	}
	a.Containers = slices.DeleteFunc(a.Containers, func(k engine.Container) bool { return k.State == "gone" })
	c.seeNetworks(w, before, a)
	c.seeVolumes(w, before, a)
	sort.SliceStable(a.Containers, func(i, j int) bool {
		x, y := a.Containers[i], a.Containers[j]
		if x.Labels[labels.Service] != y.Labels[labels.Service] {
			return x.Labels[labels.Service] < y.Labels[labels.Service]
		}
		return labels.ReplicaNumber(x.Labels) < labels.ReplicaNumber(y.Labels)
	})
	return a
}

// running is the n-th container of a service as up leaves it.
func (c *testCase) running(d *desired.State, svc desired.Service, n int) engine.Container {
	spec := svc.Replica(n)
	k := engine.Container{
		ID: fullID(spec.Name), Name: spec.Name, Image: spec.Image, ImageID: svc.ImageID, State: engine.Running,
		Labels: spec.Labels, Networks: map[string]engine.Attachment{}, NetworkMode: spec.NetworkMode,
	}
	if h := svc.Config.HealthCheck; h != nil && !h.Disable {
		k.Health = engine.Healthy
	}
	for _, p := range svc.Config.Ports {
		first, _, isRange := strings.Cut(p.Published, "-")
		if host, err := strconv.Atoi(first); err == nil {
			if isRange {
				host += n - 1
			}
			k.Ports = append(k.Ports, engine.Port{HostIP: p.HostIP, Published: host, Target: int(p.Target), Protocol: p.Protocol})
		}
	}
	if parent, ok := strings.CutPrefix(spec.NetworkMode, "service:"); ok {
		if on, ok := d.Service(parent); ok {
			k.NetworkMode = "container:" + fullID(on.ContainerName("app", 1))
		}
	}
	if len(svc.Parents) > 0 {
		var list []string
		for _, parent := range svc.Parents {
			if on, ok := d.Service(parent); ok {
				list = append(list, parent+"="+fullID(on.ContainerName("app", 1)))
			}
		}
		k.Labels[labels.Parents] = strings.Join(list, ",")
	}
	for _, e := range spec.Networks {
		k.Networks[e.Network] = engine.Attachment{NetworkID: fullID("network " + e.Network)}
	}
	for _, m := range spec.Mounts {
		mount := engine.Mount{Type: m.Type, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly}
		if m.Type == "volume" {
			mount.Name = m.Source
			if m.Source == "" {
				mount.Name = fullID("anonymous " + spec.Name + m.Target)
			}
		}
		k.Mounts = append(k.Mounts, mount)
	}
	return k
}

// fullID makes an ID of 64 hex digits up from a name.
func fullID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func (c *testCase) also(t *testing.T, before *desired.State, also container) engine.Container {
	t.Helper()
	from := before
	if also.Of == "compose" {
		from = c.desired
	}
	svc, ok := from.Service(also.Service)
	var k engine.Container
	if ok {
		k = c.running(from, svc, also.Number)
	} else {
		k = engine.Container{
			Name: fmt.Sprintf("app-%s-%d", also.Service, also.Number), State: engine.Running,
			Labels: map[string]string{
				labels.Project: "app", labels.Service: also.Service, labels.Number: fmt.Sprint(also.Number), labels.OneOff: labels.False,
			},
		}
	}
	k.ID = fullID(k.Name)
	if also.ID != "" {
		k.ID = also.ID + strings.Repeat("0", 64-len(also.ID))
	}
	k.Created = time.Unix(also.Created, 0)
	c.change(t, &k, also.partial)
	return k
}

func (c *testCase) change(t *testing.T, k *engine.Container, p partial) {
	t.Helper()
	k.Labels = maps.Clone(k.Labels)
	if p.State != "" {
		k.State, k.Health = p.State, ""
	}
	if p.State == engine.Created { // it has not joined its networks yet
		for name := range k.Networks {
			k.Networks[name] = engine.Attachment{}
		}
	}
	if p.Health != "" {
		k.Health = p.Health
	}
	if p.Gone {
		k.State = "gone"
	}
	if p.Joined != "" {
		k.NetworkMode = p.Joined
	}
	if p.ImageID != "" {
		k.ImageID = p.ImageID
		k.Labels[labels.Image] = p.ImageID
	}
	k.ExitCode = p.Exit
	k.Mounts = append(k.Mounts, p.Mounts...)
	for _, name := range p.On {
		k.Networks[name] = engine.Attachment{NetworkID: fullID("network " + name)}
	}
	for _, name := range p.Off {
		delete(k.Networks, name)
	}
	switch p.By {
	case "", "berth":
	case "compose", "compose-other":
		delete(k.Labels, labels.Spec)
		if p.By == "compose-other" {
			k.Labels[labels.ConfigHash] = "another"
			c.adopted[k.ID] = p.Differs
		}
	default:
		t.Fatalf("made by %q", p.By)
	}
	maps.Copy(k.Labels, p.Labels)
	if p.Name != "" {
		k.Name = p.Name
	}
}

func (c *testCase) seeNetworks(w world, before *desired.State, a *actual.State) {
	var list []network
	if w.Networks != nil {
		list = *w.Networks
	} else {
		for _, n := range before.Networks {
			list = append(list, network{Name: n.Spec.Name})
		}
	}
	for _, n := range list {
		have := engine.Network{ID: fullID("network " + n.Name), Name: n.Name, Driver: "bridge", Labels: map[string]string{}}
		for _, d := range before.Networks {
			if d.Spec.Name == n.Name && !d.External {
				have.Labels = maps.Clone(d.Spec.Labels)
				have.Internal, have.Attachable = d.Spec.Config.Internal, d.Spec.Config.Attachable
				have.Options = d.Spec.Config.DriverOpts
				have.IPAM = d.Spec.Config.Ipam
			}
		}
		if n.Labels != nil {
			have.Labels = n.Labels
		}
		if n.Driver != "" {
			have.Driver = n.Driver
		}
		if n.ID != "" {
			have.ID = n.ID
		}
		a.Networks[n.Name] = have
	}
}

func (c *testCase) seeVolumes(w world, before *desired.State, a *actual.State) {
	var list []volume
	if w.Volumes != nil {
		list = *w.Volumes
	} else {
		for _, v := range before.Volumes {
			list = append(list, volume{Name: v.Spec.Name})
		}
	}
	for _, v := range list {
		have := engine.Volume{Name: v.Name, Driver: "local", Labels: map[string]string{}, Options: v.Options}
		for _, d := range before.Volumes {
			if d.Spec.Name == v.Name && !d.External {
				have.Labels = maps.Clone(d.Spec.Labels)
				if v.Options == nil {
					have.Options = d.Spec.Config.DriverOpts
				}
			}
		}
		if v.Labels != nil {
			have.Labels = v.Labels
		}
		a.Volumes[v.Name] = have
	}
}
