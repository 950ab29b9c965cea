package convergence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/pkg/labels"
)

// defaultCases is how many random histories a run of the test tries; the
// variable BERTH_CASES changes it, BERTH_SEED replays one.
const defaultCases = 10000

// garbagePercent is how much garbage may pile up before it is collected, in
// percent of what is in use.
const garbagePercent = 800

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func TestEveryHistoryConvergesAndLosesNoData(t *testing.T) {
	first, count := setting("BERTH_SEED", 1), setting("BERTH_CASES", defaultCases)
	if os.Getenv("BERTH_SEED") != "" {
		count = 1
	}
	t.Logf("seeds %d to %d", first, first+count-1)
	// A history mostly makes garbage that lives for as long as it does.
	defer debug.SetGCPercent(debug.SetGCPercent(garbagePercent))
	shards := min(count, runtime.GOMAXPROCS(0))
	var failed atomic.Bool
	t.Run("seeds", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprintf("from %d by %d", first+shard, shards), func(t *testing.T) {
				t.Parallel()
				for seed := first + shard; seed < first+count && !failed.Load(); seed += shards {
					synctest.Test(t, func(t *testing.T) { testHistory(t, uint64(seed)) })
					if t.Failed() {
						failed.Store(true)
						t.Fatalf("replay with BERTH_SEED=%d", seed)
					}
				}
			})
		}
	})
}

// testHistory brings a random project up, changes it at random, disturbs the change,
// and then lets a plain up finish.
func testHistory(t *testing.T, seed uint64) {
	w := world{rand.New(rand.NewPCG(seed, 0))}
	e := enginetest.New(enginetest.Seed(fmt.Sprint(seed)), enginetest.WithImage("plain"))
	defer e.Close()
	e.AddImage(engine.Image{Tags: []string{"volumes:latest"}, Volumes: []string{"/image"}})
	if w.chance(40) {
		enginetest.APIVersion("1.41")(e)
	}
	p, contents := w.project()
	h := &run{t: t, e: e, w: w}
	h.disturbed(p, contents)
	h.oneOff()
	for range 1 + w.r.IntN(2) {
		h.drift()
		if w.chance(70) { // else there is nothing but drift to be healed
			p, contents = w.project()
		}
		h.disturbed(p, contents)
	}
	h.drift()
	h.settles(p, contents)
	if t.Failed() {
		t.Logf("seed %d, %s\nthe project at the end:\n%s", seed, strings.Join(h.log, "; "), describe(p))
	}
}

// run is one history under way.
type run struct {
	t     *testing.T
	e     *enginetest.Engine
	w     world
	log   []string
	built *desired.State // what project is to be
	// project is the one that was built last; the images never change.
	project *types.Project
}

// desired is what a project is to be, built once for each change.
func (h *run) desired(p *types.Project, contents desired.Contents, images map[string]engine.Image) (*desired.State, error) {
	if h.project == p {
		return h.built, nil
	}
	d, err := desired.Build(p, desired.Options{Version: "t", Images: images, Contents: contents})
	h.project, h.built = p, d
	return d, err
}

// up is what the verb does: snapshot, plan, execution.
func (h *run) up(ctx context.Context, p *types.Project, contents desired.Contents) (*plan.Plan, error) {
	q := actual.Query{Project: p.Name, Networks: true, Volumes: true, Images: []string{"plain", "volumes"}}
	state, err := actual.Read(ctx, h.e, q)
	if err != nil {
		return nil, err
	}
	d, err := h.desired(p, contents, state.Images)
	if err != nil {
		return nil, err
	}
	started := map[string]time.Time{}
	for _, id := range plan.SharesNamespaces(d, state) {
		c, err := h.e.InspectContainer(ctx, id)
		if err != nil {
			return nil, err
		}
		started[id] = c.StartedAt
	}
	pl, err := plan.Up(d, state, plan.UpOptions{RemoveOrphans: true, Started: started})
	if err != nil {
		return nil, err
	}
	if len(pl.Problems) > 0 {
		return pl, pl.Problems[0]
	}
	done, err := execute.Run(ctx, pl, h.e, execute.Options{Parallel: 4})
	if done != nil && len(done.Rollback) > 0 && ctx.Err() == nil {
		err = errors.Join(err, h.takeBack(ctx, d, done.Rollback))
	}
	return pl, err
}

// takeBack is what the verb does when an update has failed.
func (h *run) takeBack(ctx context.Context, d *desired.State, services []string) error {
	state, err := actual.Read(ctx, h.e, actual.Query{Project: d.Project})
	if err != nil {
		return err
	}
	_, err = execute.Run(ctx, plan.Undo(d, state, services, plan.UndoOptions{}), h.e, execute.Options{Parallel: 4})
	return err
}

var errInjected = errors.New("injected")

// disturbed runs an up that is killed, fails or is interrupted at some request,
// or is left in peace.
func (h *run) disturbed(p *types.Project, contents desired.Contents) {
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	at := 1 + h.w.r.IntN(30)
	n := 0
	nth := func(act func() error) func(enginetest.Call) error {
		return func(enginetest.Call) error {
			if n++; n == at {
				return act()
			}
			return nil
		}
	}
	before := h.temporary()
	kind := h.w.pick("peace", "kill", "kill", "refuse", "lose", "interrupt")
	h.log = append(h.log, fmt.Sprintf("%s at %d", kind, at))
	switch kind {
	case "kill":
		h.e.KillAt(at, errInjected)
	case "refuse":
		h.e.FailOn(nth(func() error { return errInjected }))
	case "lose":
		h.e.FailAfter(nth(func() error { return errInjected }))
	case "interrupt":
		h.e.FailOn(nth(func() error { cancel(); return nil }))
	}
	_, err := h.up(ctx, p, contents)
	h.e.KillAt(0, nil)
	h.e.FailOn(nil)
	h.e.FailAfter(nil)
	if kind == "peace" && err != nil {
		h.t.Errorf("an undisturbed up failed: %v", err)
	}
	if kind == "interrupt" && ctx.Err() != nil {
		h.leavesNothing(before)
	}
}

// temporary lists the containers that bear a temporary name.
func (h *run) temporary() map[string]bool {
	out := map[string]bool{}
	for _, c := range h.e.Snapshot().Containers {
		if strings.Contains(c.Name, "_") {
			out[c.Name] = true
		}
	}
	return out
}

// leavesNothing checks that an interruption leaves no temporary name behind
// that was not there before.
func (h *run) leavesNothing(before map[string]bool) {
	for name := range h.temporary() {
		if !before[name] {
			h.t.Errorf("the interruption left %s", name)
		}
	}
}

// settles lets a plain up finish and checks everything.
func (h *run) settles(p *types.Project, contents desired.Contents) {
	before, found := h.anonymous(), h.e.Snapshot()
	pl, err := h.up(h.t.Context(), p, contents)
	if err != nil {
		h.t.Errorf("the plain up failed: %v\n%s", err, pl)
		return
	}
	synctest.Wait()
	h.checkContainers(p)
	h.checkNetworks(p)
	h.checkData(before)
	h.checkBystanders(found.Containers)
	h.checkNamespaces()
	again, err := h.up(h.t.Context(), p, contents)
	if err != nil {
		h.t.Errorf("the second up failed: %v", err)
		return
	}
	h.checkNothingToDo(p, again)
}

func (h *run) checkContainers(p *types.Project) {
	count := map[string]int{}
	for _, c := range h.e.Snapshot().Containers {
		if labels.IsOneOff(c.Labels) {
			continue
		}
		name := c.Labels[labels.Service]
		svc, ok := p.Services[name]
		if !ok {
			h.t.Errorf("%s is left of a service that is gone", c.Name)
			continue
		}
		count[name]++
		want := svc.ContainerName
		if want == "" {
			want = fmt.Sprintf("p-%s-%s", name, c.Labels[labels.Number])
		}
		if c.Name != want {
			h.t.Errorf("%s should be named %s", c.Name, want)
		}
		if done := c.State == engine.Exited && c.ExitCode == 0; c.State != engine.Running && !(done && isOneShot(svc)) {
			h.t.Errorf("%s is %s (%d)", c.Name, c.State, c.ExitCode)
		}
		for _, key := range svc.NetworksByPriority() {
			if _, on := c.Networks[p.Networks[key].Name]; !on {
				h.t.Errorf("%s is not on %s", c.Name, key)
			}
		}
	}
	for name, svc := range p.Services {
		if count[name] != svc.GetScale() {
			h.t.Errorf("%s has %d containers, want %d", name, count[name], svc.GetScale())
		}
	}
}

func (h *run) checkNetworks(p *types.Project) {
	seen := map[string]int{}
	for _, n := range h.e.Snapshot().Networks {
		seen[n.Name]++
		if n.Name == "p_back" && n.Internal != p.Networks["back"].Internal && used(p, "back") {
			h.t.Errorf("network back was not made anew")
		}
		if n.Name == "p_back" && n.Labels["tier"] != p.Networks["back"].Labels["tier"] && used(p, "back") {
			h.t.Errorf("network back has label %q", n.Labels["tier"])
		}
	}
	for name, count := range seen {
		if count > 1 {
			h.t.Errorf("network %s exists %d times", name, count)
		}
	}
}

func used(p *types.Project, network string) bool {
	for _, svc := range p.Services {
		if _, ok := svc.Networks[network]; ok {
			return true
		}
	}
	return false
}

// anonymous maps service/number/target to the anonymous volume mounted there.
func (h *run) anonymous() map[string]string {
	out := map[string]string{}
	for _, c := range h.e.Snapshot().Containers {
		if strings.Contains(c.Name, "_") {
			continue // a leftover; what counts is what it will become
		}
		for _, m := range c.Mounts {
			if m.Type == "volume" && len(m.Name) == 64 {
				out[c.Labels[labels.Service]+"/"+c.Labels[labels.Number]+"/"+m.Destination] = m.Name
			}
		}
	}
	return out
}

// checkData sees that every token a container ever wrote is still there, and
// that replicas kept their anonymous volumes.
func (h *run) checkData(before map[string]string) {
	for _, wr := range h.e.Writes() {
		if h.e.VolumeData(wr.Volume)[wr.Key] != wr.Token {
			h.t.Errorf("the data that %s wrote to %s in volume %s is lost", wr.Container, wr.Target, wr.Volume)
		}
	}
	after := h.anonymous()
	for at, volume := range before {
		if now, ok := after[at]; ok && now != volume {
			h.t.Errorf("%s had anonymous volume %.8s and now has %.8s", at, volume, now)
		}
	}
}

// checkNothingToDo allows only finished one-shots to run again.
func (h *run) checkNothingToDo(p *types.Project, pl *plan.Plan) {
	nodes, err := pl.Nodes()
	if err != nil {
		h.t.Error(err)
	}
	for _, n := range nodes {
		switch n.Op.(type) {
		case plan.Wait:
			continue
		case plan.Start:
			if isOneShot(p.Services[n.Service]) {
				continue
			}
		}
		h.t.Errorf("a second up still wants: %s because %s", n.Op, n.Cause)
	}
}
