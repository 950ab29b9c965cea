package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/format"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/mattn/go-shellwords"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/labels"
)

// override puts what the command line says into the service.
func (a *App) override(loaded *project.Loaded, r RunRequest) error {
	p := loaded.Project
	svc, ok := p.Services[r.Service]
	if !ok {
		return project.NoSuchService(r.Service, p.ServiceNames())
	}
	svc.Restart, svc.ContainerName = types.RestartPolicyNo, ""
	if svc.Deploy != nil {
		deploy := *svc.Deploy
		deploy.RestartPolicy = nil
		svc.Deploy = &deploy
	}
	svc.Tty, svc.StdinOpen = r.TTY, r.Interactive
	overrideCapabilities(&svc, r)
	if r.User != "" {
		svc.User = r.User
	}
	if r.WorkingDir != "" {
		svc.WorkingDir = r.WorkingDir
	}
	for _, step := range []func(*types.ServiceConfig, RunRequest, *project.Loaded) error{
		overrideCommand, a.overrideEnvironment, overrideLabels, overridePorts, a.overrideVolumes,
	} {
		if err := step(&svc, r, loaded); err != nil {
			return err
		}
	}
	p.Services[r.Service] = svc
	return nil
}

func overrideCommand(svc *types.ServiceConfig, r RunRequest, _ *project.Loaded) error {
	if r.Entrypoint != nil {
		words, err := shellwords.Parse(*r.Entrypoint)
		if err != nil {
			return &UsageError{fmt.Sprintf("--entrypoint %q: %v", *r.Entrypoint, err)}
		}
		if len(words) == 0 {
			words = []string{""} // none: an empty list would mean the image's own
		}
		svc.Entrypoint, svc.Command = words, nil
	}
	if len(r.Command) > 0 {
		svc.Command = r.Command
	}
	return nil
}

func overrideCapabilities(svc *types.ServiceConfig, r RunRequest) {
	without := func(list, gone []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(gone, s) })
	}
	svc.CapAdd = append(without(svc.CapAdd, r.CapDrop), r.CapAdd...)
	svc.CapDrop = append(without(svc.CapDrop, r.CapAdd), r.CapDrop...)
}

// overrideEnvironment applies --env-from-file and then -e. A variable without a
// value is taken from the environment; if it is not set there, the container
// does not have it.
func (a *App) overrideEnvironment(svc *types.ServiceConfig, r RunRequest, loaded *project.Loaded) error {
	env := types.MappingWithEquals{}
	for k, v := range svc.Environment {
		env[k] = v
	}
	lookup := func(key string) (string, bool) { v, ok := loaded.Environment[key]; return v, ok }
	for _, file := range r.EnvFiles {
		text, err := os.ReadFile(a.path(file))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return &UsageError{"--env-from-file: env file " + file + " not found"}
		case err != nil:
			return fmt.Errorf("--env-from-file: %w", err)
		}
		values, err := dotenv.ParseWithLookup(bytes.NewReader(text), lookup)
		if err != nil {
			return fmt.Errorf("--env-from-file %s: %w", file, err)
		}
		for k, v := range values {
			env[k] = &v
		}
	}
	for _, entry := range r.Env {
		key, value, given := strings.Cut(entry, "=")
		if !given {
			value, given = lookup(key)
		}
		env[key] = nil
		if given {
			env[key] = &value
		}
	}
	svc.Environment = env
	return nil
}

func overrideLabels(svc *types.ServiceConfig, r RunRequest, _ *project.Loaded) error {
	all := types.Labels{}
	for k, v := range svc.Labels {
		all[k] = v
	}
	for _, entry := range r.Labels {
		key, value, _ := strings.Cut(entry, "=")
		if key == "" {
			return &UsageError{fmt.Sprintf("--label %q: write KEY=VALUE", entry)}
		}
		all[key] = value
	}
	svc.Labels = all
	return nil
}

// overridePorts publishes nothing, unless asked to.
func overridePorts(svc *types.ServiceConfig, r RunRequest, _ *project.Loaded) error {
	if !r.ServicePorts {
		svc.Ports = nil
	}
	for _, text := range r.Publish {
		ports, err := types.ParsePortConfig(text)
		if err != nil {
			return &UsageError{fmt.Sprintf("--publish %q: %v", text, err)}
		}
		svc.Ports = append(svc.Ports, ports...)
	}
	return nil
}

// overrideVolumes adds the volumes of -v; they replace the service's own at the
// same place. Volumes that only the command line names are added later: the
// engine has them, or makes them, under just that name.
func (a *App) overrideVolumes(svc *types.ServiceConfig, r RunRequest, loaded *project.Loaded) error {
	volumes := slices.Clone(svc.Volumes)
	for _, text := range r.Volumes {
		v, err := a.parseVolume(text)
		if err != nil {
			return err
		}
		volumes = slices.DeleteFunc(volumes, func(o types.ServiceVolumeConfig) bool { return o.Target == v.Target })
		if !foreignVolume(v, loaded.Project) {
			volumes = append(volumes, v)
		}
	}
	svc.Volumes = volumes
	return nil
}

func (a *App) parseVolume(text string) (types.ServiceVolumeConfig, error) {
	v, err := format.ParseVolume(text)
	if err != nil {
		return v, &UsageError{fmt.Sprintf("--volume %q: %v", text, err)}
	}
	if v.Type == types.VolumeTypeBind {
		v.Source = a.path(v.Source)
	}
	return v, nil
}

// foreignVolume tells whether a volume has a name that the files do not have.
func foreignVolume(v types.ServiceVolumeConfig, p *types.Project) bool {
	_, known := p.Volumes[v.Source]
	return v.Type == types.VolumeTypeVolume && v.Source != "" && !known
}

// foreignMounts are the volumes of -v that the files do not have.
func (a *App) foreignMounts(r RunRequest, p *types.Project) ([]types.ServiceVolumeConfig, error) {
	var out []types.ServiceVolumeConfig
	for _, text := range r.Volumes {
		v, err := a.parseVolume(text)
		if err != nil {
			return nil, err
		}
		if foreignVolume(v, p) {
			out = append(out, v)
		}
	}
	return out, nil
}

// path resolves a path of the command line.
func (a *App) path(name string) string {
	if home, ok := strings.CutPrefix(name, "~/"); ok {
		for _, entry := range a.opt.Environ {
			if dir, found := strings.CutPrefix(entry, "HOME="); found {
				return filepath.Join(dir, home)
			}
		}
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(a.opt.WorkDir, name)
}

// oneOffSpec is the spec of a one-off container, made like the service's own
// but for its name, labels and what would get in the way of those.
func (a *App) oneOffSpec(ctx context.Context, s *upState, svc desired.Service, r RunRequest) (engine.ContainerSpec, error) {
	spec := svc.Replica(1)
	slug, err := newSlug()
	if err != nil {
		return spec, err
	}
	spec.Name = r.Name
	if spec.Name == "" {
		spec.Name = strings.Join([]string{spec.Project, r.Service, "run", slug}, separator(r.Project))
	}
	spec.Labels[labels.OneOff], spec.Labels[labels.Slug] = labels.True, slug
	delete(spec.Labels, labels.Spec)
	spec.TTY, spec.Interactive = svc.Config.Tty, svc.Config.StdinOpen
	spec.AutoRemove = r.Remove && r.Detach
	mounts, err := a.foreignMounts(r, s.loaded.Project)
	if err != nil {
		return spec, err
	}
	spec.Mounts = append(slices.Clone(spec.Mounts), mounts...)
	occupied := false
	for _, c := range s.actual.Replicas(r.Service) {
		occupied = occupied || c.IsRunning()
	}
	for i := range spec.Networks {
		oneOffEndpoint(&spec.Networks[i], spec.Name, r.UseAliases, occupied)
	}
	return spec, a.resolveOneOff(ctx, s, &spec)
}

// oneOffEndpoint keeps the service's names and, while one of its containers
// runs, its fixed addresses from a one-off container.
func oneOffEndpoint(e *engine.Endpoint, name string, useAliases, occupied bool) {
	aliases := []string{name}
	if useAliases && len(e.Aliases) > 1 {
		aliases = append(aliases, e.Aliases[1:]...) // the first one is a replica's own name
	}
	e.Aliases = aliases
	if e.Config == nil || !occupied {
		return
	}
	config := *e.Config
	config.Ipv4Address, config.Ipv6Address, config.MacAddress = "", "", ""
	e.Config, e.MacAddress = &config, ""
}

// resolveOneOff resolves references to the containers of other services.
func (a *App) resolveOneOff(ctx context.Context, s *upState, spec *engine.ContainerSpec) error {
	svc, _ := s.desired.Service(spec.Service.Name)
	spec.VolumesFrom = slices.Clone(spec.VolumesFrom)
	if len(svc.Parents) == 0 && len(spec.VolumesFrom) == 0 {
		return nil
	}
	list, err := s.engine.Containers(ctx, engine.ContainerFilter{Project: spec.Project})
	if err != nil {
		return err
	}
	return resolveParents(spec, firstReplicas(list))
}

// firstReplicas gives the first container of each service.
func firstReplicas(list []engine.Container) map[string]engine.Container {
	first := map[string]engine.Container{}
	for _, c := range list {
		name := c.Labels[labels.Service]
		if other, ok := first[name]; isReplica(c.Labels) && (!ok || numberOf(c) < numberOf(other)) {
			first[name] = c
		}
	}
	return first
}

// newSlug makes the part of a one-off container's name that no other has.
func newSlug() (string, error) {
	b := make([]byte, 6)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a container name: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// cutLast parts "name:mode" into the name and ":mode".
func cutLast(s string) (name, mode string) {
	if i := strings.Index(s, ":"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}
