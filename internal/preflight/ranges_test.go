package preflight_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/internal/preflight"
)

// replicas are containers web-1, web-2 and so on that all want the same ports.
func replicas(count int, ports ...types.ServicePortConfig) []wish {
	var out []wish
	for n := 1; n <= count; n++ {
		out = append(out, wish{name: fmt.Sprintf("web-%d", n), ports: ports})
	}
	return out
}

// taking are containers that hold the ports of all addresses from 8000 on.
func taking(count int) []engine.Container {
	var out []engine.Container
	for n := range count {
		k := running(fmt.Sprint(n), fmt.Sprintf("x-%d", n), "0.0.0.0", 8000+n)
		k.Labels = nil
		k.Ports = append(k.Ports, engine.Port{HostIP: "::", Published: 8000 + n, Target: 80, Protocol: "tcp"})
		out = append(out, k)
	}
	return out
}

func TestARangeThatIsWhollyTakenIsNamedWithItsHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := creating(web(port("8000-8003", "", "tcp")))
		others := append(taking(2), running("9", "other-front-1", "", 8003))
		check(t, p, others, host{taken: map[int]bool{8002: true}},
			"services.web.ports: no host port of 8000-8003/tcp is free for web: 8000 is taken by container x-0, "+
				"8001 is taken by container x-1, 8002 is taken by a process on this machine, "+
				"8003 is taken by container other-front-1 (service front of project other)")
		check(t, p, others, nil) // nobody knows of 8002 there
		begin := time.Now()
		check(t, p, others, passing{host{taken: map[int]bool{8002: true}}, begin.Add(time.Second)})
	})
}

func TestNeighboursOfOneHolderAreSaidTogether(t *testing.T) {
	k := running("1", "x", "0.0.0.0", 8000)
	k.Labels = nil
	for _, n := range []int{8001, 8003} {
		k.Ports = append(k.Ports, engine.Port{HostIP: "0.0.0.0", Published: n, Target: n, Protocol: "tcp"})
	}
	check(t, creating(web(port("8000-8003", "", ""))), append(taking(0), k, running("2", "y", "", 8002)), nil,
		"services.web.ports: no host port of 8000-8003/tcp is free for web: 8000-8001+8003 are taken by container x, "+
			"8002 is taken by container y (service front of project other)")
	check(t, creating(web(port("8000-8009", "", ""))), taking(10), nil,
		"services.web.ports: no host port of 8000-8009/tcp is free for web: 8000 is taken by container x-0, "+
			"8001 is taken by container x-1, 8002 is taken by container x-2, 8003 is taken by container x-3, "+
			"8004 is taken by container x-4, the others by 5 more")
}

func TestARangeMustHaveAPortForEachContainerThatStarts(t *testing.T) {
	wanted := port("8000-8003", "", "tcp")
	check(t, creating(replicas(4, wanted)), nil, nil)
	check(t, creating(replicas(3, wanted)), taking(1), nil)
	check(t, creating(replicas(4, wanted)), taking(1), nil,
		"services.web-4.ports: no host port of 8000-8003/tcp is free for web-4: 8000 is taken by container x-0, "+
			"8001 is wanted by web-1, 8002 is wanted by web-2, 8003 is wanted by web-3")
	p := port("8000-8001", "", "tcp")
	check(t, creating(web(p, p, port("8000-8001", "", "udp"))), nil, nil)
	check(t, creating(web(p, p, p)), nil, nil,
		"services.web.ports: no host port of 8000-8001/tcp is free for web: 8000-8001 are wanted by web")
}

func TestPortsThatContainersOfThePlanGiveUpCountAsFree(t *testing.T) {
	busy := host{taken: map[int]bool{8000: true, 8001: true}} // the old containers' own listeners
	check(t, creating(replicas(2, port("8000-8001", "", "tcp")), "0", "1"), taking(2), busy)
	check(t, creating(replicas(2, port("8000-8001", "", "tcp")), "1"), taking(2), busy,
		"services.web-2.ports: no host port of 8000-8001/tcp is free for web-2: "+
			"8000 is taken by container x-0, 8001 is wanted by web-1")
}

func TestAContainerThatStartedMeanwhileHasItsPortOfTheRange(t *testing.T) {
	p := plan.New("app")
	p.Add(plan.Node{ID: "start", Service: "web", Op: plan.Start{
		Container: plan.Ref{ID: "0", Name: "x-0"}, Ports: []types.ServicePortConfig{port("8000-8001", "", "tcp")},
	}})
	check(t, p, taking(2), nil)
	check(t, p, taking(3)[1:], nil) // it has 8000 yet to get
	check(t, p, append(taking(2)[1:], running("5", "y", "", 8000)), nil,
		"services.web.ports: no host port of 8000-8001/tcp is free for x-0: "+
			"8000 is taken by container y (service front of project other), 8001 is taken by container x-1")
}

// The engine may give web either port; it is not certain that db fails.
func TestRangesOfSeveralServicesAreLookedAtTogether(t *testing.T) {
	check(t, creating([]wish{
		{name: "web", ports: []types.ServicePortConfig{port("8000-8001", "", "tcp")}},
		{name: "db", ports: []types.ServicePortConfig{port("8000-8000", "", "tcp")}},
	}), nil, nil)
	check(t, creating([]wish{
		{name: "web", ports: []types.ServicePortConfig{port("8000-8001", "", "tcp")}},
		{name: "api", ports: []types.ServicePortConfig{port("8001", "127.0.0.1", "tcp")}},
		{name: "db", ports: []types.ServicePortConfig{port("8000-8000", "", "tcp")}},
	}), nil, nil,
		"services.db.ports: no host port of 8000-8000/tcp is free for db: 8000 is wanted by web")
}

func TestOnlyRangesThatCompeteCount(t *testing.T) {
	at := func(ips ...string) []wish {
		var out []wish
		for i, ip := range ips {
			out = append(out, wish{name: fmt.Sprint("c", i), ports: []types.ServicePortConfig{port("8000-8001", ip, "tcp")}})
		}
		return out
	}
	check(t, creating(at("127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2", "::1", "::1")), nil, nil)
	check(t, creating(at("127.0.0.1", "127.0.0.1", "127.0.0.2", "0.0.0.0", "::1")), nil, nil,
		"services.c3.ports: no host port of 8000-8001/tcp is free for c3: 8000 is wanted by c0, 8001 is wanted by c1")
	check(t, creating(at("::1", "::1", "")), nil, nil,
		"services.c2.ports: no host port of 8000-8001/tcp is free for c2: 8000 is wanted by c0, 8001 is wanted by c1")
	onlyThere := append(taking(0), running("1", "x", "127.0.0.1", 8000), running("2", "y", "127.0.0.1", 8001))
	check(t, creating(at("127.0.0.2", "::")), onlyThere, nil)
	check(t, creating(at("127.0.0.2")), onlyThere, host{taken: map[int]bool{8000: true, 8001: true}})
}

// An engine that gives a container the first free port of the range for IPv4
// and for IPv6 on its own leaves one of each here.
func TestDifferentPortsOfIPv4AndIPv6LeaveRoom(t *testing.T) {
	k := running("1", "x", "0.0.0.0", 8001)
	k.Ports = append(k.Ports, engine.Port{HostIP: "::", Published: 8000, Target: 80, Protocol: "tcp"})
	others := append(taking(0), k)
	busy := host{taken: map[int]bool{8000: true, 8001: true}} // by the container
	check(t, creating(web(port("8000-8001", "", "tcp"))), others, busy)
	check(t, creating(replicas(2, port("8000-8001", "", "tcp"))), others, nil,
		"services.web-2.ports: no host port of 8000-8001/tcp is free for web-2: "+
			"8000 is wanted by web-1, 8001 is taken by container x (service front of project other)")
	check(t, creating(web(port("8000", "0.0.0.0", "tcp"))), others, nil)
}

// What preflight foretells is what happens: with a range of three ports and one
// holder, two containers start and the third does not.
func TestTheEngineRefusesWhatPreflightForetold(t *testing.T) {
	e := enginetest.New(enginetest.WithContractImages())
	t.Cleanup(func() { _ = e.Close() })
	start := func(name string) error {
		spec := engine.ContainerSpec{Name: name, Image: enginetest.ContractImage, NetworkMode: "bridge"}
		spec.Service.Name, spec.Service.Command = name, types.ShellCommand{"sleep", "1000"}
		spec.Service.Ports = []types.ServicePortConfig{port("8000-8002", "", "tcp")}
		made, err := e.CreateContainer(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		return e.StartContainer(t.Context(), made.ID)
	}
	if err := start("other"); err != nil {
		t.Fatal(err)
	}
	found, err := preflight.Look(t.Context(), creating(replicas(3, port("8000-8002", "", "tcp"))), e, nil)
	if err != nil || len(found) != 1 || found[0].Where != "services.web-3.ports" {
		t.Errorf("got %v, %v", found, err)
	}
	for _, r := range replicas(3) {
		err := start(r.name)
		if (err != nil) != (r.name == "web-3") {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}
