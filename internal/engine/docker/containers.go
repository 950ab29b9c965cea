package docker

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// Containers lists containers, stopped ones included, in one request. With a
// project and names, it is those of the project and those of the names: the
// engine can only narrow by both at once, so it lists all and berth picks.
func (e *Engine) Containers(ctx context.Context, filter engine.ContainerFilter) ([]engine.Container, error) {
	const op = "list containers"
	if err := e.ready(ctx, op, ""); err != nil {
		return nil, err
	}
	rows, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Size: filter.Size, Filters: containerFilters(filter)})
	if err != nil {
		return nil, e.fail(ctx, op, "", err)
	}
	result := make([]engine.Container, 0, len(rows))
	for _, row := range rows {
		c := convertSummary(row)
		if selected(filter, c) {
			result = append(result, c)
		}
	}
	return result, nil
}

// containerFilters is what the engine can narrow by itself.
func containerFilters(filter engine.ContainerFilter) filters.Args {
	args := filters.NewArgs()
	for _, key := range sortedKeys(filter.Labels) {
		if value := filter.Labels[key]; value != "" {
			key += "=" + value
		}
		args.Add("label", key)
	}
	switch {
	case filter.Project != "" && len(filter.Names) == 0:
		args.Add("label", labels.Project+"="+filter.Project)
	case filter.Project == "":
		for _, name := range filter.Names {
			args.Add("name", "^/?"+regexp.QuoteMeta(name)+"$")
		}
	}
	return args
}

// selected tells whether a listed container is one that was asked for.
func selected(filter engine.ContainerFilter, c engine.Container) bool {
	if filter.Project == "" && len(filter.Names) == 0 {
		return true
	}
	if filter.Project != "" && c.Labels[labels.Project] == filter.Project {
		return true
	}
	return slices.Contains(filter.Names, c.Name)
}

// convertSummary is a row of the engine's container list.
func convertSummary(row container.Summary) engine.Container {
	c := engine.Container{
		ID: row.ID, Image: row.Image, ImageID: row.ImageID, Command: row.Command,
		Created: time.Unix(row.Created, 0), State: engine.State(row.State), Status: row.Status,
		Labels: row.Labels, Networks: map[string]engine.Attachment{}, NetworkMode: row.HostConfig.NetworkMode,
		SizeRw: row.SizeRw, SizeRootFs: row.SizeRootFs,
	}
	if image := row.ImageManifestDescriptor; image != nil && image.Platform != nil {
		c.Platform = strings.Trim(image.Platform.OS+"/"+image.Platform.Architecture+"/"+image.Platform.Variant, "/")
	}
	c.Health, c.ExitCode = parseStatus(row.Status)
	for _, name := range row.Names {
		name = strings.TrimPrefix(name, "/")
		c.Names = append(c.Names, name)
		if c.Name == "" && !strings.Contains(name, "/") {
			c.Name = name
		}
	}
	for _, p := range row.Ports {
		c.Ports = append(c.Ports, engine.Port{HostIP: p.IP, Published: int(p.PublicPort), Target: int(p.PrivatePort), Protocol: p.Type})
	}
	slices.SortFunc(c.Ports, comparePorts)
	for _, m := range row.Mounts {
		c.Mounts = append(c.Mounts, convertMount(m))
	}
	if row.NetworkSettings != nil {
		for name, endpoint := range row.NetworkSettings.Networks {
			c.Networks[name] = convertAttachment(endpoint)
		}
	}
	return c
}

// comparePorts orders ports as `docker ps` does not guarantee: by target,
// protocol, published port and address.
func comparePorts(a, b engine.Port) int {
	if a.Target != b.Target {
		return a.Target - b.Target
	}
	if a.Protocol != b.Protocol {
		return strings.Compare(a.Protocol, b.Protocol)
	}
	if a.Published != b.Published {
		return a.Published - b.Published
	}
	return strings.Compare(a.HostIP, b.HostIP)
}

func convertMount(m container.MountPoint) engine.Mount {
	return engine.Mount{
		Type: string(m.Type), Name: m.Name, Source: m.Source, Destination: m.Destination,
		Driver: m.Driver, Mode: m.Mode, RW: m.RW,
	}
}

func convertAttachment(endpoint *network.EndpointSettings) engine.Attachment {
	if endpoint == nil {
		return engine.Attachment{}
	}
	return engine.Attachment{
		NetworkID: endpoint.NetworkID, Aliases: endpoint.Aliases, IPAddress: endpoint.IPAddress,
		IPv6: endpoint.GlobalIPv6Address, MacAddress: endpoint.MacAddress, Gateway: endpoint.Gateway,
	}
}

// parseStatus reads what the engine's list gives in words only: "Exited (3) 2
// minutes ago", "Restarting (1) 5 seconds ago", "Up 3 seconds (health:
// starting)", "Up 2 minutes (healthy)".
func parseStatus(status string) (engine.Health, int) {
	_, rest, found := strings.Cut(status, "(")
	inner, _, closed := strings.Cut(rest, ")")
	if !found || !closed {
		return engine.NoHealth, 0
	}
	if code, err := strconv.Atoi(inner); err == nil {
		return engine.NoHealth, code
	}
	switch strings.TrimPrefix(inner, "health: ") {
	case "starting":
		return engine.Starting, 0
	case "healthy":
		return engine.Healthy, 0
	case "unhealthy":
		return engine.Unhealthy, 0
	}
	return engine.NoHealth, 0
}

// InspectContainer gives everything the engine knows of one container.
func (e *Engine) InspectContainer(ctx context.Context, id string) (engine.ContainerDetail, error) {
	const op = "inspect container"
	if err := e.ready(ctx, op, id); err != nil {
		return engine.ContainerDetail{}, err
	}
	answer, raw, err := e.cli.ContainerInspectWithRaw(ctx, id, false)
	if err != nil {
		return engine.ContainerDetail{}, e.fail(ctx, op, id, err)
	}
	return convertInspect(answer, raw), nil
}

// convertInspect is the engine's full description of a container.
func convertInspect(answer container.InspectResponse, raw []byte) engine.ContainerDetail {
	d := engine.ContainerDetail{Raw: bytes.TrimSpace(raw)}
	d.Networks = map[string]engine.Attachment{}
	if base := answer.ContainerJSONBase; base != nil {
		d.ID, d.ImageID = base.ID, base.Image
		d.Name = strings.TrimPrefix(base.Name, "/")
		d.Names = []string{d.Name}
		d.Created = parseTime(base.Created)
		d.RestartCount = base.RestartCount
		d.Command = strings.TrimSpace(base.Path + " " + strings.Join(base.Args, " "))
		convertState(&d, base.State)
		if host := base.HostConfig; host != nil {
			d.NetworkMode = string(host.NetworkMode)
			d.LogDriver = host.LogConfig.Type
			d.RestartPolicy = string(host.RestartPolicy.Name)
		}
	}
	for _, m := range answer.Mounts {
		d.Mounts = append(d.Mounts, convertMount(m))
	}
	convertConfig(&d, answer.Config)
	if settings := answer.NetworkSettings; settings != nil {
		for name, endpoint := range settings.Networks {
			d.Networks[name] = convertAttachment(endpoint)
		}
		d.Ports = convertPortMap(settings.Ports)
	}
	return d
}

func convertConfig(d *engine.ContainerDetail, config *container.Config) {
	if config == nil {
		return
	}
	d.Image, d.Labels = config.Image, config.Labels
	d.Tty, d.OpenStdin, d.Env = config.Tty, config.OpenStdin, config.Env
	d.Cmd, d.Entrypoint, d.StopSignal = config.Cmd, config.Entrypoint, config.StopSignal
	if config.StopTimeout != nil {
		timeout := time.Duration(*config.StopTimeout) * time.Second
		d.StopTimeout = &timeout
	}
	if check := config.Healthcheck; check != nil && len(check.Test) > 0 {
		d.HasHealth = check.Test[0] != "NONE"
	}
}

// convertState fills in the state and the health of a container.
func convertState(d *engine.ContainerDetail, state *container.State) {
	if state == nil {
		return
	}
	d.State = engine.State(state.Status)
	d.Status = string(state.Status)
	d.ExitCode, d.OOMKilled, d.Error, d.Pid = state.ExitCode, state.OOMKilled, state.Error, state.Pid
	d.StartedAt, d.FinishedAt = parseTime(state.StartedAt), parseTime(state.FinishedAt)
	if state.Health == nil {
		return
	}
	if health := engine.Health(state.Health.Status); health != "none" {
		d.Health = health
	}
	for _, probe := range state.Health.Log {
		if probe != nil {
			d.Probes = append(d.Probes, engine.Probe{Start: probe.Start, End: probe.End, ExitCode: probe.ExitCode, Output: probe.Output})
		}
	}
}

// parseTime reads an engine's timestamp; the zero time for "never", which the
// engine writes as year 1.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// convertPortMap lists published and exposed ports in order.
func convertPortMap(ports nat.PortMap) []engine.Port {
	var result []engine.Port
	for port, bindings := range ports {
		exposed := engine.Port{Target: port.Int(), Protocol: port.Proto()}
		if len(bindings) == 0 {
			result = append(result, exposed)
		}
		for _, binding := range bindings {
			published := exposed
			published.HostIP = binding.HostIP
			if number, err := strconv.Atoi(binding.HostPort); err == nil {
				published.Published = number
			}
			result = append(result, published)
		}
	}
	slices.SortFunc(result, comparePorts)
	return result
}
