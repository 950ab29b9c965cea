package build

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Labels that docker compose gives the images it builds; `down --rmi` and
// others find images by them.
const (
	labelProject = "com.docker.compose.project"
	labelService = "com.docker.compose.service"
)

// servicePrefix marks an additional context that is another service's image.
const servicePrefix = "service:"

// Target is one image to build.
type Target struct {
	// Service is the service whose image it is; it names the target in
	// everything that is printed.
	Service string
	// Build is the service's build section with its paths made absolute.
	Build types.BuildConfig
	// Tags are the names of the image. The first one is the name under which
	// the service refers to it.
	Tags []string
	// Platforms to build for; empty means the engine's own.
	Platforms []string
	// Platform is the one the service runs on; empty means the engine's own.
	Platform string
	// Labels are put on the image beside those of Build.
	Labels map[string]string
	// Secrets are what `RUN --mount=type=secret` may read.
	Secrets []Secret
	// DependsOn are the services whose images this one is built from.
	DependsOn []string
}

// Secret is one build secret. Its content is in File or, when that is empty, is
// Value; Variable then names the variable it came from, if it did.
type Secret struct {
	ID       string
	File     string
	Variable string
	Value    string
}

// Targets lists what the build sections of the named services ask for, every
// service after those it needs. No name means all services with a build
// section. withDependencies adds what the named services depend on; the services
// that an image is built from ("service:" contexts) are always added. A circle
// among them is an error that names it.
func Targets(project *types.Project, services []string, withDependencies bool) ([]Target, error) {
	c := collector{project: project, withDependencies: withDependencies, state: map[string]visit{}}
	if len(services) == 0 {
		services = project.ServiceNames()
	}
	for _, name := range slices.Sorted(slices.Values(services)) {
		if err := c.visit(name, nil); err != nil {
			return nil, err
		}
	}
	return c.targets, nil
}

// visit is how far the collector has come with a service.
type visit int

const (
	unseen visit = iota
	open
	closed
)

// collector walks a project's services depth first.
type collector struct {
	project          *types.Project
	withDependencies bool
	state            map[string]visit
	targets          []Target
}

// visit appends the targets that name needs and then its own.
func (c *collector) visit(name string, path []string) error {
	path = append(slices.Clone(path), name)
	switch c.state[name] {
	case closed:
		return nil
	case open:
		first := slices.Index(path, name)
		return fmt.Errorf("services build from each other in a circle: %s", strings.Join(path[first:], " -> "))
	}
	service, ok := c.project.Services[name]
	if !ok {
		return fmt.Errorf("services.%s: no such service", name)
	}
	c.state[name] = open
	if err := c.visitSources(service, path); err != nil {
		return err
	}
	c.state[name] = closed
	if c.withDependencies {
		for _, dependency := range service.GetDependencies() {
			if _, ok := c.project.Services[dependency]; !ok {
				continue // optional and disabled
			}
			if c.state[dependency] == unseen {
				if err := c.visit(dependency, nil); err != nil {
					return err
				}
			}
		}
	}
	if service.Build == nil {
		return nil
	}
	target, err := newTarget(c.project, service)
	if err != nil {
		return err
	}
	c.targets = append(c.targets, target)
	return nil
}

// visitSources visits the services whose images service is built from.
func (c *collector) visitSources(service types.ServiceConfig, path []string) error {
	if service.Build == nil {
		return nil
	}
	for _, source := range sources(*service.Build) {
		other, ok := c.project.Services[source]
		if !ok {
			return fmt.Errorf("services.%s.build.additional_contexts: no such service %q", service.Name, source)
		}
		if other.Build == nil && other.Image == "" {
			return fmt.Errorf("services.%s.build.additional_contexts: service %q has neither build nor image", service.Name, source)
		}
		if err := c.visit(source, path); err != nil {
			return err
		}
	}
	return nil
}

// sources are the services a build section refers to, sorted.
func sources(build types.BuildConfig) []string {
	var names []string
	for _, value := range build.AdditionalContexts {
		if name, ok := strings.CutPrefix(value, servicePrefix); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// newTarget is the target of one service. "service:" contexts that lead to a
// service without a build section become image contexts.
func newTarget(project *types.Project, service types.ServiceConfig) (Target, error) {
	secrets, err := buildSecrets(project, service)
	if err != nil {
		return Target{}, err
	}
	target := Target{
		Service:   service.Name,
		Build:     *service.Build,
		Tags:      slices.Compact(append([]string{ImageName(project.Name, service)}, service.Build.Tags...)),
		Platforms: platformsOf(service),
		Platform:  service.Platform,
		Labels:    map[string]string{labelProject: project.Name, labelService: service.Name},
		Secrets:   secrets,
	}
	target.Build.AdditionalContexts = maps.Clone(service.Build.AdditionalContexts)
	for key, value := range target.Build.AdditionalContexts {
		name, ok := strings.CutPrefix(value, servicePrefix)
		if !ok {
			continue
		}
		if other := project.Services[name]; other.Build == nil {
			target.Build.AdditionalContexts[key] = "docker-image://" + other.Image
			continue
		}
		target.DependsOn = append(target.DependsOn, name)
	}
	slices.Sort(target.DependsOn)
	target.DependsOn = slices.Compact(target.DependsOn)
	return target, nil
}

// ImageName is the name of the image a service runs: its image key, or
// "<project>-<service>".
func ImageName(project string, service types.ServiceConfig) string {
	if service.Image != "" {
		return service.Image
	}
	return project + "-" + service.Name
}

// platformsOf are the platforms an image is for, that of the service first.
func platformsOf(service types.ServiceConfig) []string {
	var platforms []string
	if service.Platform != "" {
		platforms = append(platforms, service.Platform)
	}
	for _, platform := range service.Build.Platforms {
		if !slices.Contains(platforms, platform) {
			platforms = append(platforms, platform)
		}
	}
	return platforms
}

// ForRunning reduces targets to the one platform their services run on, which is
// what `up`, `create` and `run` build: the service's own, or else the engine's
// ("linux/amd64") if it is among them, or else the first.
func ForRunning(targets []Target, enginePlatform string) []Target {
	reduced := slices.Clone(targets)
	for i, target := range reduced {
		switch {
		case len(target.Platforms) < 2:
		case target.Platform != "":
			reduced[i].Platforms = []string{target.Platform}
		case slices.Contains(target.Platforms, enginePlatform):
			reduced[i].Platforms = []string{enginePlatform}
		default:
			reduced[i].Platforms = target.Platforms[:1]
		}
	}
	return reduced
}

// buildSecrets resolves a build section's secrets through the project's.
func buildSecrets(project *types.Project, service types.ServiceConfig) ([]Secret, error) {
	var secrets []Secret
	for i, reference := range service.Build.Secrets {
		where := fmt.Sprintf("services.%s.build.secrets[%d]", service.Name, i)
		definition, ok := project.Secrets[reference.Source]
		if !ok {
			return nil, fmt.Errorf("%s: secret %q is not defined", where, reference.Source)
		}
		secret := Secret{ID: reference.Target}
		if secret.ID == "" {
			secret.ID = reference.Source
		}
		switch {
		case bool(definition.External):
			return nil, fmt.Errorf("%s: secret %q is external: a build can only read secrets from a file, a variable or content", where, reference.Source)
		case definition.File != "":
			secret.File = definition.File
		case definition.Environment != "":
			value, ok := project.Environment[definition.Environment]
			if !ok {
				return nil, fmt.Errorf("%s: variable %s of secret %q is not set", where, definition.Environment, reference.Source)
			}
			secret.Variable, secret.Value = definition.Environment, value
		default:
			secret.Value = definition.Content
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}

// sameImage tells whether two targets would build the same image under the same
// names, so that one build serves both.
func sameImage(a, b Target) bool {
	return slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Platforms, b.Platforms) &&
		slices.Equal(a.Secrets, b.Secrets) && reflect.DeepEqual(a.Build, b.Build)
}
