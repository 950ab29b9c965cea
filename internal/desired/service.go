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
	svc := Service{
		Name: config.Name, Config: config, Scale: config.GetScale(), Image: ImageName(p, config, opt.Separator),
		separator: opt.Separator, DependsOn: dependencies(config),
	}
	svc.refersTo(config.ContainerSpec, opt.firstContainers)
	if opt.Names {
		return svc, nil
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
	svc.Hash, svc.ImageID = hash, opt.Images[svc.Image].ID
	if id := opt.Pinned[config.Name]; id != "" && id != svc.ImageID {
		svc.Image, svc.ImageID = id, id
	}
	svc.MountedImages = mountedImages(config, opt.Images)
	svc.Canonical, err = canonical(config, digests(config, opt.Contents))
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

// refersTo finds the services whose containers a service's namespaces and volumes
// are: those named as such, and those whose first container is named.
func (s *Service) refersTo(config types.ContainerSpec, containers map[string]string) {
	service := func(ref string) string {
		if name, ok := strings.CutPrefix(ref, types.ServicePrefix); ok {
			return name
		}
		name, ok := strings.CutPrefix(ref, types.ContainerPrefix)
		if other := containers[name]; ok && other != s.Name {
			return other
		}
		return ""
	}
	parents, namespaces := map[string]bool{}, map[string]bool{}
	s.NetworkParent = service(config.NetworkMode)
	for _, name := range []string{s.NetworkParent, service(config.Ipc), service(config.Pid)} {
		if name != "" {
			parents[name], namespaces[name] = true, true
		}
	}
	for _, from := range config.VolumesFrom {
		name, isContainer := strings.CutPrefix(from, types.ContainerPrefix)
		name, _, _ = strings.Cut(name, ":")
		if isContainer {
			name = service(types.ContainerPrefix + name)
		}
		if name != "" {
			parents[name] = true
		}
	}
	s.Parents, s.NamespaceParents = sortedKeys(parents), sortedKeys(namespaces)
}

// firstContainers maps the name of each service's first container to the service.
func firstContainers(p *types.Project, separator string) map[string]string {
	out := map[string]string{}
	for name, config := range p.Services {
		out[Service{Name: name, Config: config, separator: separator}.ContainerName(p.Name, 1)] = name
	}
	return out
}
