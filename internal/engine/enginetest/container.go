package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// container is a container, from its creation to its removal.
type container struct {
	id      string
	name    string
	spec    engine.ContainerSpec
	image   *image
	labels  map[string]string // the image's and the spec's
	created time.Time

	state      engine.State
	started    time.Time
	finished   time.Time
	exitCode   int
	oom        bool
	startError string
	runs       int  // starts so far
	restarts   int  // of the restart policy, since the last start by hand
	stopped    bool // by hand, so that no restart policy applies

	health  engine.Health
	probes  []engine.Probe
	failing int // probes failed in a row

	mounts    []engine.Mount
	anonymous map[string]bool // names of the volumes that go with it
	endpoints []*endpoint
	ports     []engine.Port // bound or exposed while running
	files     map[string]engine.File
	terminal  engine.Size
	drift     []engine.Change
	log       logbook
	input     *io.PipeWriter // what is attached to its stdin
	output    *io.PipeReader // its other end

	process  *process      // nil while none runs
	backoff  chan struct{} // closed to cancel a pending restart; nil if none
	wait     time.Duration // the last back-off
	halted   chan struct{} // closed when a run ends; replaced then
	removing bool
	gone     chan struct{} // closed on removal
}

// CreateContainer makes a container. Volumes it names that do not exist are
// made; networks are looked up at its start only, as the real engine does.
func (e *Engine) CreateContainer(ctx context.Context, spec engine.ContainerSpec) (engine.CreatedContainer, error) {
	var made engine.CreatedContainer
	r := request{method: "CreateContainer", args: named(spec.Name, spec.Image), mutates: true}
	var later []engine.Endpoint
	if e.apiBelow(44) && len(spec.Networks) > 1 {
		later, spec.Networks = spec.Networks[1:], spec.Networks[:1]
	}
	err := e.call(ctx, r, func() error {
		c, err := e.create(spec)
		if err == nil {
			made.ID = c.id
		}
		return err
	})
	for _, ep := range later {
		if err == nil {
			err = e.ConnectNetwork(ctx, ep.Network, made.ID, ep)
		}
	}
	if err != nil && made.ID != "" && len(later) > 0 {
		// The adapter undoes a creation that it could not complete.
		remove := e.RemoveContainer(context.WithoutCancel(ctx), made.ID, engine.RemoveOptions{Force: true, Volumes: true})
		return engine.CreatedContainer{}, errors.Join(err, remove)
	}
	if err != nil {
		return engine.CreatedContainer{}, err
	}
	return made, nil
}

// create is CreateContainer's one request under the mutex.
func (e *Engine) create(spec engine.ContainerSpec) (*container, error) {
	const op = "create container"
	img, ok := e.localImage(spec.Image)
	if !ok {
		return nil, noImage(op, spec.Image)
	}
	if spec.Name == "" {
		spec.Name = "unnamed_" + e.newID("name")[:8]
	}
	if err := e.nameFree(op, spec.Name, ""); err != nil {
		return nil, err
	}
	c := &container{
		id: e.newID("container"), name: spec.Name, spec: spec, image: img, created: e.now(), state: engine.Created,
		labels: map[string]string{}, anonymous: map[string]bool{}, files: map[string]engine.File{},
		halted: make(chan struct{}), gone: make(chan struct{}),
	}
	c.output, c.input = io.Pipe()
	maps.Copy(c.labels, img.Labels)
	maps.Copy(c.labels, spec.Labels)
	if err := e.mount(c); err != nil {
		return nil, err
	}
	if mode := c.networkMode(); len(spec.Networks) == 0 && !strings.HasPrefix(mode, "container:") {
		c.endpoints = []*endpoint{{network: mode}}
	}
	for _, ep := range spec.Networks {
		name := ep.Network
		if n, err := e.findNetwork(op, name); err == nil {
			name = n.Name
		}
		c.endpoints = append(c.endpoints, &endpoint{Endpoint: ep, network: name})
	}
	e.containers[c.id] = c
	e.emitContainer(c, "create", "", nil)
	return c, nil
}

// mount gives the container its mounts: those of the spec, of volumes_from,
// and the volumes that the image declares.
func (e *Engine) mount(c *container) error {
	for _, m := range c.spec.Mounts {
		mount := engine.Mount{Type: m.Type, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly}
		if m.Type == "volume" {
			e.useVolume(c, &mount, m.Source)
		}
		c.mounts = append(c.mounts, mount)
	}
	for _, from := range c.spec.VolumesFrom {
		ref, mode, _ := strings.Cut(from, ":")
		other, err := e.find("create container", ref)
		if err != nil {
			return err
		}
		for _, m := range other.mounts {
			if !c.mounted(m.Destination) {
				m.RW = m.RW && mode != "ro"
				c.mounts = append(c.mounts, m)
			}
		}
	}
	for _, path := range c.image.Volumes {
		if !c.mounted(path) {
			mount := engine.Mount{Type: "volume", Destination: path, RW: true}
			e.useVolume(c, &mount, "")
			c.mounts = append(c.mounts, mount)
		}
	}
	return nil
}

// useVolume points the mount to the volume, which is made if it is missing.
func (e *Engine) useVolume(c *container, m *engine.Mount, name string) {
	v, ok := e.volumes[name]
	if !ok {
		v = e.addVolume(engine.Volume{Name: name})
	}
	if name == "" {
		c.anonymous[v.Name] = true
	}
	m.Name, m.Source, m.Driver = v.Name, v.Mountpoint, v.Driver
}

// mounted tells whether something is mounted at the path.
func (c *container) mounted(path string) bool {
	for _, t := range c.spec.Service.Tmpfs {
		if target, _, _ := strings.Cut(t, ":"); target == path {
			return true
		}
	}
	return slices.ContainsFunc(c.mounts, func(m engine.Mount) bool { return m.Destination == path })
}

// nameFree refuses a name that another container has.
func (e *Engine) nameFree(op, name, context string) error {
	for _, c := range e.containers {
		if c.name == name {
			text := context + fmt.Sprintf("Conflict. The container name %q is already in use by container %q. "+
				"You have to remove (or rename) that container to be able to reuse that name.", "/"+name, c.id)
			return &engine.Error{Op: op, Name: name, Kind: engine.ErrConflict, Text: text}
		}
	}
	return nil
}

// find finds a container by ID, name or ID prefix, in this order.
func (e *Engine) find(op, ref string) (*container, error) {
	if c, ok := e.containers[ref]; ok {
		return c, nil
	}
	name := strings.TrimPrefix(ref, "/")
	for _, c := range e.containers {
		if c.name == name {
			return c, nil
		}
	}
	if id, ok := onlyPrefix(e.containers, ref); ok {
		return e.containers[id], nil
	}
	return nil, &engine.Error{Op: op, Name: ref, Kind: engine.ErrNotFound, Text: "No such container: " + ref}
}

// endpoint is the container's end of the network; nil if it is not on it.
func (c *container) endpoint(network string) *endpoint {
	for _, ep := range c.endpoints {
		if ep.network == network {
			return ep
		}
	}
	return nil
}

// RenameContainer gives a container another name.
func (e *Engine) RenameContainer(ctx context.Context, id, name string) error {
	return e.change(ctx, "RenameContainer", "rename container", id, []string{name}, func(c *container) error {
		if c.name == name {
			text := "Renaming a container with the same name as its current name"
			return &engine.Error{Op: "rename container", Name: id, Text: text}
		}
		if err := e.nameFree("rename container", name, "Error when allocating new name: "); err != nil {
			return err
		}
		old := c.name
		c.name = name
		e.emitContainer(c, "rename", "", map[string]string{"oldName": "/" + old})
		return nil
	})
}

// RemoveContainer removes a container, and with options.Volumes the anonymous
// volumes that were made for it.
func (e *Engine) RemoveContainer(ctx context.Context, id string, options engine.RemoveOptions) error {
	return e.change(ctx, "RemoveContainer", "remove container", id, nil, func(c *container) error {
		alive := c.process != nil || c.state == engine.Restarting
		if alive && !options.Force {
			text := fmt.Sprintf("You cannot remove a %s container %s. Stop the container before attempting removal or force remove",
				c.state, c.id)
			return &engine.Error{Op: "remove container", Name: id, Kind: engine.ErrRunning, Text: text}
		}
		if c.process != nil {
			e.emitContainer(c, "kill", "", map[string]string{"signal": "9"})
		}
		e.remove(c, options.Volumes)
		return nil
	})
}

// remove takes the container away, whatever its state.
func (e *Engine) remove(c *container, volumes bool) {
	c.stopped, c.removing = true, true
	if c.process != nil {
		e.halt(c, Exit{Code: signalBase + signalKill})
	}
	c.cancelRestart()
	delete(e.containers, c.id)
	c.closeInput()
	close(c.gone)
	for _, m := range c.mounts {
		if volumes && c.anonymous[m.Name] && len(e.volumeUsers(m.Name)) == 0 {
			delete(e.volumes, m.Name)
			e.emitVolume("destroy", m.Name)
		}
	}
	e.emitContainer(c, "destroy", "", nil)
}

// change sends one request that changes a container.
func (e *Engine) change(ctx context.Context, method, op, id string, more []string, apply func(*container) error) error {
	r := request{method: method, args: append([]string{id}, more...), mutates: true}
	return e.call(ctx, r, func() error {
		c, err := e.find(op, id)
		if err != nil {
			return err
		}
		return apply(c)
	})
}

// emitContainer emits a container event with the container's labels.
func (e *Engine) emitContainer(c *container, action, detail string, more map[string]string) {
	attributes := map[string]string{}
	maps.Copy(attributes, c.labels)
	maps.Copy(attributes, more)
	attributes["image"], attributes["name"] = c.spec.Image, c.name
	e.emit(engine.Event{
		Kind: "container", Action: action, Detail: detail, ID: c.id, Name: c.name, Attributes: attributes,
	})
}
