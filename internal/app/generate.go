package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// GenerateRequest asks for a Compose file that describes containers.
type GenerateRequest struct {
	Containers []string // names or IDs; empty for all that run
	Name       string   // of the project; empty for the one they share, if they do
	Format     string   // yaml (also "") or json
}

// Generate writes a Compose file that makes containers like these. What their
// images give them is left out; their networks and volumes are named as external
// ones, since they exist.
func (a *App) Generate(ctx context.Context, r GenerateRequest) ([]byte, error) {
	if r.Format != "" && r.Format != "yaml" && r.Format != "json" {
		return nil, &UsageError{Text: "--format " + r.Format + ": there are yaml and json"}
	}
	e, err := a.connect()
	if err != nil {
		return nil, err
	}
	ids, err := generated(ctx, e, r.Containers)
	if err != nil {
		return nil, err
	}
	found := make([]inspected, len(ids))
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(pullLimit)
	for i, id := range ids {
		g.Go(func() (err error) {
			found[i], err = inspect(group, e, id)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	p, err := describe(ctx, e, found)
	if err != nil {
		return nil, err
	}
	if r.Name != "" {
		p.Name = r.Name
	}
	for _, c := range found {
		a.warn(c.unsaid()...)
	}
	var out []byte
	if r.Format == "json" {
		out, err = p.MarshalJSON()
	} else {
		out, err = p.MarshalYAML()
	}
	if err != nil {
		return nil, fmt.Errorf("write the compose file: %w", err)
	}
	// Whoever reads the file puts variables in; these values have none.
	return bytes.ReplaceAll(out, []byte("$"), []byte("$$")), nil
}

// generated are the containers asked for, by ID or name.
func generated(ctx context.Context, e Engine, asked []string) ([]string, error) {
	if len(asked) > 0 {
		return asked, nil
	}
	all, err := e.Containers(ctx, engine.ContainerFilter{})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range all {
		if c.IsRunning() && !labels.IsOneOff(c.Labels) {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("no container is running: name the containers to describe")
	}
	return ids, nil
}

// inspected is a container as the engine describes it (Engine API v1.41,
// ContainerInspect): the parts that a Compose file can say.
type inspected struct {
	ID         string `json:"Id"`
	Name       string
	Config     inspectedConfig
	HostConfig inspectedHost
	Mounts     []struct {
		Type, Name, Source, Destination string
		RW                              bool
	}
	NetworkSettings struct {
		Networks map[string]struct {
			Aliases    []string
			IPAMConfig *struct{ IPv4Address, IPv6Address string }
		}
	}
	service string // its key in the file
}

type inspectedConfig struct {
	Hostname, Domainname, User, WorkingDir, Image, StopSignal string
	Tty, OpenStdin                                            bool
	Env, Cmd, Entrypoint                                      []string
	Labels                                                    map[string]string
	StopTimeout                                               *int
	Healthcheck                                               *struct {
		Test                                          []string
		Interval, Timeout, StartPeriod, StartInterval int64
		Retries                                       uint64
	}
}

func inspect(ctx context.Context, e Engine, id string) (inspected, error) {
	var c inspected
	detail, err := e.InspectContainer(ctx, id)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(detail.Raw, &c); err != nil {
		return c, fmt.Errorf("container %s: the engine's description cannot be read: %w", detail.Name, err)
	}
	c.Name = strings.TrimPrefix(c.Name, "/")
	return c, nil
}

// unsaid lists what the container has and the file does not say.
func (c inspected) unsaid() []string {
	var out []string
	say := func(has bool, key string) {
		if has {
			out = append(out, fmt.Sprintf("container %s: its %s are not written: add them by hand", c.Name, key))
		}
	}
	say(len(c.HostConfig.Links) > 0, "links")
	say(len(c.HostConfig.VolumesFrom) > 0, "volumes_from")
	say(len(c.HostConfig.DeviceRequests) > 0, "gpus")
	return out
}

// describe makes a project of the containers.
func describe(ctx context.Context, e Engine, all []inspected) (*types.Project, error) {
	p := &types.Project{Services: types.Services{}, Networks: types.Networks{}, Volumes: types.Volumes{}}
	nameServices(all)
	if len(all) > 0 {
		p.Name = all[0].Config.Labels[labels.Project]
	}
	byID := map[string]string{}
	for _, c := range all {
		byID[c.ID] = c.service
		if c.Config.Labels[labels.Project] != p.Name {
			p.Name = ""
		}
	}
	for _, c := range all {
		svc := c.base()
		c.resources(&svc)
		c.join(p, &svc, byID)
		c.mounts(p, &svc)
		changes, err := e.Compare(ctx, engine.ContainerSpec{
			Service: svc, Name: c.Name, Image: c.Config.Image, NetworkMode: c.HostConfig.NetworkMode, Labels: map[string]string{},
		}, c.ID)
		if err != nil {
			return nil, err
		}
		c.own(&svc, changes)
		p.Services[c.service] = svc
	}
	return p, nil
}

// nameServices gives each container a key: its Compose service's name where no
// other has it, else its own.
func nameServices(all []inspected) {
	times := map[string]int{}
	for _, c := range all {
		times[c.Config.Labels[labels.Service]]++
	}
	other := regexp.MustCompile(`[^a-zA-Z0-9._-]`)
	for i, c := range all {
		name := c.Config.Labels[labels.Service]
		if name == "" || times[name] > 1 {
			name = c.Name
		}
		all[i].service = other.ReplaceAllString(name, "-")
	}
}

// toolLabel tells labels that Compose tools write themselves.
func toolLabel(key string) bool {
	return strings.HasPrefix(key, "com.docker.compose.") || strings.HasPrefix(key, "dev.berth.")
}

// own adds what the container has otherwise than its image would give it: the
// changes are those of a container without any of it.
func (c inspected) own(svc *types.ServiceConfig, changes []engine.Change) {
	differs := map[string]bool{}
	for _, change := range changes {
		key := strings.TrimPrefix(change.Path, "services."+c.service+".")
		differs[key] = true
		group, _, _ := strings.Cut(key, ".")
		differs[group] = true
	}
	if differs["entrypoint"] {
		svc.Entrypoint = c.Config.Entrypoint
	}
	if differs["command"] || differs["entrypoint"] && len(c.Config.Cmd) > 0 { // an entrypoint takes the image's command away
		svc.Command = c.Config.Cmd
	}
	if differs["user"] {
		svc.User = c.Config.User
	}
	if differs["working_dir"] {
		svc.WorkingDir = c.Config.WorkingDir
	}
	if differs["stop_signal"] {
		svc.StopSignal = c.Config.StopSignal
	}
	for _, entry := range c.Config.Env {
		if key, value, _ := strings.Cut(entry, "="); differs["environment."+key] {
			if svc.Environment == nil {
				svc.Environment = types.MappingWithEquals{}
			}
			svc.Environment[key] = &value
		}
	}
	for key, value := range c.Config.Labels {
		if differs["labels."+key] && !toolLabel(key) {
			svc.Labels = svc.Labels.Add(key, value)
		}
	}
	if differs["healthcheck"] {
		svc.HealthCheck = c.health()
	}
}
