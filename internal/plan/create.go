package plan

import (
	"strings"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
)

// fresh plans a new container.
func (u *up) fresh(pr *progress, n int, conditions []string) {
	svc := pr.svc
	spec := svc.Replica(n)
	create := u.create(svc, spec, spec.Name, nil, "it is missing", nil)
	ref := Ref{From: create, Name: spec.Name, Service: svc.Name}
	pr.refs = append(pr.refs, ref)
	needs := []string{create}
	if len(spec.Files) > 0 {
		needs = append(needs, u.copyFiles(ref, spec.Files, needs))
	}
	if u.opt.NoStart {
		pr.started = append(pr.started, needs...)
		return
	}
	u.start(pr, ref, "it is new", "", append(needs, conditions...))
}

// create adds the node that creates a container.
func (u *up) create(svc desired.Service, spec engine.ContainerSpec, final string, replaces *Ref, cause string, changes []engine.Change) string {
	u.revise(svc, spec.Labels, replaces)
	op := CreateContainer{Spec: spec, Final: final, Replaces: replaces}
	needs := u.leftoverNodes(spec.Name)
	for _, e := range spec.Networks {
		needs = append(needs, u.networkNode[e.Network])
	}
	for _, m := range spec.Mounts {
		needs = append(needs, u.volumeNode[m.Source])
	}
	needs = append(needs, u.parents(svc, &op)...)
	for _, dep := range svc.DependsOn {
		if pr := u.services[dep.Service]; pr != nil && pr.svc.Config.Provider != nil {
			op.EnvFrom = append(op.EnvFrom, dep.Service)
			needs = append(needs, pr.started...)
		}
	}
	n := Node{
		ID: "container/" + final + "/create", Op: op, Cause: cause, Changes: changes, Service: svc.Name,
	}
	if replaces != nil {
		n.Unit = final
	}
	return u.p.Add(n, needs...)
}

// leftoverNodes are the removals that free a container name.
func (u *up) leftoverNodes(name string) []string {
	var out []string
	for _, c := range u.a.Containers {
		if id := removeID(c); c.Name == name && u.p.nodes.Has(id) {
			out = append(out, id)
		}
	}
	return out
}

// parents resolves "service:x" references to the containers of x.
func (u *up) parents(svc desired.Service, op *CreateContainer) []string {
	var needs []string
	resolved := map[string]bool{}
	first := func(service string) *Ref {
		resolved[service] = true
		pr := u.services[service]
		if pr == nil { // it was not asked for, and stays as it is
			pr = &progress{}
			for _, c := range u.a.Replicas(service) {
				pr.refs = append(pr.refs, refOf(c))
			}
		}
		if len(pr.refs) == 0 {
			u.p.problem("services."+svc.Name, "", "service %q shares its namespace or volumes but has no container", service)
			return nil
		}
		needs = append(needs, pr.refs[0].From)
		return &pr.refs[0]
	}
	spec := &op.Spec
	for _, mode := range []struct {
		value string
		ref   **Ref
	}{{spec.NetworkMode, &op.Network}, {spec.IPCMode, &op.IPC}, {spec.PIDMode, &op.PID}} {
		if service, ok := strings.CutPrefix(mode.value, "service:"); ok {
			*mode.ref = first(service)
		}
	}
	var direct []string
	for _, from := range spec.VolumesFrom {
		if rest, ok := strings.CutPrefix(from, "container:"); ok {
			direct = append(direct, rest)
			continue
		}
		service, mode, _ := strings.Cut(from, ":")
		if ref := first(service); ref != nil {
			op.VolumesFrom = append(op.VolumesFrom, VolumesFrom{Container: *ref, Mode: mode})
		}
	}
	spec.VolumesFrom = direct
	for _, parent := range svc.Parents {
		if pr := u.services[parent]; !resolved[parent] && pr != nil && len(pr.refs) > 0 {
			op.Named = append(op.Named, pr.refs[0])
		}
	}
	return needs
}

func (u *up) copyFiles(ref Ref, files []engine.File, needs []string) string {
	return u.p.Add(Node{
		ID: "container/" + ref.Name + "/files", Op: CopyFiles{Container: ref, Files: files}, Service: ref.Service,
	}, needs...)
}
