package enginetest

import (
	"github.com/berth-dev/berth/internal/engine"
)

// network creates a network and returns its ID.
func (s *subject) network(name string) string {
	s.Helper()
	id, err := s.e.CreateNetwork(s.Context(), engine.NetworkSpec{Name: s.name(name), Labels: s.labels()})
	s.fine(err)
	return id
}

// networkBehaviours are about networks.
func networkBehaviours() []Behaviour {
	return []Behaviour{
		{"a network's name can be had once", func(s *subject) {
			s.network("n")
			_, err := s.e.CreateNetwork(s.Context(), engine.NetworkSpec{Name: s.name("n"), Labels: s.labels()})
			s.refused(err, engine.ErrConflict, "already exists")
		}},
		{"networks are listed by project or name", func(s *subject) {
			id := s.network("n")
			for what, ask := range map[string][]string{"project": {s.project}, "name": {"", s.name("n")}} {
				list, err := s.e.Networks(s.Context(), ask[0], ask[1:]...)
				s.fine(err)
				if len(list) != 1 || list[0].ID != id || list[0].Name != s.name("n") || list[0].Driver != "bridge" {
					s.Errorf("by %s: got %+v", what, list)
				}
			}
			list, err := s.e.Networks(s.Context(), s.project+"x", s.name("nn"))
			s.fine(err)
			equal(s, "networks of others", len(list), 0)
		}},
		{"a network gets a subnet if it brings none", func(s *subject) {
			s.network("n")
			list, err := s.e.Networks(s.Context(), s.project)
			s.fine(err)
			ipam := list[0].IPAM
			if ipam.Driver != "default" || len(ipam.Config) != 1 || ipam.Config[0].Subnet == "" || ipam.Config[0].Gateway == "" {
				s.Errorf("got %+v", ipam)
			}
		}},
		{"a missing network is not found at the start", func(s *subject) {
			spec := s.sleeper("a")
			spec.Networks = []engine.Endpoint{{Network: s.name("missing")}}
			id := s.create(spec)
			s.refused(s.e.StartContainer(s.Context(), id), engine.ErrNotFound, "network "+s.name("missing")+" not found")
		}},
		{"a missing network is not found by its requests", func(s *subject) {
			spec, missing := s.sleeper("a"), s.name("missing")
			spec.NetworkMode = "bridge"
			id := s.run(spec)
			s.refused(s.e.RemoveNetwork(s.Context(), missing), engine.ErrNotFound, "not found")
			s.refused(s.e.ConnectNetwork(s.Context(), missing, id, engine.Endpoint{Network: missing}), engine.ErrNotFound, "not found")
			s.refused(s.e.DisconnectNetwork(s.Context(), missing, id, false), engine.ErrNotFound, "not found")
		}},
	}
}

// endpointBehaviours are about containers on networks.
func endpointBehaviours() []Behaviour {
	return []Behaviour{
		{"a network is in use while a container on it runs", aNetworkIsInUse},
		{"a container joins all of its networks under its aliases", aContainerJoinsItsNetworks},
		{"a running container is connected and disconnected", aRunningContainerIsConnected},
		{"a connection gives no hardware address from API 1.44 on, the creation does", aHardwareAddressIsGiven},
		{"a container without networks has none and joins none", func(s *subject) {
			network, id := s.network("n"), s.run(s.sleeper("a"))
			equal(s, "network mode", s.row(id).NetworkMode, "none")
			err := s.e.ConnectNetwork(s.Context(), network, id, engine.Endpoint{Network: network})
			s.refused(err, nil, "container cannot be connected to multiple networks with one of the networks in private (none) mode")
		}},
		{"a stopped container comes up on a network made anew under the old name", func(s *subject) {
			old := s.network("n")
			spec := s.sleeper("a")
			spec.Networks = []engine.Endpoint{{Network: s.name("n")}}
			id := s.create(spec)
			s.fine(s.e.RemoveNetwork(s.Context(), old))
			anew := s.network("n")
			s.fine(s.e.StartContainer(s.Context(), id))
			equal(s, "network", s.row(id).Networks[s.name("n")].NetworkID, anew)
		}},
	}
}

func aNetworkIsInUse(s *subject) {
	network := s.network("n")
	spec := s.sleeper("a")
	spec.Networks = []engine.Endpoint{{Network: s.name("n")}}
	id := s.run(spec)
	s.refused(s.e.RemoveNetwork(s.Context(), network), engine.ErrInUse, "has active endpoints")
	s.fine(s.e.KillContainer(s.Context(), id, ""))
	s.reaches(id, engine.Exited)
	s.fine(s.e.RemoveNetwork(s.Context(), s.name("n")))
}

func aContainerJoinsItsNetworks(s *subject) {
	ids := map[string]string{s.name("n1"): s.network("n1"), s.name("n2"): s.network("n2")}
	spec := s.sleeper("a")
	spec.Networks = []engine.Endpoint{
		{Network: s.name("n1"), Aliases: []string{"one"}}, {Network: s.name("n2"), Aliases: []string{"two"}},
	}
	id := s.run(spec)
	c := s.row(id)
	equal(s, "networks", len(c.Networks), 2)
	for name, network := range ids {
		if at := c.Networks[name]; at.NetworkID != network || at.IPAddress == "" {
			s.Errorf("%s: got %+v", name, at)
		}
	}
	if listed := c.Networks[s.name("n2")].Aliases; len(listed) > 0 {
		s.Errorf("the list tells aliases: %v", listed)
	}
	if aliases := s.detail(id).Networks[s.name("n2")].Aliases; len(aliases) == 0 || aliases[0] != "two" {
		s.Errorf("aliases %v", aliases)
	}
}

func aRunningContainerIsConnected(s *subject) {
	network, name := s.network("n"), s.name("n")
	spec := s.sleeper("a")
	spec.NetworkMode = "bridge"
	id := s.run(spec)
	s.refused(s.e.DisconnectNetwork(s.Context(), network, id, false), engine.ErrNotFound, "is not connected")
	s.fine(s.e.ConnectNetwork(s.Context(), network, id, engine.Endpoint{Network: name, Aliases: []string{"x"}}))
	if at, ok := s.row(id).Networks[name]; !ok || at.IPAddress == "" {
		s.Errorf("connected: got %+v", s.row(id).Networks)
	}
	s.refused(s.e.ConnectNetwork(s.Context(), network, id, engine.Endpoint{Network: name}), nil, "already exists in network")
	s.fine(s.e.DisconnectNetwork(s.Context(), network, id, false))
	if _, ok := s.row(id).Networks[name]; ok {
		s.Errorf("disconnected: got %+v", s.row(id).Networks)
	}
	s.fine(s.e.RemoveNetwork(s.Context(), network))
}

func aHardwareAddressIsGiven(s *subject) {
	const mine = "02:42:ac:11:22:33"
	network := s.network("n")
	spec := s.sleeper("a")
	spec.Networks = []engine.Endpoint{{Network: s.name("n"), MacAddress: mine}}
	id := s.run(spec)
	equal(s, "address after the creation", s.row(id).Networks[s.name("n")].MacAddress, mine)
	info, err := s.e.Info(s.Context())
	s.fine(err)
	for _, running := range []bool{true, false} {
		s.fine(s.e.DisconnectNetwork(s.Context(), network, id, false))
		if !running {
			s.fine(s.e.KillContainer(s.Context(), id, ""))
			s.reaches(id, engine.Exited)
		}
		s.fine(s.e.ConnectNetwork(s.Context(), network, id, spec.Networks[0]))
		s.fine(s.e.StartContainer(s.Context(), id))
		got := s.row(id).Networks[s.name("n")].MacAddress
		if (got == mine) == info.JoinsLoseMAC || got == "" {
			s.Errorf("connected while running %t, API %s: got %q", running, info.APIVersion, got)
		}
	}
}
