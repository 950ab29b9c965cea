package preflight_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/internal/preflight"
	"github.com/berth-dev/berth/pkg/labels"
)

// wish is a container that a plan creates.
type wish struct {
	name     string
	replaces string // the ID of the container whose place it takes
	ports    []types.ServicePortConfig
	mounts   []types.ServiceVolumeConfig
	mode     string // network mode
}

func port(published, ip, protocol string) types.ServicePortConfig {
	return types.ServicePortConfig{Target: 80, Published: published, HostIP: ip, Protocol: protocol}
}

// creating is a plan that creates containers and removes those with the given IDs.
func creating(wishes []wish, removed ...string) *plan.Plan {
	p := plan.New("app")
	for _, w := range wishes {
		op := plan.CreateContainer{Final: w.name, Spec: engine.ContainerSpec{
			Name: w.name, Mounts: w.mounts, NetworkMode: w.mode, Service: types.ServiceConfig{
				Name: w.name, WorkloadSpec: types.WorkloadSpec{Ports: w.ports}, ContainerSpec: types.ContainerSpec{NetworkMode: w.mode},
			},
		}}
		if w.replaces != "" {
			op.Replaces = &plan.Ref{ID: w.replaces, Name: w.name}
			removed = append(removed, w.replaces)
		}
		p.Add(plan.Node{ID: "create/" + w.name, Op: op, Service: w.name})
	}
	for _, id := range removed {
		p.Add(plan.Node{ID: "remove/" + id, Op: plan.Remove{Container: plan.Ref{ID: id}}})
	}
	return p
}

// running is a container on the engine that holds a port.
func running(id, name, ip string, published int) engine.Container {
	return engine.Container{
		ID: id, Name: name, State: engine.Running, Labels: map[string]string{labels.Project: "other", labels.Service: "front"},
		Ports: []engine.Port{{HostIP: ip, Published: published, Target: 80, Protocol: "tcp"}},
	}
}

// host is a machine with taken ports and missing paths.
type host struct {
	taken   map[int]bool
	missing map[string]bool
}

func (h host) PortFree(_ string, port int, _ string) bool { return !h.taken[port] }
func (h host) Exists(path string) bool                    { return !h.missing[path] }

// containers is an engine that has these and no others.
type containers []engine.Container

func (c containers) Containers(context.Context, engine.ContainerFilter) ([]engine.Container, error) {
	return c, nil
}

func look(t *testing.T, p *plan.Plan, all containers, h preflight.Host) []plan.Problem {
	t.Helper()
	found, err := preflight.Look(t.Context(), p, all, h)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func check(t *testing.T, p *plan.Plan, all []engine.Container, h preflight.Host, want ...string) {
	t.Helper()
	var got []string
	for _, problem := range look(t, p, all, h) {
		got = append(got, problem.Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func web(ports ...types.ServicePortConfig) []wish { return []wish{{name: "web", ports: ports}} }

func TestAPortThatAnotherContainerHoldsIsNamedWithItsOwner(t *testing.T) {
	others := []engine.Container{running("1", "other-front-1", "0.0.0.0", 8080)}
	check(t, creating(web(port("8080", "", "tcp"))), others, nil,
		"services.web.ports: host port 8080/tcp is taken by container other-front-1 (service front of project other)")
	others[0].Labels = nil
	check(t, creating(web(port("8080", "127.0.0.1", ""))), others, nil,
		"services.web.ports: host port 8080/tcp is taken by container other-front-1")
}

func TestOnlyPortsThatCompeteCount(t *testing.T) {
	others := []engine.Container{running("1", "x", "127.0.0.1", 8080)}
	stopped := running("2", "y", "0.0.0.0", 9090)
	stopped.State = engine.Exited
	for name, p := range map[string]types.ServicePortConfig{
		"another port":                 port("8081", "", "tcp"),
		"another protocol":             port("8080", "", "udp"),
		"another address":              port("8080", "127.0.0.2", "tcp"),
		"any free port":                port("", "", "tcp"),
		"a range":                      port("8080-8090", "", "tcp"),
		"that of a stopped container":  port("9090", "", "tcp"),
		"an upper-case other protocol": port("8080", "", "UDP"),
	} {
		t.Run(name, func(t *testing.T) {
			check(t, creating(web(p)), append(others, stopped), nil)
		})
	}
}

func TestAPortThatAContainerOfThePlanGivesUpIsFree(t *testing.T) {
	old := running("1", "web", "0.0.0.0", 8080)
	busy := host{taken: map[int]bool{8080: true}} // the old container's own listener
	check(t, creating([]wish{{name: "web", replaces: "1", ports: []types.ServicePortConfig{port("8080", "", "tcp")}}}),
		[]engine.Container{old}, busy)
	check(t, creating(web(port("8080", "", "tcp")), "1"), []engine.Container{running("1", "orphan", "0.0.0.0", 8080)}, busy)
}

func TestAPortThatAProcessHoldsIsFoundOnlyOnTheEnginesOwnMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := creating(web(port("8080", "", "tcp")))
		check(t, p, nil, host{taken: map[int]bool{8080: true}},
			"services.web.ports: host port 8080/tcp is taken by a process on this machine")
		check(t, p, nil, nil)
	})
}

// passing is a machine on which a port is held for a time.
type passing struct {
	host
	until time.Time
}

func (p passing) PortFree(ip string, port int, protocol string) bool {
	return !time.Now().Before(p.until) || p.host.PortFree(ip, port, protocol)
}

func TestAPortThatIsLetGoOfInAMomentIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := creating(web(port("8080", "", "tcp"), port("8081", "", "tcp")))
		busy := host{taken: map[int]bool{8080: true, 8081: true}}
		begin := time.Now()
		check(t, p, nil, passing{busy, begin.Add(time.Second)})
		begin = time.Now()
		check(t, p, nil, passing{busy, begin.Add(time.Hour)},
			"services.web.ports: host port 8080/tcp is taken by a process on this machine",
			"services.web.ports: host port 8081/tcp is taken by a process on this machine")
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("took %s for all ports together", took)
		}
	})
}

// turns is an engine that gives each of its answers once, the last one again and again.
type turns struct {
	answers [][]engine.Container
	asked   int
}

func (e *turns) Containers(context.Context, engine.ContainerFilter) ([]engine.Container, error) {
	e.asked++
	return e.answers[min(e.asked, len(e.answers))-1], nil
}

func TestBeforeAProcessIsBlamedTheEngineIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan.New("app")
		p.Add(plan.Node{ID: "start", Service: "web", Op: plan.Start{
			Container: plan.Ref{ID: "1", Name: "web"}, Ports: []types.ServicePortConfig{port("8080", "", "tcp")},
		}})
		busy := host{taken: map[int]bool{8080: true}}
		for _, c := range []struct {
			answers [][]engine.Container
			asked   int
			want    string
		}{
			// The engine was about to start the very container.
			{[][]engine.Container{nil, {running("1", "web", "0.0.0.0", 8080)}}, 2, ""},
			{[][]engine.Container{nil, {running("2", "x", "0.0.0.0", 8080)}}, 2, "services.web.ports: host port 8080/tcp is taken by container x (service front of project other)"},
			{[][]engine.Container{nil}, 2, "services.web.ports: host port 8080/tcp is taken by a process on this machine"},
			{[][]engine.Container{{running("2", "x", "0.0.0.0", 8080)}}, 1, "services.web.ports: host port 8080/tcp is taken by container x (service front of project other)"},
		} {
			e := &turns{answers: c.answers}
			found, err := preflight.Look(t.Context(), p, e, busy)
			got := ""
			for _, problem := range found {
				got += problem.Error()
			}
			if err != nil || got != c.want || e.asked != c.asked {
				t.Errorf("asked %d times, got %q, %v; want %q", e.asked, got, err, c.want)
			}
		}
	})
}

func TestTwoContainersOfOnePlanCannotHaveOnePort(t *testing.T) {
	fixed := []types.ServicePortConfig{port("8080", "", "tcp")}
	check(t, creating([]wish{{name: "web-1", ports: fixed}, {name: "web-2", ports: fixed}, {name: "web-3", ports: fixed}}), nil, nil,
		"services.web-2.ports: host port 8080/tcp is wanted by web-1 and by web-2",
		"services.web-3.ports: host port 8080/tcp is wanted by web-1 and by web-3")
	check(t, creating([]wish{
		{name: "a", ports: []types.ServicePortConfig{port("8080", "127.0.0.1", "tcp")}},
		{name: "b", ports: []types.ServicePortConfig{port("8080", "127.0.0.2", "tcp")}},
	}), nil, nil)
}

// With the host's own network published ports mean nothing, and the container
// that is replaced listens on the host itself.
func TestAContainerOnTheHostsNetworkWantsNoPort(t *testing.T) {
	p := creating([]wish{{name: "web", mode: "host", ports: []types.ServicePortConfig{port("8080", "", "tcp")}}})
	check(t, p, nil, host{taken: map[int]bool{8080: true}})
}

func TestANameThatAContainerHasIsTakenUnlessThatOneGoes(t *testing.T) {
	others := []engine.Container{{ID: "1", Name: "web", State: engine.Exited}}
	check(t, creating(web()), others, nil, `services.web: container name "web" is already in use by container web`)
	check(t, creating(web(), "1"), others, nil)
	check(t, creating([]wish{{name: "web", replaces: "1"}}), others, nil)
}

// renaming adds to a plan that the container with the ID gets a name.
func renaming(p *plan.Plan, id, name string) *plan.Plan {
	p.Add(plan.Node{ID: "rename/" + name, Op: plan.Rename{Container: plan.Ref{ID: id, Name: name}, Name: name}, Service: "web"})
	return p
}

func TestANameThatAContainerIsToGetBackMustBeFree(t *testing.T) {
	mine := engine.Container{ID: "1", Name: "web-by-hand", State: engine.Running}
	others := []engine.Container{mine, {ID: "2", Name: "web", State: engine.Exited}}
	check(t, renaming(creating(nil), "1", "web"), others, nil, `services.web: container name "web" is already in use by container web`)
	check(t, renaming(creating(nil, "2"), "1", "web"), others, nil)
	swap := renaming(renaming(creating(nil), "1", "web"), "2", "db")
	check(t, swap, others, nil)
}

func TestAReplacementsNameIsComplainedOfOnce(t *testing.T) {
	p := creating([]wish{{name: "web", replaces: "1"}})
	p.Add(plan.Node{ID: "rename/web", Op: plan.Rename{Container: plan.Ref{From: "create/web", Name: "web"}, Name: "web"}, Service: "web"})
	others := []engine.Container{{ID: "1", Name: "app_web_1"}, {ID: "2", Name: "web"}}
	check(t, p, others, nil, `services.web: container name "web" is already in use by container web`)
}

func TestAContainerThatIsRenamedKeepsItsPorts(t *testing.T) {
	mine := running("1", "web-by-hand", "", 8080)
	check(t, renaming(creating([]wish{{name: "api", ports: []types.ServicePortConfig{port("8080", "", "tcp")}}}), "1", "web"),
		[]engine.Container{mine}, nil,
		"services.api.ports: host port 8080/tcp is taken by container web-by-hand (service front of project other)")
}

func TestBindSourcesMustExistWhereTheEngineMayNotCreateThem(t *testing.T) {
	bind := func(source string, create bool) types.ServiceVolumeConfig {
		return types.ServiceVolumeConfig{Type: "bind", Source: source, Bind: &types.ServiceVolumeBind{CreateHostPath: types.OptOut(create)}}
	}
	p := creating([]wish{{name: "web", mounts: []types.ServiceVolumeConfig{
		bind("/z", false), bind("/a", false), bind("/created", true), bind("/there", false),
		{Type: "bind", Source: "/plain"}, {Type: "volume", Source: "/z"},
	}}})
	missing := host{missing: map[string]bool{"/z": true, "/a": true, "/created": true, "/plain": true}}
	check(t, p, nil, missing,
		"services.web.volumes: bind source /a does not exist",
		"services.web.volumes: bind source /plain does not exist",
		"services.web.volumes: bind source /z does not exist")
	check(t, p, nil, nil) // another machine's paths are not known here
}

func TestAllProblemsAreReportedTogetherWithARemedy(t *testing.T) {
	p := creating([]wish{
		{name: "a", ports: []types.ServicePortConfig{port("1", "", "tcp"), port("2", "", "tcp")}},
		{name: "b", mounts: []types.ServiceVolumeConfig{{Type: "bind", Source: "/x"}}},
	})
	found := look(t, p, []engine.Container{{ID: "9", Name: "a"}}, host{
		taken: map[int]bool{1: true, 2: true}, missing: map[string]bool{"/x": true},
	})
	if len(found) != 4 {
		t.Errorf("got %v", found)
	}
	for _, problem := range found {
		if problem.Hint == "" || problem.Where == "" {
			t.Errorf("%v has no place or no remedy", problem)
		}
	}
}

func TestACheckIsNeededForWhateverTakesANameOrAPort(t *testing.T) {
	if preflight.Needed(creating(nil, "1")) {
		t.Error("a removal needs no look")
	}
	if !preflight.Needed(creating(web())) {
		t.Error("a new container's name needs one")
	}
	if !preflight.Needed(renaming(plan.New("app"), "1", "web")) {
		t.Error("a name that a container is to get back needs one")
	}
	if preflight.Needed(plan.New("app")) {
		t.Error("an empty plan needs no look")
	}
	starting := plan.New("app")
	starting.Add(plan.Node{ID: "start", Op: plan.Start{Ports: []types.ServicePortConfig{port("80", "", "tcp")}}})
	if !preflight.Needed(starting) {
		t.Error("the port of a stopped container needs one")
	}
}

func TestThisMachineKnowsItsPortsAndPaths(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	var machine preflight.LocalHost
	if machine.PortFree("127.0.0.1", number, "tcp") {
		t.Error("a port that is listened on counts as free")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if !machine.PortFree("127.0.0.1", number, "tcp") || !machine.PortFree("", number, "sctp") {
		t.Error("a free port, or one that cannot be tried, counts as taken")
	}
	if machine.PortFree("no such address", number, "udp") == false {
		t.Error("what cannot be tried counts as taken")
	}
	dir := t.TempDir()
	if !machine.Exists(dir) || machine.Exists(filepath.Join(dir, "none")) {
		t.Error("paths")
	}
}

func TestOnlySocketsOfThisMachineMeanThisMachine(t *testing.T) {
	for address, want := range map[string]bool{
		"unix:///var/run/docker.sock": true, "npipe:////./pipe/docker_engine": true,
		"tcp://127.0.0.1:2375": false, "ssh://me@host": false, "https://host:2376": false, "": false,
	} {
		if preflight.OnThisMachine(address) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}
