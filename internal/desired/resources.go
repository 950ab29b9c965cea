package desired

import (
	"encoding/json"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/confighash"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

func (s *State) addNetworks(p *types.Project, opt Options) error {
	used := map[string]bool{}
	for _, svc := range p.Services {
		for key := range svc.Networks {
			used[key] = true
		}
	}
	for _, key := range sortedKeys(p.Networks) {
		if !used[key] && !opt.AllResources {
			continue
		}
		config := p.Networks[key]
		hash, err := confighash.Network(config)
		if err != nil {
			return fmt.Errorf("networks.%s: %w", key, err)
		}
		spec, label, err := resource(plainNetwork(config))
		if err != nil {
			return fmt.Errorf("networks.%s: %w", key, err)
		}
		s.Networks = append(s.Networks, Network{
			Key: key, External: bool(config.External), Canonical: spec,
			Spec: engine.NetworkSpec{Name: config.Name, Config: config, Labels: merge(config.Labels, map[string]string{
				labels.Project: p.Name, labels.Network: key, labels.Version: opt.Version, labels.ConfigHash: hash,
				labels.Spec: label,
			})},
		})
	}
	return nil
}

func (s *State) addVolumes(p *types.Project, opt Options) error {
	used := map[string]bool{}
	for _, svc := range p.Services {
		for _, v := range svc.Volumes {
			if v.Type == types.VolumeTypeVolume || v.Type == types.VolumeTypeCluster {
				used[v.Source] = true
			}
		}
	}
	for _, key := range sortedKeys(p.Volumes) {
		if !used[key] && !opt.AllResources {
			continue
		}
		config := p.Volumes[key]
		hash, err := confighash.Volume(config)
		if err != nil {
			return fmt.Errorf("volumes.%s: %w", key, err)
		}
		spec, label, err := resource(plainVolume(config))
		if err != nil {
			return fmt.Errorf("volumes.%s: %w", key, err)
		}
		s.Volumes = append(s.Volumes, Volume{
			Key: key, External: bool(config.External), Canonical: spec,
			Spec: engine.VolumeSpec{Name: config.Name, Config: config, Labels: merge(config.Labels, map[string]string{
				labels.Project: p.Name, labels.Volume: key, labels.Version: opt.Version, labels.ConfigHash: hash,
				labels.Spec: label,
			})},
		})
	}
	return nil
}

// resource gives the canonical spec of a network or volume and its label.
func resource(config any) (Canonical, string, error) {
	data, err := json.Marshal(config)
	if err != nil {
		return Canonical{}, "", err
	}
	c := Canonical{Version: 1, Resource: data}
	label, err := c.Encode()
	return c, label, err
}

// plainNetwork leaves out what is as the engine has it anyway, so that writing
// out a default is no change.
func plainNetwork(n types.NetworkConfig) types.NetworkConfig {
	n.Name, n.External = "", false
	n.Driver = unless(n.Driver, "bridge", "default")
	n.Ipam.Driver = unless(n.Ipam.Driver, "default")
	if n.EnableIPv4 != nil && *n.EnableIPv4 {
		n.EnableIPv4 = nil
	}
	if n.EnableIPv6 != nil && !*n.EnableIPv6 {
		n.EnableIPv6 = nil
	}
	return n
}

// plainVolume leaves out what is as the engine has it anyway.
func plainVolume(v types.VolumeConfig) types.VolumeConfig {
	v.Name, v.External = "", false
	v.Driver = unless(v.Driver, "local")
	return v
}

func unless(value string, defaults ...string) string {
	for _, d := range defaults {
		if value == d {
			return ""
		}
	}
	return value
}

// resolveVolumes replaces the keys of named volumes by the volumes' real names.
func resolveVolumes(p *types.Project, volumes []types.ServiceVolumeConfig) ([]types.ServiceVolumeConfig, error) {
	var out []types.ServiceVolumeConfig
	for _, v := range volumes {
		if (v.Type == types.VolumeTypeVolume || v.Type == types.VolumeTypeCluster) && v.Source != "" {
			config, ok := p.Volumes[v.Source]
			if !ok {
				return nil, fmt.Errorf("undefined volume %q: add it under volumes", v.Source)
			}
			v.Source = config.Name
		}
		out = append(out, v)
	}
	return out, nil
}
