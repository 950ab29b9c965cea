package docker

import (
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// mountView is a mount, whichever of the two ways it was asked for.
type mountView struct {
	kind, source          string
	readOnly              bool
	propagation, selinux  string
	recursive             string
	noCopy                bool
	subpath, size, perms  string
	volumeLabels, drivers string
}

// mounts compares mounts by their target.
func (c *comparison) mounts() {
	want, got := mountViews(c.want.host), mountViews(c.got.container.HostConfig)
	for _, target := range sortedSet(append(sortedKeys(want), sortedKeys(got)...)) {
		after, has := want[target]
		before, had := got[target]
		switch {
		case !has && c.explained(target, before):
		case !has:
			c.differ("volumes."+target, before.String(), "")
		case !had && c.forFiles(target):
		case !had:
			c.differ("volumes."+target, "", after.String())
		default:
			// An anonymous volume has got a name, its own or that of the
			// container it was taken over from.
			if after.kind == "volume" && after.source == "" && before.kind == "volume" {
				before.source = ""
			}
			if before != after {
				c.differ("volumes."+target, before.String(), after.String())
			}
		}
	}
	c.mapping("tmpfs", tmpfsOptions(c.got.container.HostConfig.Tmpfs), tmpfsOptions(c.want.host.Tmpfs))
}

// explained tells whether a mount the file does not ask for has a reason: a
// volume the image declares, which Compose tools carry over to the next
// container, or docker compose's way to place a config or secret that berth
// copies.
func (c *comparison) explained(target string, view mountView) bool {
	if view.kind == "volume" && slices.Contains(mapStrings(c.got.image.volumes, path.Clean), target) {
		return true
	}
	for _, file := range c.spec.Files {
		if path.Clean(file.Target) == target && view.kind == "bind" {
			return true
		}
	}
	return false
}

// forFiles tells whether a mount is one that berth adds for copied files, which
// a container of docker compose does not have.
func (c *comparison) forFiles(target string) bool {
	added, err := fileMounts(c.spec)
	return err == nil && slices.ContainsFunc(added, func(m mount.Mount) bool { return m.Target == target })
}

// mountViews keys a host configuration's mounts by target.
func mountViews(host *container.HostConfig) map[string]mountView {
	result := map[string]mountView{}
	for _, bind := range host.Binds {
		target, view := parseBind(bind)
		result[target] = view
	}
	for _, m := range host.Mounts {
		result[path.Clean(m.Target)] = viewMount(m)
	}
	return result
}

// parseBind reads "source:target:options".
func parseBind(bind string) (target string, view mountView) {
	drive := ""
	if len(bind) > 2 && bind[1] == ':' && (bind[2] == '\\' || bind[2] == '/') {
		drive, bind = bind[:2], bind[2:]
	}
	source, rest, _ := strings.Cut(bind, ":")
	target, options, _ := strings.Cut(rest, ":")
	source = drive + source
	view = mountView{kind: "volume", source: source}
	if strings.HasPrefix(source, "/") || drive != "" {
		view.kind, view.source = "bind", path.Clean(source)
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "ro":
			view.readOnly = true
		case "z", "Z":
			view.selinux = option
		case "nocopy":
			view.noCopy = true
		case "", "rw", "copy", "rprivate", "cached", "delegated", "consistent", "default":
		default:
			view.propagation = option
		}
	}
	return path.Clean(target), view
}

// viewMount reads the long form.
func viewMount(m mount.Mount) mountView {
	view := mountView{kind: string(m.Type), source: m.Source, readOnly: m.ReadOnly}
	if m.Type == mount.TypeBind {
		view.source = path.Clean(m.Source)
	}
	if options := m.BindOptions; options != nil {
		if options.Propagation != mount.PropagationRPrivate {
			view.propagation = string(options.Propagation)
		}
		switch {
		case options.NonRecursive:
			view.recursive = "disabled"
		case options.ReadOnlyNonRecursive:
			view.recursive = "writable"
		case options.ReadOnlyForceRecursive:
			view.recursive = "readonly"
		}
	}
	if options := m.VolumeOptions; options != nil {
		view.noCopy, view.subpath = options.NoCopy, options.Subpath
		view.volumeLabels = printMapping(options.Labels)
		if driver := options.DriverConfig; driver != nil {
			view.drivers = driver.Name + printMapping(driver.Options)
		}
	}
	if options := m.TmpfsOptions; options != nil {
		view.size, view.perms = decimal(options.SizeBytes), decimal(int64(options.Mode))
	}
	if options := m.ImageOptions; options != nil {
		view.subpath = options.Subpath
	}
	if view.size == "0" {
		view.size = ""
	}
	if view.perms == "0" {
		view.perms = ""
	}
	return view
}

// String is the mount for people.
func (v mountView) String() string {
	parts := []string{v.kind}
	if v.source != "" {
		parts = append(parts, v.source)
	}
	if v.readOnly {
		parts = append(parts, "read_only")
	}
	if v.noCopy {
		parts = append(parts, "nocopy")
	}
	for _, named := range [][2]string{
		{"propagation", v.propagation}, {"selinux", v.selinux}, {"recursive", v.recursive}, {"subpath", v.subpath},
		{"size", v.size}, {"mode", v.perms}, {"labels", v.volumeLabels}, {"driver", v.drivers},
	} {
		if named[1] != "" {
			parts = append(parts, named[0]+"="+named[1])
		}
	}
	return strings.Join(parts, " ")
}

// printMapping writes a map on one line, sorted.
func printMapping(m map[string]string) string {
	var parts []string
	for _, key := range sortedKeys(m) {
		parts = append(parts, key+"="+m[key])
	}
	return strings.Join(parts, ",")
}

// tmpfsOptions sorts the options of each path.
func tmpfsOptions(entries map[string]string) map[string]string {
	result := map[string]string{}
	for point, options := range entries {
		result[path.Clean(point)] = strings.Join(sortedSet(strings.Split(options, ",")), ",")
	}
	return result
}
