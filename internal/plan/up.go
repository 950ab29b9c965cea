package plan

import (
	"fmt"
	"sort"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/graph"
	"github.com/berth-dev/berth/pkg/labels"
)

// Recreate says when containers are replaced.
type Recreate string

// The ways to decide about replacement.
const (
	RecreateDiverged Recreate = "" // when they differ from the files
	RecreateForce    Recreate = "force"
	RecreateNever    Recreate = "never"
)

// UpOptions steer Up.
type UpOptions struct {
	// Targets are the services asked for by name; empty means all. Others in
	// the desired state are there as their dependencies.
	Targets []string
	// Recreate applies to the targets, RecreateDeps to their dependencies.
	Recreate, RecreateDeps Recreate
	NoStart                bool
	RenewVolumes           bool // do not hand anonymous volumes on
	RemoveOrphans          bool
	IgnoreOrphans          bool
	Timeout                *time.Duration // replaces every stop_grace_period
	Wait                   bool
	WaitTimeout            time.Duration
	// Adopted are the differences found by inspection for containers that carry
	// no spec of berth's and whose config hash differs, by container ID.
	Adopted map[string][]engine.Change
	// Started is when the containers that SharesNamespaces lists were last
	// started, by ID.
	Started map[string]time.Time
	// JoinsLoseMAC is the engine's: see engine.Info.
	JoinsLoseMAC bool
	// Rollback: services are taken back, under their rollback_config.
	Rollback bool
	// Consented names volumes whose data may be lost.
	Consented map[string]bool
}

// Up plans how to bring a project to its desired state.
func Up(d *desired.State, a *actual.State, opt UpOptions) (*Plan, error) {
	order, err := serviceOrder(d)
	if err != nil {
		return nil, err
	}
	u := &up{
		d: d, a: a, opt: opt, p: New(d.Project),
		networkNode: map[string]string{}, renewedNetwork: map[string]bool{},
		volumeNode: map[string]string{}, renewedVolume: map[string]bool{},
		services: map[string]*progress{}, replacedBy: map[string]string{}, rejoined: map[string]bool{},
		freedName: map[string]string{}, stoppedBy: map[string]string{},
	}
	u.networks()
	u.volumes()
	u.orphans()
	for _, name := range order {
		svc, _ := d.Service(name)
		u.service(svc)
	}
	u.releaseVolumes()
	u.emptyNetworks()
	u.orderNames()
	u.orderReferences()
	u.orderPorts()
	u.finishUnits()
	u.wait(order)
	return u.p, nil
}

// up is the planner's state while one plan is made.
type up struct {
	d   *desired.State
	a   *actual.State
	opt UpOptions
	p   *Plan

	networkNode    map[string]string // network name -> the node that makes it
	renewedNetwork map[string]bool
	volumeNode     map[string]string // volume name -> the node that makes it
	renewedVolume  map[string]bool
	rejoined       map[string]bool   // container ID/network name: the plan joins the one to the other
	freedName      map[string]string // container name -> the node that gives its holder another one
	replacedBy     map[string]string // container ID -> the node that removes it for its replacement
	stoppedBy      map[string]string // container ID -> the node after which it has been stopped for its replacement
	services       map[string]*progress
}

// progress is what planning one service left for those that depend on it.
type progress struct {
	svc     desired.Service
	refs    []Ref    // the containers it will have, by number
	started []string // nodes after which it counts as started
	// ready are the nodes after which a running container that stays is as the
	// files say, by its ID
	ready   map[string][]string
	touched bool // some container is started, replaced or new
	renewed bool // some container is replaced
	// restarted: its containers are restarted with a dependency
	restarted bool
	healthy   bool // all containers are healthy now
}

// serviceOrder lists the services so that each follows what it depends on. A
// cycle is an error that names its path.
func serviceOrder(d *desired.State) ([]string, error) {
	g := graph.New[bool]()
	for _, svc := range d.Services {
		g.Add(svc.Name, true)
		for _, dep := range svc.DependsOn {
			g.Need(svc.Name, dep.Service)
		}
		for _, parent := range svc.Parents {
			g.Need(svc.Name, parent)
		}
	}
	order, err := g.Order()
	if err != nil {
		return nil, fmt.Errorf("depends_on: dependency %w", err)
	}
	return order, nil
}

// service plans one service: which replicas stay, go, are replaced or added.
func (u *up) service(svc desired.Service) {
	pr := &progress{svc: svc, healthy: true, ready: map[string][]string{}}
	u.services[svc.Name] = pr
	if svc.Config.Provider != nil {
		u.provide(pr)
		return
	}
	if svc.Scale > 1 && svc.Config.ContainerName != "" {
		u.p.problem("services."+svc.Name+".container_name", "remove container_name, or keep one replica",
			"%d replicas cannot share the name %q", svc.Scale, svc.Config.ContainerName)
		return
	}
	set := u.assign(svc)
	kept := set.retired(u.updateConfig(svc) != nil)
	for _, c := range kept {
		u.keepRetired(c)
	}
	for _, c := range set.leftovers {
		// A replacement that never ran has only volumes of its own that hold nothing.
		u.remove(c, "left over from an interrupted replacement", c.State == engine.Created && !isRetired(c))
	}
	for _, c := range set.surplus {
		u.remove(c, fmt.Sprintf("scaled to %d", svc.Scale), false)
	}
	conditions := u.conditions(svc)
	if !u.opt.NoStart && u.anyStarts(set) {
		conditions = append(conditions, u.preStart(svc, set, conditions)...)
	}
	var rolling []replica
	for _, r := range set.keep {
		if u.rolls(svc, r) {
			rolling = append(rolling, r)
			continue
		}
		u.replica(pr, r, conditions)
	}
	conditions = u.roll(pr, rolling, kept, conditions)
	for _, n := range set.missing {
		u.fresh(pr, n, conditions)
	}
	u.restartKept(pr, set, conditions)
	sort.SliceStable(pr.refs, func(i, j int) bool { return pr.refs[i].Name < pr.refs[j].Name })
}

// provide plans a service that an external provider runs.
func (u *up) provide(pr *progress) {
	if u.opt.NoStart {
		return
	}
	pr.started = []string{u.p.Add(Node{
		ID: "service/" + pr.svc.Name + "/provide", Service: pr.svc.Name,
		Op: Provide{Service: pr.svc.Name, Config: *pr.svc.Config.Provider, Action: "up"},
	}, u.conditions(pr.svc)...)}
	pr.touched = true
}

// replica plans a container that exists.
func (u *up) replica(pr *progress, r replica, conditions []string) {
	svc := pr.svc
	final := svc.ContainerName(u.d.Project, r.n)
	ref := Ref{ID: r.c.ID, Name: final, Service: svc.Name}
	if r.verdict.recreate {
		u.recreate(pr, r, conditions)
		return
	}
	needs := u.reconnect(svc, r, ref)
	if cause := u.renameCause(svc, r, final); cause != "" {
		rename := u.p.Add(Node{
			ID: "container/" + final + "/rename", Op: Rename{Container: ref, Name: final, Running: r.c.IsRunning()}, Service: svc.Name, Cause: cause,
		}, u.leftoverNodes(final)...)
		u.freedName[r.c.Name] = rename
		needs = append(needs, rename)
	}
	pr.refs = append(pr.refs, ref)
	switch {
	case u.opt.NoStart:
		u.p.Unchanged = append(u.p.Unchanged, ref)
		u.p.Resting[ref.ID] = !r.c.IsRunning()
	case r.c.State == engine.Paused:
		pr.touched = true
		pr.healthy = false
		pr.ready[ref.ID] = []string{u.p.Add(Node{
			ID: "container/" + final + "/unpause", Op: Unpause{Container: ref}, Service: svc.Name, Cause: "it is paused",
		}, append(needs, conditions...)...)}
		pr.started = append(pr.started, pr.ready[ref.ID]...)
	case r.c.IsRunning():
		u.p.Unchanged = append(u.p.Unchanged, ref)
		pr.ready[ref.ID] = needs
		pr.started = append(pr.started, needs...)
		pr.healthy = pr.healthy && r.c.Health == engine.Healthy
	default:
		cause := "it is not running"
		if r.c.State == engine.Exited {
			cause = fmt.Sprintf("it has exited with code %d", r.c.ExitCode)
		}
		if spec := svc.Replica(r.n); r.c.State == engine.Created && len(spec.Files) > 0 {
			needs = append(needs, u.copyFiles(ref, spec.Files, needs))
		}
		u.start(pr, ref, cause, "", append(needs, conditions...))
		if r.c.State == engine.Exited && r.c.ExitCode == 0 && len(needs) == 0 && u.isOneShot(svc.Name) {
			u.p.nodes.Value("container/" + final + "/start").Repeat = true
		}
	}
}

// isOneShot tells whether some service waits for this one to complete.
func (u *up) isOneShot(name string) bool {
	for _, svc := range u.d.Dependents(name) {
		for _, dep := range svc.DependsOn {
			if dep.Service == name && dep.Condition == types.ServiceConditionCompletedSuccessfully {
				return true
			}
		}
	}
	return false
}

// start adds the node that starts a container, and its post_start hooks.
func (u *up) start(pr *progress, ref Ref, cause, unit string, needs []string) {
	pr.touched = true
	op := Start{Container: ref}
	if ref.From == "" && pr.svc.Config.NetworkMode == "" {
		op.Ports = pr.svc.Config.Ports
	}
	last := u.p.Add(Node{
		ID: "container/" + ref.Name + "/start", Op: op, Cause: cause, Service: ref.Service,
		Unit: unit, Committing: unit != "",
	}, append(needs, u.parentStarts(pr.svc)...)...)
	pr.started = append(pr.started, u.postStart(pr, ref, last))
}

// postStart adds a container's post_start hooks, one after the other, and
// returns what counts as its start.
func (u *up) postStart(pr *progress, ref Ref, last string) string {
	for i, hook := range pr.svc.Config.PostStart {
		last = u.p.Add(Node{
			ID:      fmt.Sprintf("container/%s/post_start-%d", ref.Name, i+1),
			Op:      Hook{Container: ref, Phase: "post_start", Index: i, Hook: hook},
			Service: ref.Service,
		}, last)
	}
	return last
}

func removeID(c engine.Container) string { return "container/" + c.Name + "/remove-" + short(c.ID) }

// remove plans to stop and remove a container.
func (u *up) remove(c engine.Container, cause string, volumes bool) string {
	ref := refOf(c)
	var needs []string
	if c.IsRunning() {
		needs = append(needs, u.p.Add(Node{
			ID: "container/" + c.Name + "/stop-" + short(c.ID), Op: Stop{Container: ref, Timeout: u.opt.Timeout},
			Cause: cause, Service: ref.Service,
		}, u.preStop(c)...))
	}
	return u.p.Add(Node{
		ID: removeID(c), Op: Remove{Container: ref, Volumes: volumes, Stops: true}, Cause: cause, Service: ref.Service,
	}, needs...)
}

// preStop adds the pre_stop hooks of a running container.
func (u *up) preStop(c engine.Container) []string {
	svc, ok := u.d.Service(c.Labels[labels.Service])
	if !ok {
		return nil
	}
	return addPreStop(u.p, svc.Config.PreStop, refOf(c), nil)
}

func refOf(c engine.Container) Ref {
	return Ref{ID: c.ID, Name: c.Name, Service: c.Labels[labels.Service]}
}
