package desired

import (
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// PreStartHook is one pre_start hook of a service: a container that runs to its
// end before the service starts. It mounts the volumes of the service's container.
type PreStartHook struct {
	Spec engine.ContainerSpec
	// PerReplica runs it for each replica instead of once.
	PerReplica bool
	// VolumesFrom says that it takes the volumes from the service's container,
	// which is the only way to the anonymous ones. Engines cannot do that when one
	// of the mounts is a tmpfs; then Spec names the others itself.
	VolumesFrom bool
}

// buildPreStart makes the specs of a service's pre_start hooks. The loader has
// put into each hook what it inherits from the service, all but the volumes.
func buildPreStart(p *types.Project, svc *Service, opt Options) error {
	for i, hook := range svc.Config.PreStart {
		where := fmt.Sprintf("services.%s.pre_start[%d]", svc.Name, i)
		config := types.ServiceConfig{Name: svc.Name, ContainerSpec: hook.ContainerSpec}
		if config.Image == "" {
			config.Image = svc.Image
		}
		files, binds, err := injected(p, config.ContainerSpec, where, opt.Contents)
		if err != nil {
			return err
		}
		mounts, err := resolveVolumes(p, config.Volumes)
		if err != nil {
			return fmt.Errorf("%s.volumes: %w", where, err)
		}
		share := !hasTmpfs(svc.template.Mounts)
		if !share {
			mounts = append(withoutTargets(svc.template.Mounts, mounts), mounts...)
		}
		name := strings.Join([]string{p.Name, svc.Name, "pre_start", fmt.Sprint(i + 1)}, opt.Separator)
		svc.preStart = append(svc.preStart, PreStartHook{PerReplica: hook.PerReplica, VolumesFrom: share, Spec: engine.ContainerSpec{
			Project: p.Name, Service: config, Name: name, Image: config.Image,
			Labels: merge(config.Labels, map[string]string{
				labels.Project: p.Name, labels.Service: svc.Name, labels.Version: opt.Version,
				labels.Hook: "pre_start", labels.WorkingDir: p.WorkingDir,
				labels.ConfigFiles: strings.Join(opt.ConfigFiles, ","),
			}),
			NetworkMode: config.NetworkMode, IPCMode: config.Ipc, PIDMode: config.Pid, VolumesFrom: config.VolumesFrom,
			Mounts: append(mounts, binds...), Files: files, Networks: hookEndpoints(p, config),
		}})
	}
	return nil
}

// hookEndpoints joins a hook to the service's networks without its names and
// fixed addresses, which belong to the service's own containers.
func hookEndpoints(p *types.Project, config types.ServiceConfig) []engine.Endpoint {
	var out []engine.Endpoint
	for _, e := range endpoints(p.Networks, config, nil) {
		out = append(out, engine.Endpoint{Network: e.Network})
	}
	return out
}

// PreStart are the service's pre_start hooks, in order.
func (s Service) PreStart() []PreStartHook { return s.preStart }

func hasTmpfs(mounts []types.ServiceVolumeConfig) bool {
	for _, m := range mounts {
		if m.Type == types.VolumeTypeTmpfs {
			return true
		}
	}
	return false
}

// withoutTargets are the named mounts of a service that a hook does not replace.
func withoutTargets(mounts, own []types.ServiceVolumeConfig) []types.ServiceVolumeConfig {
	taken := map[string]bool{}
	for _, m := range own {
		taken[m.Target] = true
	}
	var out []types.ServiceVolumeConfig
	for _, m := range mounts {
		if m.Source != "" && m.Type != types.VolumeTypeTmpfs && !taken[m.Target] {
			out = append(out, m)
		}
	}
	return out
}
