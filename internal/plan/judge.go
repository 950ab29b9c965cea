package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// verdict says whether a container must be replaced, and why.
type verdict struct {
	recreate bool
	// cold: the old container must be gone before the new one can be made.
	cold    bool
	cause   string
	changes []engine.Change
}

// judge compares a container with what its service asks for. Nothing but what
// one list request tells is needed, except for containers another tool made.
func (u *up) judge(svc desired.Service, n int, c engine.Container) verdict {
	mode := u.opt.RecreateDeps
	if wanted(u.opt.Targets, svc.Name) {
		mode = u.opt.Recreate
	}
	if v := u.judgeVolumes(svc, n, c); v.cold {
		return v
	}
	switch {
	case c.State == engine.Dead:
		return verdict{recreate: true, cause: "it is dead"}
	case c.State == engine.Removing:
		return verdict{recreate: true, cause: "its removal has not ended"}
	case mode == RecreateNever:
		return u.judgeUse(svc, n, c)
	case mode == RecreateForce:
		return verdict{recreate: true, cause: "recreation was asked for"}
	case u.opt.RenewVolumes && wanted(u.opt.Targets, svc.Name):
		return verdict{recreate: true, cause: "-V asks for new anonymous volumes"}
	}
	if v := u.judgeSpec(svc, c); v.recreate {
		return v
	}
	if v := judgeImage(svc, c); v.recreate {
		return v
	}
	if v := u.judgeParents(svc, svc.Parents, c); v.recreate {
		return v
	}
	if v := u.judgeNetworks(svc, n, c); v.recreate {
		return v
	}
	return u.judgeVolumes(svc, n, c)
}

// judgeSpec looks for differing fields. An equal config hash settles it except
// for the content of configs and secrets, which only berth's own label knows.
func (u *up) judgeSpec(svc desired.Service, c engine.Container) verdict {
	if label := c.Labels[labels.Spec]; label != "" {
		before, err := desired.DecodeCanonical(label)
		if err == nil {
			changes, err := before.Diff(svc.Canonical)
			if err == nil {
				return configVerdict(changes)
			}
		}
		return verdict{recreate: true, cause: "its " + labels.Spec + " label cannot be read"}
	}
	if c.Labels[labels.ConfigHash] == svc.Hash {
		return verdict{}
	}
	if changes, ok := u.opt.Adopted[c.ID]; ok {
		return configVerdict(changes)
	}
	return verdict{recreate: true, cause: "its configuration differs", changes: []engine.Change{{
		Path: labels.ConfigHash, Old: c.Labels[labels.ConfigHash], New: svc.Hash,
	}}}
}

func configVerdict(changes []engine.Change) verdict {
	if len(changes) == 0 {
		return verdict{}
	}
	paths := make([]string, len(changes))
	for i, ch := range changes {
		paths[i] = ch.Path
	}
	if len(paths) > 3 {
		paths = append(paths[:3], fmt.Sprintf("%d more", len(changes)-3))
	}
	return verdict{recreate: true, cause: strings.Join(paths, ", ") + " changed", changes: changes}
}

// NeedsInspection tells whether only a field-by-field comparison can say if a
// container that another tool made is up to date.
func NeedsInspection(svc desired.Service, c engine.Container) bool {
	return c.Labels[labels.Spec] == "" && c.Labels[labels.ConfigHash] != svc.Hash
}

func judgeImage(svc desired.Service, c engine.Container) verdict {
	if svc.ImageID == "" {
		return verdict{}
	}
	have := c.Labels[labels.Image]
	if have == "" {
		have = c.ImageID
	}
	if have == svc.ImageID || c.ImageID == svc.ImageID {
		return judgeMountedImages(svc, c)
	}
	return verdict{
		recreate: true, cause: "its image " + svc.Image + " has changed",
		changes: []engine.Change{{Path: "image", Old: have, New: svc.ImageID}},
	}
}

// judgeMountedImages sees whether an image that the container has mounted has
// got another identity. Only berth's own containers tell.
func judgeMountedImages(svc desired.Service, c engine.Container) verdict {
	have := c.Labels[labels.MountedImages]
	if have == "" || svc.MountedImages == "" || have == svc.MountedImages {
		return verdict{}
	}
	return verdict{
		recreate: true, cause: "an image that it mounts has changed",
		changes: []engine.Change{{Path: "volumes", Old: have, New: svc.MountedImages}},
	}
}

// judgeUse sees whether a container that is not to be replaced could not run as
// it is: in a namespace that is gone, or started on a network that is.
func (u *up) judgeUse(svc desired.Service, n int, c engine.Container) verdict {
	if v := u.judgeParents(svc, svc.NamespaceParents, c); v.recreate || c.IsRunning() {
		return v
	}
	return u.judgeNetworkIDs(svc, n, c)
}

// judgeParents sees whether a container of parents, whose namespaces or volumes
// this one uses, is replaced or already is another one.
func (u *up) judgeParents(svc desired.Service, parents []string, c engine.Container) verdict {
	for _, parent := range parents {
		pr := u.services[parent]
		if pr == nil {
			continue
		}
		if pr.renewed {
			return verdict{recreate: true, cause: "it shares a namespace or volumes with " + parent + ", which is replaced"}
		}
		if svc.NetworkParent != parent || len(pr.refs) == 0 {
			continue
		}
		joined, ok := strings.CutPrefix(c.NetworkMode, "container:")
		if ok && joined != pr.refs[0].ID && joined != pr.refs[0].Name {
			return verdict{recreate: true, cause: "it shares the network of a container of " + parent + " that is gone"}
		}
	}
	for _, entry := range strings.Split(c.Labels[labels.Parents], ",") {
		parent, id, ok := strings.Cut(entry, "=")
		pr := u.services[parent]
		if ok && slices.Contains(parents, parent) && pr != nil && len(pr.refs) > 0 && pr.refs[0].ID != id {
			return verdict{recreate: true, cause: "it was made for a container of " + parent + " that is gone"}
		}
	}
	return verdict{}
}

// judgeNetworks sees whether the container is on a network of the project that
// its service has left, or holds on to one that has been made anew since.
func (u *up) judgeNetworks(svc desired.Service, n int, c engine.Container) verdict {
	if v := u.judgeNetworkIDs(svc, n, c); v.recreate {
		return v
	}
	if v := u.judgeAddresses(svc, n, c); v.recreate {
		return v
	}
	wanted := networksOf(svc, n)
	for _, name := range sortedKeys(c.Networks) {
		if have, exists := u.a.Networks[name]; !wanted[name] && exists && have.Labels[labels.Project] == u.d.Project {
			return verdict{recreate: true, cause: "its service is no longer on network " + name}
		}
	}
	return verdict{}
}

// judgeAddresses sees whether the container would have to join a network on which
// it can have its hardware address only from its creation on.
func (u *up) judgeAddresses(svc desired.Service, n int, c engine.Container) verdict {
	for _, e := range svc.Replica(n).Networks {
		_, on := c.Networks[e.Network]
		if u.opt.JoinsLoseMAC && e.HardwareAddress() != "" && (!on || u.renewedNetwork[e.Network]) {
			return verdict{recreate: true, cause: "it can get its mac_address on network " + e.Network + " only when it is created"}
		}
	}
	return verdict{}
}

// judgeNetworkIDs sees whether the container knows a network by the ID of one
// that is gone: an engine cannot start it then.
func (u *up) judgeNetworkIDs(svc desired.Service, n int, c engine.Container) verdict {
	wanted := networksOf(svc, n)
	for _, name := range sortedKeys(c.Networks) {
		have, exists := u.a.Networks[name]
		if id := c.Networks[name].NetworkID; wanted[name] && id != "" && (!exists || have.ID != id) {
			return verdict{recreate: true, cause: "network " + name + " is another one than it was made for"}
		}
	}
	return verdict{}
}

func networksOf(svc desired.Service, n int) map[string]bool {
	out := map[string]bool{}
	for _, e := range svc.Replica(n).Networks {
		out[e.Network] = true
	}
	return out
}

// judgeVolumes sees whether a volume the container mounts is made anew, or is
// not the one the files name.
func (u *up) judgeVolumes(svc desired.Service, n int, c engine.Container) verdict {
	mounted := map[string]string{}
	for _, m := range c.Mounts {
		if m.Type == "volume" {
			mounted[m.Destination] = m.Name
		}
	}
	for _, m := range svc.Replica(n).Mounts {
		if m.Type != "volume" || m.Source == "" {
			continue
		}
		if u.renewedVolume[m.Source] {
			return verdict{recreate: true, cold: true, cause: "volume " + m.Source + " is made anew"}
		}
		if have, ok := mounted[m.Target]; ok && have != m.Source {
			return verdict{
				recreate: true, cause: "it mounts another volume",
				changes: []engine.Change{{Path: "volumes." + m.Target, Old: have, New: m.Source}},
			}
		}
	}
	return verdict{}
}
