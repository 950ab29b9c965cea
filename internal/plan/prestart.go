package plan

import (
	"fmt"
	"sort"

	"github.com/berth-dev/berth/internal/desired"
)

// preStart adds a service's init containers, which run to their end one after
// the other before the service starts. Each mounts the volumes of the service's
// first container, or of the replica that it runs for. It returns what the
// service's starts come after.
func (u *up) preStart(svc desired.Service, set replicaSet, needs []string) []string {
	refs := u.startingRefs(svc, set)
	var last []string
	for i, hook := range svc.PreStart() {
		targets := refs
		if !hook.PerReplica {
			targets = refs[:1]
		}
		for n, target := range targets {
			id := fmt.Sprintf("hook/%s/%d", svc.Name, i+1)
			spec := hook.Spec
			if n > 0 {
				id = fmt.Sprintf("%s/%d", id, n+1)
				spec.Name = fmt.Sprintf("%s-%d", spec.Name, n+1)
			}
			op := CreateContainer{Spec: spec, Final: spec.Name}
			if hook.VolumesFrom {
				op.VolumesFrom = append(op.VolumesFrom, VolumesFrom{Container: target})
			}
			last = []string{u.runHook(svc, id, op, append(append([]string(nil), last...), needs...))}
		}
	}
	return last
}

// startingRefs are the containers that are to be started, lowest number first.
func (u *up) startingRefs(svc desired.Service, set replicaSet) []Ref {
	byNumber := map[int]Ref{}
	var numbers []int
	add := func(n int, id string) {
		final := svc.ContainerName(u.d.Project, n)
		ref := Ref{ID: id, Name: final, Service: svc.Name}
		if id == "" {
			ref.From = "container/" + final + "/create"
		}
		byNumber[n] = ref
		numbers = append(numbers, n)
	}
	for _, r := range set.keep {
		switch {
		case r.verdict.recreate:
			add(r.n, "")
		case !r.c.IsRunning():
			add(r.n, r.c.ID)
		}
	}
	for _, n := range set.missing {
		add(n, "")
	}
	sort.Ints(numbers)
	out := make([]Ref, len(numbers))
	for i, n := range numbers {
		out[i] = byNumber[n]
	}
	return out
}

// runHook adds the nodes of one init container: made, started, waited for, removed.
func (u *up) runHook(svc desired.Service, id string, op CreateContainer, needs []string) string {
	from := op.VolumesFrom
	var create []string
	for _, e := range op.Spec.Networks {
		create = append(create, u.networkNode[e.Network])
	}
	for _, m := range op.Spec.Mounts {
		create = append(create, u.volumeNode[m.Source])
	}
	create = append(create, u.parents(svc, &op)...)
	for _, v := range from {
		create = append(create, v.Container.From)
	}
	for _, c := range u.a.Containers {
		if c.Name == op.Final {
			create = append(create, u.remove(c, "left over from an earlier pre_start hook", true))
		}
	}
	node := u.p.Add(Node{ID: id + "/create", Op: op, Cause: "pre_start hook", Service: svc.Name}, create...)
	ref := Ref{From: node, Name: op.Final, Service: svc.Name}
	if len(op.Spec.Files) > 0 {
		node = u.p.Add(Node{ID: id + "/files", Op: CopyFiles{Container: ref, Files: op.Spec.Files}, Service: svc.Name}, node)
	}
	start := u.p.Add(Node{ID: id + "/start", Op: Start{Container: ref}, Service: svc.Name}, append(needs, node)...)
	done := u.p.Add(Node{
		ID: id + "/wait", Service: svc.Name,
		Op: Wait{Service: svc.Name, Containers: []Ref{ref}, Condition: Completed, OneOff: true},
	}, start)
	return u.p.Add(Node{ID: id + "/remove", Op: Remove{Container: ref, Volumes: true}, Service: svc.Name}, done)
}
