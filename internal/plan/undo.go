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
}

// Undo plans to take the updates of services back, as their rollback_config says:
// the containers that each has kept take the places of the new ones again.
func Undo(d *desired.State, a *actual.State, services []string, opt UndoOptions) *Plan {
	u := &undo{d: d, a: a, opt: opt, p: New(d.Project)}
	for _, name := range services {
		if svc, ok := d.Service(name); ok {
			u.service(svc)
		}
	}
	return u.p
}

type undo struct {
	d   *desired.State
	a   *actual.State
	opt UndoOptions
	p   *Plan
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

func (u *undo) service(svc desired.Service) {
	pairs := u.pairs(svc)
	if len(pairs) == 0 {
		return
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
			needs = u.restore(svc, x, before)
		}
		started = append(started, u.p.Add(Node{
			ID: "container/" + x.final + "/start", Op: Start{Container: ref}, Service: svc.Name, Unit: x.final,
			Committing: !p.startFirst, Counted: true, Cause: "the update is taken back",
		}, needs...))
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
		done = append(done, u.restore(svc, x, []string{good})...)
	}
	return done
}

// restore removes the new container and gives the old one its name back.
func (u *undo) restore(svc desired.Service, x pair, needs []string) []string {
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
	return commit("restore", Rename{Container: old, Name: x.final, Replacing: true, Restoring: true}, needs)
}
