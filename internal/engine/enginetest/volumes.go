package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// volume is a volume and what containers wrote into it.
type volume struct {
	engine.Volume
	data map[string]string
}

// Write is a token that a container put into one of its volumes. At every
// start, a container writes one into each volume it may write to; no volume
// data was lost if every token written is still in some volume.
type Write struct {
	ContainerID string
	Container   string // its name at that time
	Service     string
	Number      string // the replica's number, as its label has it
	Target      string // the path in the container
	Volume      string
	Key         string // the token's key in VolumeData
	Token       string
}

// Writes returns every token that containers wrote into volumes so far.
func (e *Engine) Writes() []Write {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.writes)
}

// VolumeData returns what containers, or [Engine.SetVolumeData], wrote into
// the volume; nil if there is no such volume.
func (e *Engine) VolumeData(name string) map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, ok := e.volumes[name]
	if !ok {
		return nil
	}
	return maps.Clone(v.data)
}

// SetVolumeData writes a token into a volume that exists.
func (e *Engine) SetVolumeData(name, key, token string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.volumes[name].data[key] = token
}

// LostWrites returns the tokens that are in no volume any more.
func (e *Engine) LostWrites() []Write {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := map[string]bool{}
	for _, v := range e.volumes {
		for key, token := range v.data {
			kept[key+"="+token] = true
		}
	}
	var lost []Write
	for _, w := range e.writes {
		if !kept[w.Key+"="+w.Token] {
			lost = append(lost, w)
		}
	}
	return lost
}

// writeTokens is what the container's start writes. The caller holds the mutex.
func (e *Engine) writeTokens(c *container) {
	for _, m := range c.mounts {
		v, ok := e.volumes[m.Name]
		if m.Type != "volume" || !m.RW || !ok {
			continue
		}
		w := Write{
			ContainerID: c.id, Container: c.name, Service: c.labels[serviceLabel], Number: c.labels[numberLabel],
			Target: m.Destination, Volume: m.Name,
			Key: c.id[:12] + ":" + m.Destination, Token: fmt.Sprintf("run %d", c.runs),
		}
		// A container's next run adds to its data; it takes nothing away.
		w.Key += fmt.Sprintf("#%d", c.runs)
		v.data[w.Key] = w.Token
		e.writes = append(e.writes, w)
	}
}

// Volumes lists the volumes that have the project's label or one of the names.
func (e *Engine) Volumes(ctx context.Context, project string, names ...string) ([]engine.Volume, error) {
	var list []engine.Volume
	err := e.call(ctx, request{method: "Volumes", args: named(append([]string{project}, names...)...)}, func() error {
		for _, name := range slices.Sorted(maps.Keys(e.volumes)) {
			v := e.volumes[name].Volume
			if selected(v.Labels, v.Name, project, names) {
				v.Labels, v.Options = maps.Clone(v.Labels), maps.Clone(v.Options)
				list = append(list, v)
			}
		}
		return nil
	})
	return list, err
}

// selected is the filter of lists: by the project label, or by name.
func selected(labels map[string]string, name, project string, names []string) bool {
	return project != "" && labels[projectLabel] == project || slices.Contains(names, name)
}

// CreateVolume makes a volume; one that exists with the same driver is taken
// as it is.
func (e *Engine) CreateVolume(ctx context.Context, spec engine.VolumeSpec) (string, error) {
	name := spec.Name
	err := e.call(ctx, request{method: "CreateVolume", args: named(spec.Name), mutates: true}, func() error {
		driver := spec.Config.Driver
		if driver == "" {
			driver = "local"
		}
		if v, ok := e.volumes[name]; ok && name != "" {
			if v.Driver == driver {
				return nil
			}
			text := fmt.Sprintf("create %s: conflict: volume name must be unique", name)
			return &engine.Error{Op: "create volume", Name: name, Kind: engine.ErrConflict, Text: text}
		}
		v := e.addVolume(engine.Volume{
			Name: name, Driver: driver,
			Options: maps.Clone(map[string]string(spec.Config.DriverOpts)), Labels: maps.Clone(spec.Labels),
		})
		name = v.Name
		return nil
	})
	return name, err
}

// addVolume adds a volume, an anonymous one if it has no name. The caller
// holds the mutex.
func (e *Engine) addVolume(v engine.Volume) *volume {
	if v.Name == "" {
		v.Name = e.newID("volume")
	}
	if v.Driver == "" {
		v.Driver = "local"
	}
	v.Scope, v.Created = "local", time.Now()
	v.Mountpoint = "/var/lib/docker/volumes/" + v.Name + "/_data"
	added := &volume{Volume: v, data: map[string]string{}}
	e.volumes[v.Name] = added
	e.emitVolume("create", v.Name)
	return added
}

// RemoveVolume removes a volume that no container, running or not, uses. With
// force, a missing one is no error.
func (e *Engine) RemoveVolume(ctx context.Context, name string, force bool) error {
	return e.call(ctx, request{method: "RemoveVolume", args: []string{name}, mutates: true}, func() error {
		return e.dropVolume(name, force)
	})
}

// dropVolume is RemoveVolume under the mutex.
func (e *Engine) dropVolume(name string, force bool) error {
	if _, ok := e.volumes[name]; !ok {
		if force {
			return nil
		}
		text := fmt.Sprintf("get %s: no such volume", name)
		return &engine.Error{Op: "remove volume", Name: name, Kind: engine.ErrNotFound, Text: text}
	}
	if users := e.volumeUsers(name); len(users) > 0 {
		text := fmt.Sprintf("remove %s: volume is in use - [%s]", name, strings.Join(users, ", "))
		return &engine.Error{Op: "remove volume", Name: name, Kind: engine.ErrInUse, Text: text}
	}
	delete(e.volumes, name)
	e.emitVolume("destroy", name)
	return nil
}

// volumeUsers are the IDs of the containers that mount the volume.
func (e *Engine) volumeUsers(name string) []string {
	var users []string
	for id, c := range e.containers {
		for _, m := range c.mounts {
			if m.Type == "volume" && m.Name == name {
				users = append(users, id)
				break
			}
		}
	}
	slices.Sort(users)
	return users
}

// emitVolume emits a volume event. It carries no labels, as the real one.
func (e *Engine) emitVolume(action, name string) {
	attributes := map[string]string{"driver": "local"}
	e.emit(engine.Event{Kind: "volume", Action: action, ID: name, Name: name, Attributes: attributes})
}
