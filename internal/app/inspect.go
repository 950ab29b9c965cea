package app

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/pkg/labels"
)

// Ps lists the containers of a project.
func (a *App) Ps(ctx context.Context, r PsRequest) ([]engine.Container, error) {
	wanted, err := psStates(r)
	if err != nil {
		return nil, err
	}
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return nil, err
	}
	if err := found.check(r.Services); err != nil {
		return nil, err
	}
	var out []engine.Container
	for _, c := range found.state.Containers {
		name := c.Labels[labels.Service]
		orphan := found.model.Known != nil && !found.model.Known[name]
		switch {
		case len(r.Services) > 0 && !contains(r.Services, name):
		case orphan && !r.Orphans:
		case labels.IsOneOff(c.Labels) && !r.All && len(wanted) == 0:
		case len(wanted) > 0 && !contains(wanted, string(c.State)):
		case len(wanted) == 0 && !r.All && !c.IsRunning():
		default:
			out = append(out, c)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// psStates reads --status and --filter.
func psStates(r PsRequest) ([]string, error) {
	states := append([]string(nil), r.Status...)
	if r.Filter != "" {
		key, value, ok := strings.Cut(r.Filter, "=")
		switch {
		case !ok:
			return nil, &UsageError{"--filter " + r.Filter + ": arguments to --filter should be in form KEY=VAL"}
		case key == "status":
			states = append(states, value)
		case key == "source":
			return nil, &UsageError{"--filter source is not supported: use --status"}
		default:
			return nil, &UsageError{"--filter " + key + ": unknown filter, use status"}
		}
	}
	return states, nil
}

// List lists the projects that an engine has.
func (a *App) List(ctx context.Context, r ListRequest) ([]ProjectSummary, error) {
	e, err := a.connect()
	if err != nil {
		return nil, err
	}
	list, err := e.Containers(ctx, engine.ContainerFilter{Labels: map[string]string{labels.Project: ""}})
	if err != nil {
		return nil, err
	}
	names, err := nameFilters(r.Filters)
	if err != nil {
		return nil, err
	}
	byProject := map[string][]engine.Container{}
	for _, c := range list {
		if !labels.IsHook(c.Labels) && (r.All || c.IsRunning()) {
			byProject[c.Labels[labels.Project]] = append(byProject[c.Labels[labels.Project]], c)
		}
	}
	var out []ProjectSummary
	for _, name := range sortedKeys(byProject) {
		if len(names) > 0 && !matchesAny(names, name) {
			continue
		}
		out = append(out, ProjectSummary{
			Name: name, Status: combined(byProject[name]), ConfigFiles: configFiles(byProject[name]),
		})
	}
	return out, nil
}

// nameFilters reads the patterns of --filter name=..., which are regular
// expressions as those of the engine are.
func nameFilters(filters []string) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, f := range filters {
		key, value, ok := strings.Cut(f, "=")
		if !ok || key != "name" {
			return nil, &UsageError{"--filter " + f + ": only name=VALUE is known"}
		}
		pattern, err := regexp.Compile(value)
		if err != nil {
			return nil, &UsageError{"--filter " + f + ": " + err.Error()}
		}
		out = append(out, pattern)
	}
	return out, nil
}

func matchesAny(patterns []*regexp.Regexp, name string) bool {
	return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) })
}

// combined counts containers by state: "exited(1), running(2)".
func combined(list []engine.Container) string {
	counts := map[string]int{}
	for _, c := range list {
		counts[string(c.State)]++
	}
	var parts []string
	for _, state := range sortedKeys(counts) {
		parts = append(parts, fmt.Sprintf("%s(%d)", state, counts[state]))
	}
	return strings.Join(parts, ", ")
}

func configFiles(list []engine.Container) string {
	seen := map[string]bool{}
	var out []string
	for _, c := range list {
		for _, f := range strings.Split(c.Labels[labels.ConfigFiles], ",") {
			if f != "" && !seen[f] {
				seen[f] = true
				out = append(out, f)
			}
		}
	}
	if len(out) == 0 {
		return "N/A"
	}
	return strings.Join(out, ",")
}

// ImagesRequest selects services whose containers' images are listed.
type ImagesRequest struct {
	Project  ProjectOptions
	Services []string
}

// Images lists the images that the created containers of a project use.
func (a *App) Images(ctx context.Context, r ImagesRequest) ([]ImageRow, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return nil, err
	}
	list, err := found.all(r.Services)
	if err != nil {
		return nil, err
	}
	rows := make([]ImageRow, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(adoptLimit)
	for i, c := range list {
		g.Go(func() error {
			image, err := a.engine.InspectImage(ctx, c.ImageID)
			if errors.Is(err, engine.ErrNotFound) {
				// With containerd's store an image goes with its last name, whoever uses it.
				rows[i], err = a.goneImageRow(ctx, c)
				return err
			}
			rows[i] = imageRow(c, image)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Container < rows[j].Container })
	return rows, nil
}

// goneImageRow says what the container itself knows of its image.
func (a *App) goneImageRow(ctx context.Context, c engine.Container) (ImageRow, error) {
	detail, err := a.engine.InspectContainer(ctx, c.ID)
	switch {
	case err == nil:
		c.Image = detail.Image // as it was asked for; the list shows an ID
	case !errors.Is(err, engine.ErrNotFound):
		return ImageRow{}, err
	}
	return imageRow(c, engine.Image{ID: c.ImageID}), nil
}

func imageRow(c engine.Container, image engine.Image) ImageRow {
	row := ImageRow{
		Container: c.Name, Service: c.Labels[labels.Service], ID: image.ID, Size: image.Size,
		Created: image.Created, LastTagged: image.LastTagged,
	}
	row.Platform = strings.Trim(image.OS+"/"+image.Architecture+"/"+image.Variant, "/")
	if c.Platform != "" { // the image is one of several
		row.Platform = c.Platform
	}
	ref := c.Image
	if !contains(image.Tags, ref) && len(image.Tags) > 0 && !contains(image.Tags, ref+":latest") {
		ref = image.Tags[0]
	}
	row.Repository, row.Tag = splitReference(ref)
	return row
}

// splitReference parts a reference at its tag; a port is none, and a digest
// takes the place of one.
func splitReference(ref string) (repository, tag string) {
	ref, _, digested := strings.Cut(ref, "@")
	if strings.HasPrefix(ref, "sha256:") {
		return "<none>", "<none>"
	}
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		return ref[:i], ref[i+1:]
	}
	if digested {
		return ref, "<none>"
	}
	return ref, "latest"
}

// VolumesRequest selects services whose volumes are listed.
type VolumesRequest struct {
	Project  ProjectOptions
	Services []string
}

// Volumes lists the volumes that a project's services use.
func (a *App) Volumes(ctx context.Context, r VolumesRequest) ([]engine.Volume, error) {
	found, err := a.find(ctx, r.Project, actual.Query{Volumes: true})
	if err != nil {
		return nil, err
	}
	if err := found.check(r.Services); err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, c := range found.state.Containers {
		if contains(r.Services, c.Labels[labels.Service]) {
			for _, m := range c.Mounts {
				used[m.Name] = true
			}
		}
	}
	var out []engine.Volume
	for _, name := range sortedKeys(found.state.Volumes) {
		if len(r.Services) == 0 || used[name] {
			out = append(out, found.state.Volumes[name])
		}
	}
	return out, nil
}

// Port tells where a container's port is published on the host.
func (a *App) Port(ctx context.Context, r PortRequest) (string, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return "", err
	}
	c, err := found.one(r.Service, r.Index)
	if err != nil {
		return "", err
	}
	if !c.IsRunning() {
		return "", notRunning(r.Service, c)
	}
	protocol := strings.ToLower(r.Protocol)
	if protocol == "" {
		protocol = "tcp"
	}
	for _, p := range c.Ports {
		if p.Target == r.Port && p.Protocol == protocol && p.Published != 0 {
			host := p.HostIP
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			return fmt.Sprintf("%s:%d", host, p.Published), nil
		}
	}
	return "", fmt.Errorf("no port %d/%s for container %s: %s", r.Port, protocol, c.Name, published(c))
}

func published(c engine.Container) string {
	var out []string
	for _, p := range c.Ports {
		if p.Published != 0 {
			out = append(out, fmt.Sprintf("%d/%s", p.Target, p.Protocol))
		}
	}
	if len(out) == 0 {
		return "it publishes none"
	}
	sort.Strings(out) // each is there once for each address that it is published at
	return "it publishes " + strings.Join(slices.Compact(out), ", ")
}

// TopEntry is the processes of one container.
type TopEntry struct {
	Container string
	Service   string
	Number    int
	engine.ProcessList
}

// Top lists the processes of running containers, those of `run` and of services
// that the files no longer have included.
func (a *App) Top(ctx context.Context, r TopRequest) ([]TopEntry, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return nil, err
	}
	list, err := found.all(r.Services)
	if err != nil {
		return nil, err
	}
	var running []engine.Container
	for _, c := range list {
		if c.IsRunning() {
			running = append(running, c)
		}
	}
	out := make([]TopEntry, len(running))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(adoptLimit)
	for i, c := range running {
		g.Go(func() error {
			p, err := a.engine.Top(ctx, c.ID, nil)
			out[i] = TopEntry{Container: c.Name, Service: c.Labels[labels.Service], Number: numberOf(c), ProcessList: p}
			return err
		})
	}
	return out, g.Wait()
}

// ConfigResult is what `config` prints.
type ConfigResult struct {
	Output   []byte
	Warnings []string
}

// Config renders the resolved model.
func (a *App) Config(ctx context.Context, r ConfigRequest) (ConfigResult, error) {
	opt := a.options(r.Project)
	opt.Services = r.Services
	opt.NoInterpolate, opt.NoNormalize, opt.NoConsistency = r.NoInterpolate, r.NoNormalize, r.NoConsistency
	opt.NoPathResolution, opt.NoEnvResolution = r.NoPathResolution, r.NoEnvResolution
	out, err := project.Config(ctx, opt, project.ConfigFlags{
		Format: r.Format, Services: r.ServicesOnly, Volumes: r.Volumes, Networks: r.Networks, Models: r.Models,
		Hash: r.Hash, Profiles: r.Profiles, Images: r.Images, Variables: r.Variables, Environment: r.Environment,
		ResolveImageDigests: r.ResolveImageDigests, LockImageDigests: r.LockImageDigests, Quiet: r.Quiet,
		Resolve: func(ctx context.Context, ref string) (string, error) {
			e, err := a.connect()
			if err != nil {
				return "", err
			}
			return e.ResolveDigest(ctx, ref)
		},
	})
	return ConfigResult{Output: out.Text, Warnings: out.Warnings}, err
}

func numberOf(c engine.Container) int { return labels.ReplicaNumber(c.Labels) }

func sortedKeys[V any, M ~map[string]V](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
