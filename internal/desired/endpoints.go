package desired

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// endpoints joins a service to its networks, the one of highest priority first.
func endpoints(networks types.Networks, config types.ServiceConfig, links []string) []engine.Endpoint {
	if config.NetworkMode != "" {
		return nil
	}
	var out []engine.Endpoint
	for i, key := range config.NetworksByPriority() {
		own := config.Networks[key]
		e := engine.Endpoint{Network: networks[key].Name, Config: own, Links: links}
		if own.ServiceNameAliasEnabled() {
			e.Aliases = append(e.Aliases, config.Name)
		}
		if own != nil {
			e.Aliases = append(e.Aliases, own.Aliases...)
			e.MacAddress = own.MacAddress
		}
		if i == 0 && e.MacAddress == "" {
			e.MacAddress = config.MacAddress
		}
		out = append(out, e)
	}
	return out
}

// links writes a service's links as "<container>:<alias>": each replica of the
// linked service answers to the alias, to "<service>-<n>" and to its full name.
func links(p *types.Project, config types.ServiceConfig, separator string) []string {
	var out []string
	for _, link := range config.Links {
		name, alias, ok := strings.Cut(link, ":")
		if !ok {
			alias = name
		}
		linked, ok := p.Services[name]
		if !ok {
			continue
		}
		target := Service{Name: name, Config: linked, separator: separator}
		for n := 1; n <= linked.GetScale(); n++ {
			container := target.ContainerName(p.Name, n)
			short := fmt.Sprintf("%s%s%d", name, separator, n)
			out = append(out, container+":"+alias, container+":"+short,
				container+":"+p.Name+separator+short)
		}
	}
	for _, link := range config.ExternalLinks {
		if !strings.Contains(link, ":") {
			link += ":" + link
		}
		out = append(out, link)
	}
	return out
}

// addUnselected notes the services of the files that are off or were not asked
// for. Their containers may have to be joined to a network again.
func (s *State) addUnselected(p *types.Project, opt Options) {
	all := *p
	all.Services = p.AllServices()
	for name, config := range p.DisabledServices {
		s.Known[name] = true
		s.unselected[name] = endpoints(p.Networks, config, links(&all, config, opt.Separator))
	}
}

// Endpoint is how containers of a service of the files, selected or not, are
// joined to the named network, their own names left out; ok is false where the
// files do not say.
func (s *State) Endpoint(service, network string) (e engine.Endpoint, ok bool) {
	list := s.unselected[service]
	if svc, selected := s.Service(service); selected {
		list = svc.template.Networks
	}
	return onNetwork(list, network)
}

// Endpoint is how containers with the spec, which is of the named service, are
// joined to the network with a key in the files and a name on the engine.
func (c Canonical) Endpoint(service, key, network string) (e engine.Endpoint, ok bool) {
	var from struct {
		MacAddress string                                 `json:"mac_address"`
		Networks   map[string]*types.ServiceNetworkConfig `json:"networks"`
	}
	if json.Unmarshal(c.Service, &from) != nil {
		return e, false
	}
	config := types.ServiceConfig{Name: service}
	config.MacAddress, config.Networks = from.MacAddress, from.Networks
	return onNetwork(endpoints(types.Networks{key: {Name: network}}, config, nil), network)
}

func onNetwork(list []engine.Endpoint, network string) (engine.Endpoint, bool) {
	i := slices.IndexFunc(list, func(e engine.Endpoint) bool { return e.Network == network })
	if i < 0 {
		return engine.Endpoint{}, false
	}
	e := list[i]
	e.Aliases = slices.Clone(e.Aliases)
	return e, true
}
