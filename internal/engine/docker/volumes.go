package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/volume"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// Volumes lists the project's volumes and those with one of the names, in one
// request.
func (e *Engine) Volumes(ctx context.Context, project string, names ...string) ([]engine.Volume, error) {
	const op = "list volumes"
	if err := e.ready(ctx, op, ""); err != nil {
		return nil, err
	}
	answer, err := e.cli.VolumeList(ctx, volume.ListOptions{})
	if err != nil {
		return nil, e.fail(ctx, op, "", err)
	}
	var result []engine.Volume
	for _, row := range answer.Volumes {
		if row == nil {
			continue
		}
		if project != "" && row.Labels[labels.Project] == project || slices.Contains(names, row.Name) {
			result = append(result, engine.Volume{
				Name: row.Name, Driver: row.Driver, Mountpoint: row.Mountpoint, Scope: row.Scope,
				Options: row.Options, Labels: row.Labels, Created: parseTime(row.CreatedAt),
			})
		}
	}
	slices.SortFunc(result, func(a, b engine.Volume) int { return strings.Compare(a.Name, b.Name) })
	return result, nil
}

// CreateVolume creates a volume; the engine answers with the existing one if
// it has one of that name and driver.
func (e *Engine) CreateVolume(ctx context.Context, spec engine.VolumeSpec) (string, error) {
	var name string
	err := e.act(ctx, "create volume", spec.Name, func() error {
		answer, err := e.cli.VolumeCreate(ctx, newVolumeOptions(spec))
		name = answer.Name
		return err
	})
	return name, err
}

// RemoveVolume removes a volume and the data in it.
func (e *Engine) RemoveVolume(ctx context.Context, name string, force bool) error {
	return e.remove(ctx, "remove volume", name, func() error { return e.cli.VolumeRemove(ctx, name, force) })
}

// newVolumeOptions is the create request of a volume.
func newVolumeOptions(spec engine.VolumeSpec) volume.CreateOptions {
	return volume.CreateOptions{
		Name: spec.Name, Driver: spec.Config.Driver, DriverOpts: spec.Config.DriverOpts, Labels: spec.Labels,
	}
}
