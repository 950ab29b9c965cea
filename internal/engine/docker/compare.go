package docker

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/engine"
)

// containerPrefix marks a namespace or mount taken from another container.
const containerPrefix = "container:"

// observed is what the engine has.
type observed struct {
	container container.InspectResponse
	// image is the configuration of the image it was created from; the zero
	// value if that image is gone.
	image imageDefaults
	facts engineFacts
	// ids are the IDs of the containers that the specification refers to by name.
	ids map[string]string
}

// Compare tells in which fields an existing container differs from the one
// that CreateContainer would make of the specification, after taking away what
// the engine and the image fill in. No change means that it can stay. It costs
// two requests, one for each container referred to by name, and one more for
// the first call on an engine.
//
// Three things are not looked at: the content of copied files (the engine has
// no digest of it), labels of Compose tools, and limits and log options that a
// daemon may have set as its own defaults.
func (e *Engine) Compare(ctx context.Context, spec engine.ContainerSpec, id string) ([]engine.Change, error) {
	const op = "compare container"
	if err := e.ready(ctx, op, id); err != nil {
		return nil, err
	}
	want, err := newCreateRequest(spec, e.surroundings())
	if err != nil {
		return nil, e.fail(ctx, op, spec.Name, err)
	}
	var got observed
	if got.facts, err = e.engineFacts(ctx); err != nil {
		return nil, err
	}
	if got.container, err = e.cli.ContainerInspect(ctx, id); err != nil {
		return nil, e.fail(ctx, op, id, err)
	}
	if got.image, err = e.imageDefaults(ctx, got.container.Image); err != nil {
		return nil, e.fail(ctx, op, id, err)
	}
	if got.ids, err = e.resolve(ctx, want.host); err != nil {
		return nil, e.fail(ctx, op, id, err)
	}
	return compareContainer(spec, want, got), nil
}

// resolve looks up containers that are referred to by name: the engine stores
// IDs. A missing one keeps its name and shows as a difference.
func (e *Engine) resolve(ctx context.Context, host *container.HostConfig) (map[string]string, error) {
	ids := map[string]string{}
	for _, name := range references(host) {
		if regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(name) {
			continue
		}
		found, err := e.InspectContainer(ctx, name)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if found.Name == name { // the engine finds containers by the beginning of their IDs as well
			ids[name] = found.ID
		}
	}
	return ids, nil
}

// references are the containers a host configuration refers to.
func references(host *container.HostConfig) []string {
	var names []string
	for _, mode := range []string{string(host.NetworkMode), string(host.IpcMode), string(host.PidMode)} {
		if name, ok := strings.CutPrefix(mode, containerPrefix); ok {
			names = append(names, name)
		}
	}
	for _, source := range host.VolumesFrom {
		name, _, _ := strings.Cut(source, ":")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// compareContainer is Compare without the questions. The inspection must be
// complete, as the engine gives it.
func compareContainer(spec engine.ContainerSpec, want createRequest, got observed) []engine.Change {
	c := &comparison{service: spec.Service.Name, spec: spec, want: want, got: got}
	c.config()
	c.environment()
	c.labels()
	c.health()
	c.ports()
	c.mounts()
	c.host()
	c.namespaces()
	c.security()
	c.resources()
	c.limits()
	c.networks()
	slices.SortStableFunc(c.changes, func(a, b engine.Change) int { return strings.Compare(a.Path, b.Path) })
	return c.changes
}

// comparison collects differences.
type comparison struct {
	service string
	spec    engine.ContainerSpec
	want    createRequest
	got     observed
	changes []engine.Change
}

// differ records a difference of a service's key.
func (c *comparison) differ(key, old, new string) {
	c.changes = append(c.changes, engine.Change{Path: field(c.service, key), Old: old, New: new})
}

// text compares two values as they print.
func (c *comparison) text(key string, old, new any) {
	if a, b := fmt.Sprint(old), fmt.Sprint(new); a != b {
		c.differ(key, a, b)
	}
}

// list compares lists in which the order counts; nil and empty are the same.
func (c *comparison) list(key string, old, new []string) {
	if !slices.Equal(old, new) {
		c.differ(key, printList(old), printList(new))
	}
}

// set compares lists in which neither order nor repetition count.
func (c *comparison) set(key string, old, new []string) {
	c.list(key, sortedSet(old), sortedSet(new))
}

// mapping compares maps key by key.
func (c *comparison) mapping(key string, old, new map[string]string) {
	for _, name := range sortedSet(append(sortedKeys(old), sortedKeys(new)...)) {
		before, had := old[name]
		after, has := new[name]
		if had != has || before != after {
			c.differ(key+"."+name, before, after)
		}
	}
}

// sortedSet is a sorted copy without repetitions; nil if empty.
func sortedSet(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// printList writes a list as Compose does on one line.
func printList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// mapStrings applies a function to each string.
func mapStrings(list []string, f func(string) string) []string {
	var result []string
	for _, s := range list {
		result = append(result, f(s))
	}
	return result
}
