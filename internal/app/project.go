package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/plan"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/remote"
	"github.com/berth-dev/berth/pkg/labels"
)

// options turns a verb's project choice into what the loader takes.
func (a *App) options(o ProjectOptions) project.Options {
	return project.Options{
		Files: o.Files, EnvFiles: o.EnvFiles, Profiles: o.Profiles, ProjectName: o.Name, Dir: o.Dir,
		AllResources: o.AllResources, Compatibility: o.Compatibility,
		WorkDir: a.opt.WorkDir, Environ: a.opt.Environ, Stdin: a.opt.Stdin, Remote: a.loaders(o),
	}
}

// loaders are the loaders of files from git and registries. There is one set for
// the whole process, so that each reference is fetched once.
func (a *App) loaders(o ProjectOptions) project.Remote {
	if a.remotes == nil {
		a.remotes = remote.Loaders(a.elsewhere(o))
	}
	return a.remotes
}

// Settings are the variables of the shell and of .env, for the COMPOSE_* ones.
func (a *App) Settings(o ProjectOptions) (map[string]string, error) {
	env, _, err := project.Environment(a.options(o)) // its warnings come again with the files
	return env, err
}

// load reads the files and tells the warnings.
func (a *App) load(ctx context.Context, o ProjectOptions, services []string, noDeps bool) (*project.Loaded, error) {
	opt := a.options(o)
	opt.Services, opt.NoDeps = services, noDeps
	loaded, err := project.Load(ctx, opt)
	if err != nil {
		return nil, err
	}
	a.warn(loaded.Warnings...)
	return loaded, nil
}

// separator stands between the parts of container names.
func separator(o ProjectOptions) string {
	if o.Compatibility {
		return "_"
	}
	return "-"
}

// build works out the desired state.
func (a *App) desire(loaded *project.Loaded, o ProjectOptions, images map[string]engine.Image, pinned map[string]string) (*desired.State, error) {
	read, err := loaded.Contents()
	if err != nil {
		return nil, err
	}
	contents := desired.Contents{Configs: map[string][]byte{}, Secrets: map[string][]byte{}}
	for at, content := range read {
		if at.Kind == "config" {
			contents.Configs[at.Name] = content
		} else {
			contents.Secrets[at.Name] = content
		}
	}
	return desired.Build(loaded.Project, desired.Options{
		Version: a.opt.Version, ConfigFiles: loaded.ConfigFiles, EnvFiles: o.EnvFiles, Separator: separator(o),
		Images: images, Pinned: pinned, Contents: contents, AllResources: o.AllResources,
	})
}

// existing is a project as the verbs on existing containers see it.
type existing struct {
	name  string
	model plan.Model
	state *actual.State
	// loaded is nil when the project is known by its labels alone.
	loaded *project.Loaded
}

// find reads what exists of a project, for verbs that change nothing.
func (a *App) find(ctx context.Context, o ProjectOptions, q actual.Query) (*existing, error) {
	found, err := a.identify(ctx, o)
	if err != nil {
		return nil, err
	}
	return found, a.read(ctx, o, found, q)
}

// findLocked is find for verbs that change something: it takes the project's
// lock first. The caller releases it.
func (a *App) findLocked(ctx context.Context, o ProjectOptions, q actual.Query, timeout time.Duration, rehearsal bool) (*existing, func(), error) {
	found, err := a.identify(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	release, err := a.lock(ctx, found.name, timeout, rehearsal)
	if err != nil {
		return nil, nil, err
	}
	if err := a.read(ctx, o, found, q); err != nil {
		release()
		return nil, nil, err
	}
	return found, release, nil
}

// nameVariable names the project where nothing else does.
const nameVariable = "COMPOSE_PROJECT_NAME"

// identify finds out which project is meant. With -p and no -f the name is
// enough: files that happen to lie here need not be this project's. Otherwise the
// files tell; where they cannot be read COMPOSE_PROJECT_NAME is enough as well.
func (a *App) identify(ctx context.Context, o ProjectOptions) (*existing, error) {
	opt := a.options(o)
	opt.AllResources = true
	if o.Name != "" && len(o.Files) == 0 {
		name, err := project.Name(ctx, opt)
		return &existing{name: name}, err
	}
	loaded, err := project.Load(ctx, opt)
	if err == nil {
		a.warn(loaded.Warnings...)
		return &existing{name: loaded.Project.Name, loaded: loaded}, nil
	}
	none := errors.Is(err, project.ErrNoConfig)
	env, settingsErr := a.Settings(o)
	if settingsErr != nil || env[nameVariable] == "" || none && len(o.Files) > 0 {
		return nil, err
	}
	if !none {
		a.warn(fmt.Sprintf("going by %s alone: %s", nameVariable, err))
	}
	name, err := project.Name(ctx, opt)
	return &existing{name: name}, err
}

// read takes the snapshot of an identified project and completes its model.
func (a *App) read(ctx context.Context, o ProjectOptions, found *existing, q actual.Query) error {
	e, err := a.connect()
	if err != nil {
		return err
	}
	q.Project = found.name
	found.state, err = actual.Read(ctx, e, q)
	if err != nil {
		return err
	}
	if found.loaded == nil {
		found.model = plan.ModelFromLabels(found.state)
		return nil
	}
	d, err := desired.Build(found.loaded.Project, desired.Options{Separator: separator(o), Names: true, AllResources: o.AllResources})
	if err != nil {
		return err
	}
	found.model = plan.ModelOf(d)
	return nil
}

// known lists the services that may be named: those of the files and those that
// have containers.
func (f *existing) known() []string {
	seen := map[string]bool{}
	var names []string
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for name := range f.model.Known {
		add(name)
	}
	for _, c := range f.state.Containers {
		add(c.Labels[labels.Service])
	}
	return names
}

// check refuses names of services that are neither in the files nor running.
func (f *existing) check(services []string) error {
	known := f.known()
	for _, name := range services {
		if !contains(known, name) {
			return project.NoSuchService(name, known)
		}
	}
	return nil
}

// replicas are the containers of the named services, or of all services of the
// files that are on (of the project where there are no files); one-offs are left
// out.
func (f *existing) replicas(services []string) ([]engine.Container, error) {
	if err := f.check(services); err != nil {
		return nil, err
	}
	var out []engine.Container
	for _, c := range f.state.Containers {
		name := c.Labels[labels.Service]
		switch {
		case !isReplica(c.Labels):
		case len(services) > 0 && !contains(services, name):
		case len(services) == 0 && f.model.Known != nil && !f.model.Active[name]:
		default:
			out = append(out, c)
		}
	}
	return out, nil
}

// all are the containers of the named services, or of the whole project: those
// of `run` and of services that the files no longer have included.
func (f *existing) all(services []string) ([]engine.Container, error) {
	if err := f.check(services); err != nil {
		return nil, err
	}
	var out []engine.Container
	for _, c := range f.state.Containers {
		if !labels.IsHook(c.Labels) && (len(services) == 0 || contains(services, c.Labels[labels.Service])) {
			out = append(out, c)
		}
	}
	return out, nil
}

// one gives a service's container by number, or its first one.
func (f *existing) one(service string, index int) (engine.Container, error) {
	list, err := f.replicas([]string{service})
	if err != nil {
		return engine.Container{}, err
	}
	for _, c := range list {
		if index == 0 || labels.ReplicaNumber(c.Labels) == index {
			return c, nil
		}
	}
	if index > 0 {
		return engine.Container{}, fmt.Errorf("service %q has no container with index %d", service, index)
	}
	return engine.Container{}, fmt.Errorf("service %q is not running: it has no container", service)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// problems is everything that stands in the way of a plan, on one line each.
type problems struct{ list []plan.Problem }

// Error joins the problems.
func (p *problems) Error() string {
	texts := make([]string, len(p.list))
	for i, pr := range p.list {
		texts[i] = pr.Error()
		if pr.Hint != "" {
			texts[i] += " (" + pr.Hint + ")"
		}
	}
	return strings.Join(texts, "\n")
}
