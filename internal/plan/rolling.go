package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
)

// updateConfig is what the replacement of a service's containers goes by; nil: all
// at once, and without looking at them.
func (u *up) updateConfig(svc desired.Service) *types.UpdateConfig {
	deploy := svc.Config.Deploy
	switch {
	case deploy == nil || u.opt.NoStart:
		return nil
	case u.opt.Rollback && deploy.RollbackConfig != nil:
		return deploy.RollbackConfig
	}
	return deploy.UpdateConfig
}

// rolls tells whether a replica is replaced under its service's update_config: not
// where the old container cannot be kept as it is until the new one is good.
func (u *up) rolls(svc desired.Service, r replica) bool {
	if !r.verdict.recreate || u.updateConfig(svc) == nil {
		return false
	}
	cause := ""
	if r.verdict.cold {
		cause = r.verdict.cause
	}
	for _, name := range sortedKeys(r.c.Networks) {
		if u.renewedNetwork[name] {
			cause = "network " + name + " is made anew"
		}
	}
	if cause != "" {
		u.p.warnOnce(fmt.Sprintf("service %s is replaced at once and not checked, in spite of its update_config: %s", svc.Name, cause))
	}
	return cause == ""
}

// rolling is the update of a service, step by step. The old containers of all
// steps are kept, stopped and under another name, until the last new one is good:
// with them the update can be taken back as a whole.
type rolling struct {
	u      *up
	pr     *progress
	policy policy
	steps  int
	total  int
	// good are the containers that must be good at the next check: those that
	// already are as the files say, and those of the steps so far.
	good []Ref
}

// replacement under way: the replica, and the container that takes its place.
type made struct {
	r   replica
	ref Ref
}

// roll plans the update of a service: its changed replicas, after a look at those
// that an update before this one has left. It returns what the service's further
// containers come after.
func (u *up) roll(pr *progress, changed []replica, kept []engine.Container, conditions []string) []string {
	if len(changed)+len(kept) == 0 {
		return conditions
	}
	p := policyOf(u.updateConfig(pr.svc), len(changed))
	x := &rolling{u: u, pr: pr, policy: p, total: len(changed) + len(pr.refs), good: slices.Clone(pr.refs)}
	if len(changed) > 0 {
		pr.touched, pr.renewed = true, true
		x.steps = (len(changed) + p.size - 1) / p.size
		x.restrict()
	}
	started := pr.started
	before := slices.Concat(conditions, started)
	if len(x.good) > 0 {
		before = []string{x.check(0, nil, before)}
	}
	for _, c := range kept {
		for _, checked := range before {
			u.p.nodes.Need(removeID(c), checked)
		}
	}
	before = x.replace(changed, before)
	pr.started = append(started, before...)
	return before
}

// restrict takes out of the policy what cannot be had.
func (x *rolling) restrict() {
	svc := x.pr.svc
	if obstacle := startFirstObstacle(svc, x.policy.size); x.policy.startFirst && obstacle != "" {
		x.policy.startFirst = false
		x.u.p.warnOnce(fmt.Sprintf("service %s is updated stop-first, since two of its containers cannot run at the same time: %s", svc.Name, obstacle))
	}
	if x.policy.action != ActionRollback {
		return
	}
	if x.u.opt.Rollback {
		x.policy.action = ActionPause // what is a rollback is not rolled back again
	}
	for _, parent := range svc.NamespaceParents {
		if on := x.u.services[parent]; on != nil && on.renewed {
			x.policy.action = ActionPause
			x.u.p.warnOnce(fmt.Sprintf("service %s cannot be rolled back: it shares a namespace with %s, which changes as well; a failure pauses its update", svc.Name, parent))
		}
	}
}

// replace adds all steps and, at their end, the removal of the old containers. All
// new ones are made before the first old one is touched.
func (x *rolling) replace(changed []replica, before []string) []string {
	if len(changed) == 0 {
		return before
	}
	all := make([]made, len(changed))
	for i, r := range changed {
		spec, final := x.u.replacement(x.pr.svc, r)
		ref, needs := x.u.makeReplacement(x.pr, r, spec, final)
		all[i] = made{r, ref}
		before = append(slices.Clone(before), needs...)
	}
	for n := 1; n <= x.steps; n++ {
		first := (n - 1) * x.policy.size
		before = x.step(n, all[first:min(first+x.policy.size, len(all))], before)
		if x.policy.delay > 0 && n < x.steps {
			before = []string{x.u.p.Add(Node{
				ID: x.id(n) + "/delay", Op: Delay{Service: x.pr.svc.Name, For: x.policy.delay}, Service: x.pr.svc.Name,
			}, before...)}
		}
	}
	for _, m := range all {
		x.removeOld(m, before)
	}
	return before
}

func (x *rolling) id(step int) string {
	return fmt.Sprintf("service/%s/update-%d", x.pr.svc.Name, step)
}

// step adds the nodes of one step, which are a unit: once an old container has been
// stopped, all of the step is carried through and checked. It returns the nodes
// after which the step is done.
func (x *rolling) step(n int, group []made, before []string) []string {
	unit := x.id(n)
	var running []string
	for _, m := range group {
		x.u.p.nodes.Value(m.ref.From).Unit = unit
		needs := before
		if !x.policy.startFirst {
			needs = []string{x.swap(unit, m, before)}
		}
		running = append(running, x.start(unit, m.ref, needs))
		x.good = append(x.good, m.ref)
	}
	good := x.check(n, group, running)
	if !x.policy.startFirst {
		x.u.p.nodes.Value(good).Unit, x.u.p.nodes.Value(good).Committing = unit, true
		return []string{good}
	}
	var swaps []string
	for _, m := range group {
		swaps = append(swaps, x.swap(unit, m, []string{good}))
	}
	return swaps
}

// check adds the wait until all containers that count so far are good.
func (x *rolling) check(step int, group []made, needs []string) string {
	svc := x.pr.svc
	cause := "update_config: those that are as the files say"
	if step > 0 {
		cause = fmt.Sprintf("update_config: step %d of %d, %s: %s", step, x.steps, x.policy.order(), names(group))
	}
	return x.u.p.Add(Node{
		ID: x.id(step), Service: svc.Name, Cause: cause,
		Op: Wait{
			Service: svc.Name, Containers: slices.Clone(x.good), Condition: Good, Checked: map[string]bool{svc.Name: checked(svc)},
			Update: &UpdateCheck{
				Total: x.total, MaxFailureRatio: x.policy.ratio, Action: x.policy.action, Monitor: x.policy.monitor, Rollback: x.u.opt.Rollback,
			},
		},
	}, needs...)
}

// names lists the containers of a step.
func names(group []made) string {
	out := make([]string, len(group))
	for i, m := range group {
		out[i] = m.ref.Name
	}
	return strings.Join(out, ", ")
}

// swap adds the nodes by which a new container takes an old one's place, and
// returns the last of them. The new one of a start-first update runs by then: the
// names change before anything is stopped, because of what Rename.Running says.
func (x *rolling) swap(unit string, m made, needs []string) string {
	running := m.r.c.IsRunning()
	if running {
		needs = append(slices.Clone(needs), addPreStop(x.u.p, x.pr.svc.Config.PreStop, refOf(m.r.c), needs)...)
	}
	switch {
	case !running:
		return x.rename(unit, m, needs)
	case x.policy.startFirst:
		return x.stopOld(unit, m, []string{x.rename(unit, m, needs)})
	}
	return x.rename(unit, m, []string{x.stopOld(unit, m, needs)})
}

// rename adds the nodes that give an old container's name to the new one.
func (x *rolling) rename(unit string, m made, needs []string) string {
	final := m.ref.Name
	retire := x.commit(unit, m, "retire-old", Rename{
		Container: refOf(m.r.c), Name: retiredPrefix(m.r.c.ID) + final, Replacing: true, Retiring: true,
		Running: x.policy.startFirst && m.r.c.IsRunning(),
	}, needs)
	if !x.policy.startFirst {
		x.u.stoppedBy[m.r.c.ID] = retire
	}
	return x.commit(unit, m, "rename", Rename{
		Container: m.ref, Name: final, Replacing: true, Running: x.policy.startFirst,
	}, append(x.u.leftoverNodes(final), retire))
}

// stopOld adds the stop of an old container.
func (x *rolling) stopOld(unit string, m made, needs []string) string {
	stop := x.commit(unit, m, "stop-old", Stop{Container: refOf(m.r.c), Timeout: x.u.opt.Timeout, Replacing: true}, needs)
	x.u.stoppedBy[m.r.c.ID] = stop
	return stop
}

// commit adds a node of a step that has to be carried through.
func (x *rolling) commit(unit string, m made, step string, op Operation, needs []string) string {
	return x.u.p.Add(Node{
		ID: "container/" + m.ref.Name + "/" + step, Op: op, Service: x.pr.svc.Name, Unit: unit, Committing: true,
	}, needs...)
}

// start adds the start of a new container and its hooks, whose failures count in
// the update, and returns the last of them.
func (x *rolling) start(unit string, ref Ref, needs []string) string {
	x.u.start(x.pr, ref, "", unit, needs)
	for i, id := 0, "container/"+ref.Name+"/start"; x.u.p.nodes.Has(id); i++ {
		n := x.u.p.nodes.Value(id)
		n.Counted, n.Unit, n.Committing = true, unit, !x.policy.startFirst
		id = fmt.Sprintf("container/%s/post_start-%d", ref.Name, i+1)
	}
	return x.pr.started[len(x.pr.started)-1]
}

// removeOld adds the removal of an old container.
func (x *rolling) removeOld(m made, needs []string) {
	x.u.replacedBy[m.r.c.ID] = x.u.p.Add(Node{
		ID: "container/" + m.ref.Name + "/remove-old", Service: x.pr.svc.Name, Unit: x.id(0),
		Op: Remove{
			Container: refOf(m.r.c), Replacing: true, Retired: m.ref.Name, Stops: true,
			Volumes: x.u.opt.RenewVolumes, Anonymous: anonymousOf(m.r.c, x.u.opt.RenewVolumes),
		},
	}, needs...)
}

// keepRetired plans to remove a container that an update before this one has kept,
// once the one in its place has been found good.
func (u *up) keepRetired(c engine.Container) {
	ref := refOf(c)
	u.p.Add(Node{
		ID: removeID(c), Service: ref.Service, Cause: "left over from an interrupted update",
		Op: Remove{Container: ref, Retired: strings.TrimPrefix(c.Name, retiredPrefix(c.ID)), Stops: true},
	})
}

// retiredPrefix begins the name of a container whose update may still be taken
// back: like that of a replacement, but from another part of its ID.
func retiredPrefix(id string) string {
	if len(id) < 24 {
		return id + "_"
	}
	return id[12:24] + "_"
}

// isRetired tells whether an update has taken a container's name away.
func isRetired(c engine.Container) bool { return strings.HasPrefix(c.Name, retiredPrefix(c.ID)) }
