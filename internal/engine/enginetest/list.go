package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/berth-dev/berth/internal/engine"
)

// Containers lists the containers that the filter selects, the newest first.
func (e *Engine) Containers(ctx context.Context, filter engine.ContainerFilter) ([]engine.Container, error) {
	var list []engine.Container
	args := named(append([]string{filter.Project}, filter.Names...)...)
	err := e.call(ctx, request{method: "Containers", args: args}, func() error {
		newestFirst := func(a, b *container) int { return b.created.Compare(a.created) }
		for _, c := range slices.SortedFunc(maps.Values(e.containers), newestFirst) {
			if c.matches(filter) {
				list = append(list, e.row(c))
			}
		}
		return nil
	})
	return list, err
}

// matches tells whether the filter selects the container.
func (c *container) matches(filter engine.ContainerFilter) bool {
	for key, want := range filter.Labels {
		if have, ok := c.labels[key]; !ok || want != "" && have != want {
			return false
		}
	}
	if filter.Project == "" && len(filter.Names) == 0 {
		return true
	}
	return selected(c.labels, c.name, filter.Project, filter.Names)
}

// row is the container's row in a list. The caller holds the mutex.
func (e *Engine) row(c *container) engine.Container {
	row := engine.Container{
		ID: c.id, Name: c.name, Names: []string{c.name}, Image: c.spec.Image, ImageID: c.image.ID,
		Command: strings.Join(c.command(), " "), Created: c.created.Truncate(time.Second), State: c.state, Status: c.status(),
		Labels: maps.Clone(c.labels), Ports: slices.Clone(c.ports), Mounts: slices.Clone(c.mounts),
		Networks: map[string]engine.Attachment{}, NetworkMode: c.networkMode(),
	}
	if img, ok := e.localImage(c.spec.Image); !ok || img != c.image {
		row.Image = c.image.ID // the reference now means another image
	}
	if c.process != nil {
		row.Health = c.health
	} else if c.state != engine.Created {
		row.ExitCode = c.exitCode
	}
	slices.SortFunc(row.Ports, comparePorts)
	for _, ep := range c.endpoints {
		row.Networks[ep.network] = e.attachment(c, ep)
	}
	return row
}

// attachment is the container's end of a network as lists show it: without
// its aliases.
func (e *Engine) attachment(c *container, ep *endpoint) engine.Attachment {
	a := engine.Attachment{NetworkID: ep.id, IPAddress: ep.address}
	if ep.address != "" {
		if n, ok := e.networks[ep.id]; ok {
			a.Gateway = fmt.Sprintf("172.%d.0.1", n.subnet)
		}
		a.MacAddress = ep.MacAddress
		if a.MacAddress == "" {
			a.MacAddress = "02:42:" + c.id[0:2] + ":" + c.id[2:4] + ":" + c.id[4:6] + ":" + c.id[6:8]
		}
	}
	return a
}

// networkMode is the mode as the engine shows it.
func (c *container) networkMode() string {
	switch {
	case c.spec.NetworkMode != "":
		return c.spec.NetworkMode
	case len(c.spec.Networks) > 0:
		return c.spec.Networks[0].Network
	default:
		return "none" // as the adapter asks for it
	}
}

// command is the container's whole command line.
func (c *container) command() []string {
	entrypoint, command := c.entrypoint()
	return append(slices.Clone(entrypoint), command...)
}

// entrypoint is what the service says, and what it leaves open the image. A
// service's entrypoint hides the image's command.
func (c *container) entrypoint() (entrypoint, command []string) {
	entrypoint, command = c.spec.Service.Entrypoint, c.spec.Service.Command
	if command == nil && entrypoint == nil {
		command = c.image.command
	}
	if entrypoint == nil {
		entrypoint = c.image.entrypoint
	}
	return entrypoint, command
}

// status is the engine's text for the state, as in "Up 2 minutes (healthy)".
func (c *container) status() string {
	since := func(t time.Time) string { return units.HumanDuration(time.Since(t).Round(time.Millisecond)) }
	switch c.state {
	case engine.Running:
		switch c.health {
		case engine.NoHealth:
			return "Up " + since(c.started)
		case engine.Starting:
			return "Up " + since(c.started) + " (health: starting)"
		default:
			return fmt.Sprintf("Up %s (%s)", since(c.started), c.health)
		}
	case engine.Paused:
		return "Up " + since(c.started) + " (Paused)"
	case engine.Restarting:
		return fmt.Sprintf("Restarting (%d) %s ago", c.exitCode, since(c.finished))
	case engine.Exited:
		return fmt.Sprintf("Exited (%d) %s ago", c.exitCode, since(c.finished))
	case engine.Removing:
		return "Removal In Progress"
	case engine.Dead:
		return "Dead"
	default:
		return "Created"
	}
}

// InspectContainer tells everything about one container.
func (e *Engine) InspectContainer(ctx context.Context, id string) (engine.ContainerDetail, error) {
	var detail engine.ContainerDetail
	err := e.call(ctx, request{method: "InspectContainer", args: []string{id}}, func() error {
		c, err := e.find("inspect container", id)
		if err != nil {
			return err
		}
		detail = e.detail(c)
		detail.Raw, err = c.raw(detail)
		return err
	})
	return detail, err
}

// detail is the answer to an inspection, but for its raw form. The caller
// holds the mutex.
func (e *Engine) detail(c *container) engine.ContainerDetail {
	s := c.spec.Service
	d := engine.ContainerDetail{
		Container: e.row(c), Tty: c.hasTerminal(), OpenStdin: c.spec.Interactive || s.StdinOpen,
		StartedAt: c.started, FinishedAt: c.finished, RestartCount: c.restarts, OOMKilled: c.oom, Error: c.startError,
		HasHealth: c.hasHealth(), Probes: slices.Clone(c.probes),
		StopSignal: s.StopSignal, LogDriver: "json-file", Env: slices.Clone(c.env()),
	}
	d.Entrypoint, d.Cmd = c.entrypoint()
	d.Image, d.Health, d.Created = c.spec.Image, c.health, c.created
	d.Status, d.ExitCode = string(c.state), c.exitCode // an inspection has no text
	if c.process != nil {
		d.Pid = c.process.pid
	}
	for _, ep := range c.endpoints {
		at := d.Networks[ep.network]
		at.Aliases = slices.Clone(ep.Aliases)
		if e.apiBelow(45) {
			at.Aliases = append(at.Aliases, c.id[:12])
		}
		d.Networks[ep.network] = at
	}
	if s.Logging != nil && s.Logging.Driver != "" {
		d.LogDriver = s.Logging.Driver
	}
	policy := c.restartPolicy()
	d.RestartPolicy = policy.name
	if period := c.spec.Service.StopGracePeriod; period != nil {
		timeout := wholeSeconds(time.Duration(*period))
		d.StopTimeout = &timeout
	}
	return d
}

// raw is the part of the engine's own answer that tests look at.
func (c *container) raw(d engine.ContainerDetail) ([]byte, error) {
	return json.Marshal(map[string]any{
		"Id": c.id, "Name": "/" + c.name, "Created": c.created, "Image": c.image.ID, "RestartCount": c.restarts,
		"State":  map[string]any{"Status": c.state, "ExitCode": c.exitCode, "Error": c.startError, "OOMKilled": c.oom},
		"Config": map[string]any{"Image": c.spec.Image, "Labels": c.labels, "Env": d.Env, "Cmd": d.Cmd, "Entrypoint": d.Entrypoint},
	})
}

// hasTerminal tells whether the container's output goes to a terminal.
func (c *container) hasTerminal() bool { return c.spec.TTY || c.spec.Service.Tty }

// env is the container's environment, sorted; the spec's own entries win.
func (c *container) env() []string {
	values := map[string]string{}
	for key, value := range c.spec.Service.Environment {
		if value != nil {
			values[key] = *value
		}
	}
	for _, entry := range c.spec.Env {
		key, value, _ := strings.Cut(entry, "=")
		values[key] = value
	}
	env := make([]string, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		env = append(env, key+"="+values[key])
	}
	return env
}
