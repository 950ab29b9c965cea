package docker

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/mount"

	"github.com/berth-dev/berth/internal/engine"
)

// newMounts divides the mounts between the engine's two ways to ask for them.
// Binds make a missing host path and know SELinux labels; Mounts know all the
// rest. The choice is docker compose's, so that both tools ask for the same.
func newMounts(spec engine.ContainerSpec, api string) (binds []string, mounts []mount.Mount, err error) {
	for _, volume := range spec.Mounts {
		if usesBind(volume, api) {
			binds = append(binds, newBind(volume))
			continue
		}
		mounts = append(mounts, newMount(volume))
	}
	hidden, err := fileMounts(spec)
	if err != nil {
		return nil, nil, err
	}
	return binds, append(mounts, hidden...), nil
}

// usesBind tells whether a mount is asked for as "source:target:options".
func usesBind(volume types.ServiceVolumeConfig, api string) bool {
	switch volume.Type {
	case types.VolumeTypeBind:
		bind := volume.Bind
		switch {
		case bind == nil:
			return true
		case bind.SELinux != "":
			return true
		case !bool(bind.CreateHostPath), bind.Recursive != "":
			return false
		}
		// Before API 1.42 only binds create a missing host path.
		return bind.Propagation == "" || olderThan(api, "1.42")
	case types.VolumeTypeVolume:
		options := volume.Volume
		plain := options == nil || len(options.Labels) == 0 && options.Subpath == "" && !options.NoCopy
		return plain && volume.Source != ""
	}
	return false
}

// newBind writes the short form.
func newBind(volume types.ServiceVolumeConfig) string {
	options := []string{"rw"}
	if volume.ReadOnly {
		options[0] = "ro"
	}
	if bind := volume.Bind; bind != nil {
		if bind.SELinux != "" {
			options = append(options, bind.SELinux)
		}
		if bind.Propagation != "" {
			options = append(options, bind.Propagation)
		}
	}
	return volume.Source + ":" + volume.Target + ":" + strings.Join(options, ",")
}

// newMount writes the long form.
func newMount(volume types.ServiceVolumeConfig) mount.Mount {
	result := mount.Mount{
		Type: mount.Type(volume.Type), Source: volume.Source, Target: volume.Target,
		ReadOnly: volume.ReadOnly, Consistency: mount.Consistency(volume.Consistency),
	}
	if bind := volume.Bind; bind != nil && volume.Type == types.VolumeTypeBind {
		result.BindOptions = &mount.BindOptions{
			Propagation:            mount.Propagation(bind.Propagation),
			CreateMountpoint:       bool(bind.CreateHostPath),
			NonRecursive:           bind.Recursive == "disabled",
			ReadOnlyNonRecursive:   bind.Recursive == "writable",
			ReadOnlyForceRecursive: bind.Recursive == "readonly",
		}
	}
	if options := volume.Volume; options != nil && volume.Type == types.VolumeTypeVolume {
		result.VolumeOptions = &mount.VolumeOptions{NoCopy: options.NoCopy, Labels: options.Labels, Subpath: options.Subpath}
	}
	if options := volume.Tmpfs; options != nil && volume.Type == types.VolumeTypeTmpfs {
		result.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: int64(options.Size), Mode: fs.FileMode(options.Mode)}
	}
	if options := volume.Image; options != nil && volume.Type == types.VolumeTypeImage {
		result.ImageOptions = &mount.ImageOptions{Subpath: options.SubPath}
	}
	return result
}

// fileMounts are anonymous volumes for the directories of configs and secrets
// that have to be written into the container but would not be there: a
// read-only root refuses them, and a tmpfs is mounted over them at start.
func fileMounts(spec engine.ContainerSpec) ([]mount.Mount, error) {
	var dirs []string
	for _, file := range spec.Files {
		over := closestMount(spec, file.Target)
		if over == "volume" || over == "" && !spec.Service.ReadOnly {
			continue
		}
		dir := path.Dir(path.Clean(file.Target))
		if dir == "/" {
			return nil, fmt.Errorf("%s: %s cannot be placed in the root directory of a read-only container; give its config or secret a target in a directory of its own, such as /run/secrets/%s",
				field(spec.Service.Name, "read_only"), file.Target, path.Base(file.Target))
		}
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	var mounts []mount.Mount
	for _, dir := range slices.Compact(dirs) {
		mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Target: dir})
	}
	return mounts, nil
}

// closestMount is the type of the innermost mount that holds a path: "volume"
// for what can be written before the start, "tmpfs" for what cannot, empty for
// the container's own file system.
func closestMount(spec engine.ContainerSpec, target string) string {
	found, longest := "", 0
	consider := func(point, kind string) {
		point = path.Clean(point)
		if strings.HasPrefix(path.Clean(target), strings.TrimSuffix(point, "/")+"/") && len(point) > longest {
			found, longest = kind, len(point)
		}
	}
	for _, volume := range spec.Mounts {
		kind := "volume"
		if volume.Type == types.VolumeTypeTmpfs {
			kind = "tmpfs"
		}
		consider(volume.Target, kind)
	}
	for point := range newTmpfs(spec.Service.Tmpfs) {
		consider(point, "tmpfs")
	}
	return found
}
