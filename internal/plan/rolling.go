package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
)

// defaultMonitor is how long a new replica must stay good where monitor is not
// given: swarm's default.
const defaultMonitor = 5 * time.Second

// The values of failure_action (Compose Deploy Specification, update_config).
const (
	ActionContinue = "continue"
	ActionPause    = "pause"
	ActionRollback = "rollback"
)

// policy is an update_config or rollback_config with its defaults.
type policy struct {
	size       int // replicas per step
	delay      time.Duration
	monitor    time.Duration
	ratio      float64
	action     string
	startFirst bool
}

// policyOf reads a policy for the given number of replicas.
func policyOf(c *types.UpdateConfig, replicas int) policy {
	if c == nil {
		c = &types.UpdateConfig{}
	}
	p := policy{
		size: 1, delay: time.Duration(c.Delay), monitor: time.Duration(c.Monitor), ratio: float64(c.MaxFailureRatio),
		action: c.FailureAction, startFirst: c.Order == "start-first",
	}
	if c.Parallelism != nil {
		p.size = int(min(*c.Parallelism, uint64(replicas)))
	}
	if p.size == 0 {
		p.size = replicas
	}
	if p.monitor == 0 {
		p.monitor = defaultMonitor
	}
	if p.action == "" {
		p.action = ActionPause
	}
	return p
}

// rolls tells whether a replica is replaced under its service's update_config:
// not where nothing is started, nor where the old container cannot be kept as it
// is until the new one is good.
func (u *up) rolls(svc desired.Service, r replica) bool {
	if u.opt.NoStart || r.verdict.cold || !r.verdict.recreate || u.updateConfig(svc) == nil {
		return false
	}
	for name := range r.c.Networks {
		if u.renewedNetwork[name] {
			return false
		}
	}
	return true
}

// updateConfig is what the replacement of a service's containers goes by; nil: all
// at once, and without looking at them.
func (u *up) updateConfig(svc desired.Service) *types.UpdateConfig {
	deploy := svc.Config.Deploy
	switch {
	case deploy == nil:
		return nil
	case u.opt.Rollback && deploy.RollbackConfig != nil:
		return deploy.RollbackConfig
	}
	return deploy.UpdateConfig
}

// roll plans the replacement of replicas step by step. The old containers of all
// steps are kept, stopped and under another name, until the last new one is good:
// with them the update can be taken back as a whole.
func (u *up) roll(pr *progress, changed []replica, conditions []string) {
	if len(changed) == 0 {
		return
	}
	svc := pr.svc
	pr.touched, pr.renewed = true, true
	p := policyOf(u.updateConfig(svc), len(changed))
	if u.opt.Rollback && p.action == ActionRollback {
		p.action = ActionPause // what is a rollback is not rolled back again
	}
	if obstacle := startFirstObstacle(svc, p.size); p.startFirst && obstacle != "" {
		p.startFirst = false
		u.p.warn("service %s is updated stop-first, since two of its containers cannot run at the same time: %s", svc.Name, obstacle)
	}
	before, started := conditions, pr.started
	var removals []string
	for first := 0; first < len(changed); first += p.size {
		group := changed[first:min(first+p.size, len(changed))]
		step := rollStep{u: u, pr: pr, policy: p, number: first/p.size + 1, steps: (len(changed) + p.size - 1) / p.size, total: len(changed)}
		before = step.plan(group, before)
		if p.delay > 0 && first+p.size < len(changed) {
			before = []string{u.p.Add(Node{
				ID: step.id() + "/delay", Op: Delay{Service: svc.Name, For: p.delay}, Service: svc.Name,
			}, before...)}
		}
		removals = append(removals, u.removeRetired(svc, group)...)
	}
	for _, id := range removals {
		for _, good := range before {
			u.p.nodes.Need(id, good)
		}
	}
	pr.started = append(started, before...)
}

// rollStep is one step of an update: replicas that are replaced at the same time.
type rollStep struct {
	u      *up
	pr     *progress
	policy policy
	number int // from 1
	steps  int
	total  int // replicas in all steps
}

func (s rollStep) id() string { return fmt.Sprintf("service/%s/update-%d", s.pr.svc.Name, s.number) }

// plan adds the step's nodes, and returns those after which it is done.
func (s rollStep) plan(group []replica, before []string) []string {
	var refs []Ref
	var running, swaps []string
	for _, r := range group {
		spec, final := s.u.replacement(s.pr.svc, r)
		ref, needs := s.u.makeReplacement(s.pr, r, spec, final)
		refs = append(refs, ref)
		needs = append(needs, before...)
		if !s.policy.startFirst {
			needs = []string{s.swap(r, ref, needs)}
		}
		running = append(running, s.start(ref, needs))
	}
	good := s.u.p.Add(Node{
		ID: s.id(), Service: s.pr.svc.Name, Cause: fmt.Sprintf("update_config: step %d of %d", s.number, s.steps),
		Op: Wait{
			Service: s.pr.svc.Name, Containers: refs, Condition: Good, Checked: map[string]bool{s.pr.svc.Name: checked(s.pr.svc)},
			Update: &UpdateCheck{
				Total: s.total, MaxFailureRatio: s.policy.ratio, Action: s.policy.action, Monitor: s.policy.monitor, Rollback: s.u.opt.Rollback,
			},
		},
	}, running...)
	if !s.policy.startFirst {
		return []string{good}
	}
	for i, r := range group {
		swaps = append(swaps, s.swap(r, refs[i], []string{good}))
	}
	return swaps
}

// swap adds the nodes by which a new container takes an old one's name, and
// returns the last of them.
func (s rollStep) swap(r replica, ref Ref, needs []string) string {
	old, final := refOf(r.c), ref.Name
	commit := func(step string, op Operation, after ...string) string {
		return s.u.p.Add(Node{
			ID: "container/" + final + "/" + step, Op: op, Service: old.Service, Unit: final, Committing: true,
		}, after...)
	}
	if r.c.IsRunning() {
		needs = append(needs, addPreStop(s.u.p, s.pr.svc.Config.PreStop, old, needs)...)
		needs = []string{commit("stop-old", Stop{Container: old, Timeout: s.u.opt.Timeout, Replacing: true}, needs...)}
	}
	retire := commit("retire-old", Rename{Container: old, Name: retiredPrefix(r.c.ID) + final, Replacing: true, Retiring: true}, needs...)
	return commit("rename", Rename{Container: ref, Name: final, Replacing: true}, append(s.u.leftoverNodes(final), retire)...)
}

// start adds the start of a new container and its hooks, whose failures count in
// the update, and returns the last of them.
func (s rollStep) start(ref Ref, needs []string) string {
	s.u.start(s.pr, ref, "", ref.Name, needs)
	for i, hook := 0, "container/"+ref.Name+"/start"; s.u.p.nodes.Has(hook); i++ {
		n := s.u.p.nodes.Value(hook)
		n.Counted = true
		n.Committing = n.Committing && !s.policy.startFirst
		hook = fmt.Sprintf("container/%s/post_start-%d", ref.Name, i+1)
	}
	return s.pr.started[len(s.pr.started)-1]
}

// removeRetired adds the removals of the old containers of a step.
func (u *up) removeRetired(svc desired.Service, group []replica) []string {
	var out []string
	for _, r := range group {
		final := svc.ContainerName(u.d.Project, r.n)
		u.replacedBy[r.c.ID] = u.p.Add(Node{
			ID: "container/" + final + "/remove-old", Service: svc.Name, Unit: final,
			Op: Remove{
				Container: refOf(r.c), Replacing: true, Retired: true, Stops: true,
				Volumes: u.opt.RenewVolumes, Anonymous: anonymousOf(r.c, u.opt.RenewVolumes),
			},
		})
		out = append(out, u.replacedBy[r.c.ID])
	}
	return out
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

// startFirstObstacle says why an old and a new container of a service cannot run
// at the same time, with as many more containers as a step has; empty if they can.
func startFirstObstacle(svc desired.Service, more int) string {
	config := svc.Config
	switch {
	case config.ContainerName != "":
		return "container_name is " + config.ContainerName
	case config.NetworkMode == "host":
		return "network_mode is host"
	case config.MacAddress != "":
		return "mac_address is " + config.MacAddress
	}
	for _, p := range config.Ports {
		ports, published := hostPortsOf(p)
		switch {
		case published && ports.first == ports.last:
			return "host port " + p.Published + " is fixed"
		case published && ports.last-ports.first+1 < svc.Scale+more:
			return "host ports " + p.Published + " are too few"
		}
	}
	for _, e := range svc.Replica(1).Networks {
		if c := e.Config; c != nil && c.Ipv4Address+c.Ipv6Address+c.MacAddress != "" {
			return "its address on network " + e.Network + " is fixed"
		}
	}
	return ""
}
