package desired

import (
	"fmt"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/confighash"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

func buildService(p *types.Project, config types.ServiceConfig, opt Options) (Service, error) {
	if opt.Names {
		return Service{
			Name: config.Name, Config: config, Scale: config.GetScale(), Image: ImageName(p, config, opt.Separator),
			separator: opt.Separator, DependsOn: dependencies(config), Parents: parents(config.ContainerSpec),
		}, nil
	}
	hash, err := confighash.Service(config)
	if err != nil {
		return Service{}, err
	}
	files, binds, err := injected(p, config.ContainerSpec, "services."+config.Name, opt.Contents)
	if err != nil {
		return Service{}, err
	}
	mounts, err := resolveVolumes(p, config.Volumes)
	if err != nil {
		return Service{}, fmt.Errorf("services.%s.volumes: %w", config.Name, err)
	}
	svc := Service{
		Name: config.Name, Config: config, Scale: config.GetScale(), Hash: hash,
		Image: ImageName(p, config, opt.Separator), separator: opt.Separator,
		DependsOn: dependencies(config), Parents: parents(config.ContainerSpec),
	}
	svc.ImageID = opt.Images[svc.Image].ID
	svc.MountedImages = mountedImages(config, opt.Images)
	svc.Canonical, err = canonical(config, digests(p, config, opt.Contents))
	if err != nil {
		return Service{}, err
	}
	encoded, err := svc.Canonical.Encode()
	if err != nil {
		return Service{}, err
	}
	svc.template = engine.ContainerSpec{
		Project: p.Name, Service: config, Image: svc.Image,
		Labels:      serviceLabels(p, config, opt, hash, svc.ImageID, encoded),
		NetworkMode: config.NetworkMode, IPCMode: config.Ipc, PIDMode: config.Pid,
		VolumesFrom: config.VolumesFrom, Links: links(p, config, opt.Separator),
		Mounts: append(mounts, binds...), Files: files,
		TTY: config.Tty,
	}
	if svc.MountedImages != "" {
		svc.template.Labels[labels.MountedImages] = svc.MountedImages
	}
	svc.template.Networks = endpoints(p.Networks, config, svc.template.Links)
	if err := buildPreStart(p, &svc, opt); err != nil {
		return Service{}, err
	}
	return svc, nil
}

func serviceLabels(p *types.Project, config types.ServiceConfig, opt Options, hash, imageID, spec string) map[string]string {
	own := map[string]string{
		labels.Project: p.Name, labels.Service: config.Name, labels.Version: opt.Version,
		labels.ConfigHash: hash, labels.DependsOn: dependsLabel(config),
		labels.WorkingDir: p.WorkingDir, labels.ConfigFiles: strings.Join(opt.ConfigFiles, ","),
		labels.Spec: spec,
	}
	if imageID != "" {
		own[labels.Image] = imageID
	}
	if len(opt.EnvFiles) > 0 {
		own[labels.EnvironmentFile] = strings.Join(opt.EnvFiles, ",")
	}
	return merge(config.Labels, own)
}

// mountedImages is the value of the label MountedImages; images that are not
// here are left out.
func mountedImages(config types.ServiceConfig, images map[string]engine.Image) string {
	var parts []string
	for _, v := range config.Volumes {
		if id := images[v.Source].ID; v.Type == types.VolumeTypeImage && id != "" {
			parts = append(parts, v.Target+"="+id)
		}
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

// dependsLabel is "service:condition:restart", comma-separated and sorted.
func dependsLabel(config types.ServiceConfig) string {
	var parts []string
	for _, name := range sortedKeys(config.DependsOn) {
		d := config.DependsOn[name]
		parts = append(parts, fmt.Sprintf("%s:%s:%t", name, d.Condition, d.Restart))
	}
	return strings.Join(parts, ",")
}

func dependencies(config types.ServiceConfig) []Dependency {
	var out []Dependency
	for _, name := range sortedKeys(config.DependsOn) {
		d := config.DependsOn[name]
		out = append(out, Dependency{Service: name, Condition: d.Condition, Restart: d.Restart, Required: d.Required})
	}
	return out
}

// parents lists the services named by network_mode, ipc, pid and volumes_from.
func parents(c types.ContainerSpec) []string {
	seen := map[string]bool{}
	for _, mode := range []string{c.NetworkMode, c.Ipc, c.Pid} {
		if name, ok := strings.CutPrefix(mode, types.ServicePrefix); ok {
			seen[name] = true
		}
	}
	for _, from := range c.VolumesFrom {
		if !strings.HasPrefix(from, types.ContainerPrefix) {
			name, _, _ := strings.Cut(from, ":")
			seen[name] = true
		}
	}
	return sortedKeys(seen)
}
