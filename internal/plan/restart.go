package plan

import (
	"slices"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
)

// restartKept restarts the running containers of a service that stay, where a
// dependency declared with restart: true is replaced or restarted, or where the
// namespace that they share is a new one.
func (u *up) restartKept(pr *progress, set replicaSet, conditions []string) {
	if u.opt.NoStart {
		return
	}
	forAll := u.restartCause(pr)
	for _, r := range set.keep {
		if r.verdict.recreate || !r.c.IsRunning() {
			continue
		}
		cause := forAll
		if cause == "" {
			cause = u.staleCause(pr.svc, r.c)
		}
		if cause == "" {
			continue
		}
		pr.restarted, pr.touched = true, true
		ref := Ref{ID: r.c.ID, Name: pr.svc.ContainerName(u.d.Project, r.n), Service: pr.svc.Name}
		u.changed(ref)
		needs := slices.Concat(conditions, u.parentStarts(pr.svc), pr.ready[ref.ID])
		last := u.p.Add(Node{
			ID: "container/" + ref.Name + "/restart", Op: Restart{Container: ref, Timeout: u.opt.Timeout},
			Cause: cause, Service: pr.svc.Name,
		}, addPreStop(u.p, pr.svc.Config.PreStop, ref, needs)...)
		pr.started = append(pr.started, u.postStart(pr, ref, last))
	}
}

// restartCause says what makes a service restart; empty if nothing does.
func (u *up) restartCause(pr *progress) string {
	for _, dep := range pr.svc.DependsOn {
		on := u.services[dep.Service]
		switch {
		case on == nil || !dep.Restart:
		case on.renewed:
			return "its dependency " + dep.Service + " is replaced"
		case on.restarted:
			return "its dependency " + dep.Service + " is restarted"
		}
	}
	return u.namespaceCause(pr.svc)
}

// namespaceCause says which parent's start gives a service a new namespace. Its
// containers would run on in the old one, which nobody else is in.
func (u *up) namespaceCause(svc desired.Service) string {
	for _, parent := range svc.NamespaceParents {
		on := u.services[parent]
		if on == nil || len(on.refs) == 0 {
			continue
		}
		first := "container/" + on.refs[0].Name
		if u.p.nodes.Has(first+"/start") || u.p.nodes.Has(first+"/restart") {
			return "it shares a namespace with " + parent + ", which is started"
		}
	}
	return ""
}

// staleCause says which parent was started after a container that shares its
// namespace: by hand, by its restart policy, or by an up that was killed before
// it could restart the container.
func (u *up) staleCause(svc desired.Service, c engine.Container) string {
	since, known := u.opt.Started[c.ID]
	for _, parent := range svc.NamespaceParents {
		on := u.services[parent]
		if known && on != nil && len(on.refs) > 0 && since.Before(u.opt.Started[on.refs[0].ID]) {
			return "it shares a namespace with " + parent + ", which was started after it"
		}
	}
	return ""
}

// parentStarts are the starts of the containers whose namespaces a service joins.
func (u *up) parentStarts(svc desired.Service) []string {
	var out []string
	for _, parent := range svc.Parents {
		if pr := u.services[parent]; pr != nil {
			out = append(out, pr.started...)
		}
	}
	return out
}

// SharesNamespaces lists the IDs of the running containers that share another
// one's namespace, and of those whose they share. A list of containers does not
// tell when these were started, so each costs an inspection.
func SharesNamespaces(d *desired.State, a *actual.State) []string {
	ids := map[string]bool{}
	for _, svc := range d.Services {
		if len(svc.NamespaceParents) == 0 {
			continue
		}
		for _, service := range append([]string{svc.Name}, svc.NamespaceParents...) {
			for _, c := range a.Replicas(service) {
				if c.IsRunning() {
					ids[c.ID] = true
				}
			}
		}
	}
	return sortedKeys(ids)
}

// changed takes a container off the list of those that stay as they are.
func (u *up) changed(ref Ref) {
	for i, same := range u.p.Unchanged {
		if same.ID == ref.ID {
			u.p.Unchanged = append(u.p.Unchanged[:i:i], u.p.Unchanged[i+1:]...)
			return
		}
	}
}
