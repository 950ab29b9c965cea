package enginetest

import (
	"slices"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// This file is what a test does to the engine behind the program's back.

// Exit ends a running container's process with the code, as if by itself: its
// restart policy applies. It tells whether the container was running.
func (e *Engine) Exit(id string, code int) bool {
	return e.poke(id, func(c *container) { e.halt(c, Exit{Code: code}) })
}

// SetHealth sets the health state of a running container, as if its probe had
// found it, with the probe's output. It tells whether the container was
// running.
func (e *Engine) SetHealth(id string, state engine.Health, output string) bool {
	return e.poke(id, func(c *container) {
		code := 0
		if state != engine.Healthy {
			code = 1
		}
		c.remember(code, output)
		e.setHealth(c, state)
	})
}

// Print makes a running container write a line. It tells whether the container
// was running.
func (e *Engine) Print(id string, stderr bool, line string) bool {
	return e.poke(id, func(c *container) { c.log.add(stderr, line+"\n") })
}

// poke changes a running container.
func (e *Engine) poke(id string, change func(*container)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find("", id)
	if err != nil || c.process == nil {
		return false
	}
	change(c)
	return true
}

// Snapshot is all that an engine has, each list sorted by name.
type Snapshot struct {
	Containers []engine.ContainerDetail
	Networks   []engine.Network
	Volumes    []engine.Volume
	Images     []engine.Image
}

// Snapshot returns all that the engine has, without a request.
func (e *Engine) Snapshot() Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	var s Snapshot
	for _, c := range e.containers {
		s.Containers = append(s.Containers, e.detail(c))
	}
	for _, n := range e.networks {
		s.Networks = append(s.Networks, n.Network)
	}
	for _, v := range e.volumes {
		s.Volumes = append(s.Volumes, v.Volume)
	}
	for _, i := range e.images {
		s.Images = append(s.Images, i.clone())
	}
	slices.SortFunc(s.Containers, func(a, b engine.ContainerDetail) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Networks, func(a, b engine.Network) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Volumes, func(a, b engine.Volume) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Images, func(a, b engine.Image) int { return strings.Compare(a.ID, b.ID) })
	return s
}

// Spec returns what a container was made of; the zero value if there is none.
func (e *Engine) Spec(id string) engine.ContainerSpec {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find("", id)
	if err != nil {
		return engine.ContainerSpec{}
	}
	return c.spec
}
