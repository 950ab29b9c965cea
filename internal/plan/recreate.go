package plan

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// recreate plans the replacement of a container: the new one is made under a
// temporary name while the old one runs on; when its turn has come the old one is
// stopped and removed, and the new one takes its name and starts.
func (u *up) recreate(pr *progress, r replica, conditions []string) {
	svc := pr.svc
	pr.touched, pr.renewed = true, true
	spec, final := u.replacement(svc, r)
	if r.verdict.cold {
		spec.Name = final
		u.coldSwap(pr, r, spec, conditions)
		return
	}
	ref, needs := u.makeReplacement(pr, r, spec, final)
	remove := u.takeAway(svc, r.c, final, final, append(needs, conditions...))
	rename := u.p.Add(Node{
		ID: "container/" + final + "/rename", Op: Rename{Container: ref, Name: final, Replacing: true}, Service: svc.Name,
		Unit: final, Committing: true,
	}, append(u.leftoverNodes(final), remove)...)
	if u.opt.NoStart {
		pr.started = append(pr.started, rename)
		return
	}
	u.start(pr, ref, "", final, []string{rename})
}

// replacement is the spec of the container that takes another one's place, under
// a temporary name, and the name it has in the end.
func (u *up) replacement(svc desired.Service, r replica) (spec engine.ContainerSpec, final string) {
	spec = svc.Replica(r.n)
	final = spec.Name
	spec.Name = tempName(r.c.ID, final)
	spec.Labels[labels.Replace] = replaced(svc, r.n)
	if u.opt.RenewVolumes {
		return spec, final
	}
	var inherited []string
	spec.Mounts, inherited = inherit(spec.Mounts, r.c.Mounts)
	if len(inherited) > 0 {
		spec.Labels[labels.Anonymous] = strings.Join(inherited, ",")
	}
	return spec, final
}

// makeReplacement adds the nodes that make a replacement. It returns the new
// container and what its use comes after.
func (u *up) makeReplacement(pr *progress, r replica, spec engine.ContainerSpec, final string) (Ref, []string) {
	old := refOf(r.c)
	create := u.create(pr.svc, spec, final, &old, r.verdict.cause, r.verdict.changes)
	ref := Ref{From: create, Name: final, Service: pr.svc.Name}
	pr.refs = append(pr.refs, ref)
	needs := []string{create}
	if len(spec.Files) > 0 {
		needs = append(needs, u.copyFiles(ref, spec.Files, needs))
	}
	return ref, needs
}

// coldSwap replaces a container that must be gone before its replacement can be
// made, because both cannot have their volume at the same time.
func (u *up) coldSwap(pr *progress, r replica, spec engine.ContainerSpec, conditions []string) {
	svc, old := pr.svc, refOf(r.c)
	remove := u.takeAway(svc, r.c, spec.Name, coldUnit, nil)
	create := u.create(svc, spec, spec.Name, &old, r.verdict.cause, r.verdict.changes)
	node := u.p.nodes.Value(create)
	node.Unit, node.Committing = coldUnit, true
	u.p.nodes.Need(create, remove)
	ref := Ref{From: create, Name: spec.Name, Service: svc.Name}
	pr.refs = append(pr.refs, ref)
	needs := []string{create}
	if len(spec.Files) > 0 {
		files := u.copyFiles(ref, spec.Files, needs)
		n := u.p.nodes.Value(files)
		n.Unit, n.Committing = coldUnit, true
		needs = append(needs, files)
	}
	if u.opt.NoStart {
		pr.started = append(pr.started, needs...)
		return
	}
	u.start(pr, ref, "", coldUnit, append(needs, conditions...))
}

// takeAway stops and removes the old container of a replacement.
func (u *up) takeAway(svc desired.Service, c engine.Container, final, unit string, needs []string) string {
	old := refOf(c)
	commit := func(step string, op Operation, after ...string) string {
		return u.p.Add(Node{ID: "container/" + final + "/" + step, Op: op, Service: svc.Name, Unit: unit, Committing: true}, after...)
	}
	if c.IsRunning() {
		needs = append(needs, addPreStop(u.p, svc.Config.PreStop, old, needs)...)
		needs = []string{commit("stop-old", Stop{Container: old, Timeout: u.opt.Timeout, Replacing: true}, needs...)}
	}
	u.replacedBy[c.ID] = commit("remove-old", Remove{
		Container: old, Replacing: true, Stops: true, Volumes: u.opt.RenewVolumes, Anonymous: anonymousOf(c, u.opt.RenewVolumes),
	}, needs...)
	return u.replacedBy[c.ID]
}

// tempName is the name of a replacement while the old container still has its
// own: docker compose's form, so that both tools recognise each other's leftovers.
func tempName(oldID, final string) string { return short(oldID) + "_" + final }

func replaced(svc desired.Service, n int) string {
	if svc.Config.ContainerName != "" {
		return svc.Config.ContainerName
	}
	return svc.Name + "-" + strconv.Itoa(n)
}

// inherit hands the anonymous volumes of a container on to its replacement,
// and returns their names.
func inherit(mounts []types.ServiceVolumeConfig, have []engine.Mount) ([]types.ServiceVolumeConfig, []string) {
	out := append([]types.ServiceVolumeConfig(nil), mounts...)
	at := map[string]int{}
	for i, m := range out {
		at[m.Target] = i
	}
	var names []string
	for _, m := range have {
		if m.Type != "volume" || !isAnonymous(m.Name) {
			continue
		}
		i, declared := at[m.Destination]
		switch {
		case !declared:
			out = append(out, types.ServiceVolumeConfig{
				Type: types.VolumeTypeVolume, Source: m.Name, Target: m.Destination, ReadOnly: !m.RW,
			})
		case out[i].Type == types.VolumeTypeVolume && out[i].Source == "":
			out[i].Source = m.Name
		default:
			continue
		}
		names = append(names, m.Name)
	}
	sort.Strings(names)
	return out, names
}

// isAnonymous tells whether a volume's name is one that the engine made up.
func isAnonymous(name string) bool { return len(name) == 64 && isHex(name) }

// anonymousOf are the anonymous volumes a container inherited; the engine
// takes them for named ones and would keep them.
func anonymousOf(c engine.Container, wanted bool) []string {
	if !wanted || c.Labels[labels.Anonymous] == "" {
		return nil
	}
	return strings.Split(c.Labels[labels.Anonymous], ",")
}

// addPreStop adds a container's pre_stop hooks, one after the other, and
// returns what its stop comes after.
func addPreStop(p *Plan, hooks []types.ServiceHook, ref Ref, needs []string) []string {
	for i, hook := range hooks {
		needs = []string{p.Add(Node{
			ID:      fmt.Sprintf("container/%s/pre_stop-%d", ref.Name, i+1),
			Op:      Hook{Container: ref, Phase: "pre_stop", Index: i, Hook: hook},
			Service: ref.Service,
		}, needs...)}
	}
	return needs
}

// reconnect plans to join a container to networks it ought to be on and is not.
func (u *up) reconnect(svc desired.Service, r replica, ref Ref) []string {
	if r.c.NetworkMode == "host" || r.c.NetworkMode == "none" {
		return nil
	}
	var out []string
	for _, e := range svc.Replica(r.n).Networks {
		_, attached := r.c.Networks[e.Network]
		if attached && !u.renewedNetwork[e.Network] {
			if node := u.networkNode[e.Network]; node != "" && !r.c.IsRunning() {
				out = append(out, node) // it joins when it starts
			}
			continue
		}
		u.rejoined[r.c.ID+"/"+e.Network] = true
		cause := "it is not on the network"
		if attached {
			cause = "the network is made anew"
		}
		out = append(out, u.p.Add(Node{
			ID: "container/" + ref.Name + "/connect-" + e.Network, Op: Connect{Container: ref, Endpoint: e},
			Cause: cause, Service: svc.Name,
		}, append(u.networkNodesOf(r.c), u.networkNode[e.Network])...))
	}
	return out
}

// conditions are the nodes a service's start comes after: its dependencies'
// starts and the waits for their conditions.
func (u *up) conditions(svc desired.Service) []string {
	if u.opt.NoStart {
		return nil
	}
	var out []string
	for _, dep := range svc.DependsOn {
		pr := u.services[dep.Service]
		if pr == nil {
			continue
		}
		switch dep.Condition {
		case types.ServiceConditionHealthy:
			if pr.touched || !pr.healthy {
				out = append(out, u.waitFor(pr, Healthy, !dep.Required))
			}
		case types.ServiceConditionCompletedSuccessfully:
			out = append(out, u.waitFor(pr, Completed, !dep.Required))
		default:
			out = append(out, pr.started...)
		}
	}
	return out
}

// waitFor adds the node that waits until a service meets a condition; services
// that wait for the same thing share it.
func (u *up) waitFor(pr *progress, condition Condition, optional bool) string {
	if len(pr.refs) == 0 {
		return ""
	}
	id := "service/" + pr.svc.Name + "/" + string(condition)
	if optional {
		id += "-optional"
	}
	return u.p.Add(Node{
		ID: id, Service: pr.svc.Name,
		Op: Wait{
			Service: pr.svc.Name, Containers: pr.refs, Condition: condition, Optional: optional,
			Checked: map[string]bool{pr.svc.Name: checked(pr.svc)},
		},
	}, pr.started...)
}

// checked tells whether a service configures a health check of its own.
func checked(svc desired.Service) bool {
	h := svc.Config.HealthCheck
	return h != nil && !h.Disable && len(h.Test) > 0 && h.Test[0] != "NONE"
}

// orphans plans the removal of containers of services the files no longer have,
// or warns of them.
func (u *up) orphans() {
	list := u.a.Orphans(u.d.Known)
	if len(list) == 0 || u.opt.IgnoreOrphans && !u.opt.RemoveOrphans {
		return
	}
	if u.opt.RemoveOrphans {
		for _, c := range list {
			u.remove(c, "no service in the files has it", false)
		}
		return
	}
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.Name
	}
	u.p.warn("found orphan containers (%s) for this project: if a service was removed or renamed, --remove-orphans cleans them up", strings.Join(names, ", "))
}

// wait adds the node of --wait: everything asked for must become ready.
func (u *up) wait(order []string) {
	if !u.opt.Wait || u.opt.NoStart {
		return
	}
	w := Wait{Condition: Ready, Timeout: u.opt.WaitTimeout, Checked: map[string]bool{}}
	var needs []string
	for _, name := range order {
		pr := u.services[name]
		w.Containers = append(w.Containers, pr.refs...)
		w.Checked[name] = checked(pr.svc)
		needs = append(needs, pr.started...)
	}
	if len(w.Containers) > 0 {
		u.p.Add(Node{ID: "project/ready", Op: w, Cause: "--wait"}, needs...)
	}
}
