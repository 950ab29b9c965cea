package plan

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// UndoOptions steer Undo.
type UndoOptions struct {
	Timeout *time.Duration // replaces every stop_grace_period
	// RenewVolumes: the update has given its containers anonymous volumes of their
	// own, which go with them.
	RenewVolumes bool
	// Renewed are the services whose containers have been replaced meanwhile.
	Renewed map[string]bool
}

// Undo plans to take the updates of services back, as their rollback_config says:
// the containers that each has kept take the places of the new ones again.
func Undo(d *desired.State, a *actual.State, services []string, opt UndoOptions) *Plan {
	u := &undo{d: d, a: a, opt: opt, p: New(d.Project), done: map[string][]string{}}
	for _, name := range services {
		if svc, ok := d.Service(name); ok {
			u.done[name] = u.service(svc)
		}
	}
	for _, svc := range d.Services {
		u.follow(svc)
	}
	return u.p
}

type undo struct {
	d   *desired.State
	a   *actual.State
	opt UndoOptions
	p   *Plan
	// done are the nodes after which a service is as it was, by service.
	done map[string][]string
}

// pair is a container that an update has kept, and the one in its place.
type pair struct {
	old   engine.Container
	new   *engine.Container
	final string
}

// pairs lists what an update of a service has changed, by number.
func (u *undo) pairs(svc desired.Service) []pair {
	byName := map[string]engine.Container{}
	var out []pair
	for _, c := range u.a.Replicas(svc.Name) {
		byName[c.Name] = c
		if isRetired(c) {
			out = append(out, pair{old: c, final: strings.TrimPrefix(c.Name, retiredPrefix(c.ID))})
		}
	}
	for i := range out {
		if c, ok := byName[out[i].final]; ok {
			out[i].new = &c
		}
	}
	sort.Slice(out, func(i, j int) bool {
		return labels.ReplicaNumber(out[i].old.Labels) < labels.ReplicaNumber(out[j].old.Labels)
	})
	return out
}

// service takes one update back, and returns the nodes after which that is done.
func (u *undo) service(svc desired.Service) []string {
	pairs := u.pairs(svc)
	if len(pairs) == 0 {
		return nil
	}
	p := policyOf(svc.Config.Deploy.RollbackConfig, len(pairs))
	if p.action == ActionRollback {
		p.action = ActionPause // a rollback that fails is not rolled back again
	}
	p.startFirst = p.startFirst && startFirstObstacle(svc, p.size) == ""
	var before []string
	for first := 0; first < len(pairs); first += p.size {
		id := fmt.Sprintf("service/%s/rollback-%d", svc.Name, first/p.size+1)
		group := pairs[first:min(first+p.size, len(pairs))]
		before = u.step(svc, id, p, group, len(pairs), before)
		if p.delay > 0 && first+p.size < len(pairs) {
			before = []string{u.p.Add(Node{ID: id + "/delay", Op: Delay{Service: svc.Name, For: p.delay}, Service: svc.Name}, before...)}
		}
	}
	return before
}

// follow restarts the running containers of a service that has to go with what is
// taken back: they share a namespace, or depend on it with restart: true. It also
// restarts those of a service that is taken back and was never stopped, where what
// it depends on in that way has been replaced.
func (u *undo) follow(svc desired.Service) {
	if _, back := u.done[svc.Name]; back && len(u.done[svc.Name]) > 0 {
		return // started anew
	}
	cause, needs := "", []string(nil)
	for _, parent := range svc.NamespaceParents {
		if len(u.done[parent]) > 0 {
			cause, needs = "it shares a namespace with "+parent+", which is taken back", append(needs, u.done[parent]...)
		}
	}
	_, failed := u.done[svc.Name]
	for _, dep := range svc.DependsOn {
		if dep.Restart && (len(u.done[dep.Service]) > 0 || failed && u.opt.Renewed[dep.Service]) {
			cause, needs = "its dependency "+dep.Service+" is another one", append(needs, u.done[dep.Service]...)
		}
	}
	for _, c := range u.a.Replicas(svc.Name) {
		if cause != "" && c.IsRunning() && !isRetired(c) {
			u.p.Add(Node{
				ID: "container/" + c.Name + "/restart", Op: Restart{Container: refOf(c), Timeout: u.opt.Timeout}, Service: svc.Name, Cause: cause,
			}, needs...)
		}
	}
}

// step takes some replicas back, and returns the nodes after which that is done.
func (u *undo) step(svc desired.Service, id string, p policy, group []pair, total int, before []string) []string {
	var refs []Ref
	var started, done []string
	for _, x := range group {
		ref := Ref{ID: x.old.ID, Name: x.final, Service: svc.Name}
		refs = append(refs, ref)
		needs := before
		if !p.startFirst {
			needs = u.restore(svc, x, before, false)
		}
		started = append(started, u.start(x, ref, !p.startFirst, needs))
	}
	good := u.p.Add(Node{
		ID: id, Service: svc.Name, Cause: "rollback_config",
		Op: Wait{
			Service: svc.Name, Containers: refs, Condition: Good, Checked: map[string]bool{},
			Update: &UpdateCheck{Total: total, MaxFailureRatio: p.ratio, Action: p.action, Monitor: p.monitor, Rollback: true},
		},
	}, started...)
	if !p.startFirst {
		return []string{good}
	}
	for _, x := range group {
		done = append(done, u.restore(svc, x, []string{good}, true)...)
	}
	return done
}

// start adds the start of an old container, and the post_start hooks that it has
// been made with, and returns the last of them.
func (u *undo) start(x pair, ref Ref, committing bool, needs []string) string {
	last := u.p.Add(Node{
		ID: "container/" + x.final + "/start", Op: Start{Container: ref}, Service: ref.Service, Unit: x.final,
		Committing: committing, Counted: true, Cause: "the update is taken back",
	}, needs...)
	spec, err := desired.DecodeCanonical(x.old.Labels[labels.Spec])
	if err != nil {
		return last // another tool's: it has told nothing of hooks
	}
	for i, hook := range spec.PostStart() {
		last = u.p.Add(Node{
			ID: fmt.Sprintf("container/%s/post_start-%d", x.final, i+1), Op: Hook{Container: ref, Phase: "post_start", Index: i, Hook: hook},
			Service: ref.Service, Unit: x.final, Committing: committing, Counted: true,
		}, last)
	}
	return last
}

// restore removes the new container and gives the old one its name back.
func (u *undo) restore(svc desired.Service, x pair, needs []string, running bool) []string {
	commit := func(step string, op Operation, after []string) []string {
		return []string{u.p.Add(Node{
			ID: "container/" + x.final + "/" + step, Op: op, Service: svc.Name, Unit: x.final, Committing: true,
			Cause: "the update is taken back",
		}, after...)}
	}
	if x.new != nil {
		ref := refOf(*x.new)
		if x.new.IsRunning() {
			needs = append(append([]string(nil), needs...), addPreStop(u.p, svc.Config.PreStop, ref, needs)...)
			needs = commit("stop-new", Stop{Container: ref, Timeout: u.opt.Timeout, Replacing: true}, needs)
		}
		needs = commit("remove-new", Remove{Container: ref, Replacing: true, Stops: true, Volumes: u.opt.RenewVolumes}, needs)
	}
	old := Ref{ID: x.old.ID, Name: x.final, Service: svc.Name}
	return commit("restore", Rename{Container: old, Name: x.final, Replacing: true, Restoring: true, Running: running}, needs)
}
