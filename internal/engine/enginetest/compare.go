package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// SetDrift makes [Engine.Compare] report these changes for a container beside
// those it finds, as if it had been made by another tool or changed by hand.
func (e *Engine) SetDrift(id string, changes ...engine.Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, err := e.find("", id); err == nil {
		c.drift = changes
	}
}

// Compare tells in which fields a container differs from what CreateContainer
// would make of the spec. It counts as the inspections of the container and of
// its image, and the first time as the question for the engine's defaults. The
// fields that mean nothing to an engine are left out.
func (e *Engine) Compare(ctx context.Context, spec engine.ContainerSpec, id string) ([]engine.Change, error) {
	e.mu.Lock()
	first := !e.factsKnown
	e.factsKnown = true
	e.mu.Unlock()
	if first {
		if err := e.call(ctx, request{method: "EngineFacts"}, func() error { return nil }); err != nil {
			return nil, err
		}
	}
	if _, err := e.InspectContainer(ctx, id); err != nil {
		return nil, err
	}
	var changes []engine.Change
	err := e.call(ctx, request{method: "InspectImage", args: []string{spec.Image}}, func() error {
		c, err := e.find("compare container", id)
		if err != nil {
			return err
		}
		changes, err = e.compare(c, spec)
		return err
	})
	return changes, err
}

// compare is Compare under the mutex.
func (e *Engine) compare(c *container, spec engine.ContainerSpec) ([]engine.Change, error) {
	have, err := fields(c.spec)
	if err != nil {
		return nil, err
	}
	want, err := fields(spec)
	if err != nil {
		return nil, err
	}
	have["image"], want["image"] = c.image.ID, spec.Image
	if img, ok := e.localImage(spec.Image); ok {
		want["image"] = img.ID
	}
	paths := maps.Clone(have)
	maps.Copy(paths, want)
	changes := slices.Clone(c.drift)
	for _, path := range sortedKeys(paths) {
		if have[path] != want[path] {
			changes = append(changes, engine.Change{Path: path, Old: have[path], New: want[path]})
		}
	}
	return changes, nil
}

// fields are the values of a spec that its container would show, by the path
// of their Compose keys.
func fields(spec engine.ContainerSpec) (map[string]string, error) {
	service := spec.Service
	service.Environment, service.Labels, service.Image = nil, nil, ""
	service.Build, service.PullPolicy, service.Scale, service.DependsOn, service.Profiles = nil, "", nil, nil, nil
	service.Develop, service.Attach, service.PostStart, service.PreStop, service.PreStart = nil, nil, nil, nil, nil
	service.Networks, service.Volumes, service.Extends, service.EnvFiles, service.LabelFiles = nil, nil, nil, nil, nil
	service.Configs, service.Secrets = nil, nil
	if service.Deploy != nil {
		service.Deploy = &types.DeployConfig{Resources: service.Deploy.Resources}
	}
	content, err := json.Marshal(service)
	if err != nil {
		return nil, fmt.Errorf("compare service %s: %w", service.Name, err)
	}
	tree := map[string]any{}
	if err := json.Unmarshal(content, &tree); err != nil {
		return nil, fmt.Errorf("compare service %s: %w", service.Name, err)
	}
	c := &container{spec: spec}
	all := map[string]string{"restart": c.restartPolicy().name}
	flatten(all, "", tree)
	for _, entry := range c.env() {
		key, value, _ := strings.Cut(entry, "=")
		all["environment."+key] = value
	}
	for key, value := range spec.Labels {
		if !strings.HasPrefix(key, "com.docker.compose.") && !strings.HasPrefix(key, "dev.berth.") {
			all["labels."+key] = value
		}
	}
	for _, ep := range spec.Networks {
		all["networks."+ep.Network] = strings.Join(ep.Aliases, ",")
	}
	for _, m := range spec.Mounts {
		all["volumes."+m.Target] = m.String()
	}
	all["network_mode"] = spec.NetworkMode
	return all, nil
}

// flatten writes a tree's leaves under their paths.
func flatten(all map[string]string, path string, value any) {
	tree, ok := value.(map[string]any)
	if !ok {
		all[path] = fmt.Sprint(value)
		return
	}
	for key, inner := range tree {
		flatten(all, strings.TrimPrefix(path+"."+key, "."), inner)
	}
}
