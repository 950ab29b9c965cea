package project

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// The checks below are those of compose-go, with the same verdicts, made here because
// its own name no place, come in random order, and look for cycles in time that grows
// exponentially with the number of layers.

// problem is what is wrong at a path; empty msg means nothing.
type problem struct {
	path      []string
	msg, hint string
}

func wrong(hint, msg string, path ...string) problem { return problem{path, msg, hint} }

// consistent checks how the parts of a project fit together, in the order of names. It
// also does what compose-go's check does in passing: scale becomes deploy.replicas.
func (s *session) consistent(p *types.Project) error {
	checks := []func(*types.Project, string, types.ServiceConfig) problem{
		s.checkImage, checkBuild, checkNetworks, checkHealth, s.checkDependencies, checkReferences, checkScale,
		checkLimits, checkMounts}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		for _, check := range checks {
			if found := check(p, name, p.Services[name]); found.msg != "" {
				return s.sources.located(found)
			}
		}
	}
	for _, check := range []func(*types.Project) problem{s.checkJobs, checkSecrets, checkCycles} {
		if found := check(p); found.msg != "" {
			return s.sources.located(found)
		}
	}
	return nil
}

// namesUnique refuses two services with one container_name.
func namesUnique(p *types.Project) problem {
	used := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		container := p.Services[name].ContainerName
		if first, ok := used[container]; ok && container != "" {
			return wrong("rename one of them", fmt.Sprintf("container name %q is already in use by service %s", container, first),
				"services", name, "container_name")
		}
		used[container] = name
	}
	return problem{}
}

// located makes an error of a problem.
func (s *sources) located(p problem) error {
	e := &Error{Key: key(p.path), Msg: p.msg, Hint: p.hint}
	if at, ok := s.mention(p.path); ok {
		e.at(at)
	}
	if e.File == "" {
		if pos, depth := s.locate(p.path); depth > 0 {
			e.File, e.Line = pos.file, pos.line
		}
	}
	return e
}

func (s *session) checkImage(_ *types.Project, name string, c types.ServiceConfig) problem {
	if c.Build == nil && c.Image == "" && c.Provider == nil {
		return wrong("add image: or build:",
			fmt.Sprintf("service %q has neither an image nor a build context specified", name), "services", name)
	}
	return problem{}
}

func checkBuild(p *types.Project, name string, c types.ServiceConfig) problem {
	if c.Build == nil {
		return problem{}
	}
	if c.Build.DockerfileInline != "" && c.Build.Dockerfile != "" {
		return wrong("keep one of them", fmt.Sprintf("service %q declares mutually exclusive dockerfile and dockerfile_inline", name),
			"services", name, "build", "dockerfile_inline")
	}
	all := p.AllServices()
	for _, add := range slices.Sorted(maps.Keys(c.Build.AdditionalContexts)) {
		target, ok := strings.CutPrefix(c.Build.AdditionalContexts[add], types.ServicePrefix)
		if !ok {
			continue
		}
		path := []string{"services", name, "build", "additional_contexts", add}
		other, ok := all[target]
		if !ok {
			return wrong("declare it under services:", fmt.Sprintf("service %q declares unknown service %q as additional context %s",
				name, target, add), path...)
		}
		if other.Build == nil {
			return wrong("give it a build: section", fmt.Sprintf("service %q declares non-buildable service %q as additional context %s",
				name, target, add), path...)
		}
	}
	if len(c.Build.Platforms) > 0 && c.Platform != "" && !slices.Contains(c.Build.Platforms, c.Platform) {
		return wrong("add it there", fmt.Sprintf("build.platforms must include the service's platform %q", c.Platform),
			"services", name, "platform")
	}
	return problem{}
}

func checkNetworks(p *types.Project, name string, c types.ServiceConfig) problem {
	if c.NetworkMode != "" && len(c.Networks) > 0 {
		return wrong("keep one of them", fmt.Sprintf("service %s declares mutually exclusive `network_mode` and `networks`", name),
			"services", name, "network_mode")
	}
	for _, n := range slices.Sorted(maps.Keys(c.Networks)) {
		if _, ok := p.Networks[n]; !ok {
			return wrong(declare("networks", n, keys(p.Networks)),
				fmt.Sprintf("service %q refers to undefined network %s", name, n), "services", name, "networks", n)
		}
	}
	if target, ok := strings.CutPrefix(c.NetworkMode, types.ServicePrefix); ok {
		if _, ok := p.Services[target]; !ok {
			return wrong("", fmt.Sprintf("service %q not found for network_mode 'service:%s'", target, target),
				"services", name, "network_mode")
		}
	}
	return problem{}
}

// declare says what to do about a name that is not declared in a section.
func declare(section, name string, there []string) string {
	if near := closest(name, there); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "declare it under " + section + ":"
}

func checkHealth(_ *types.Project, name string, c types.ServiceConfig) problem {
	if c.HealthCheck == nil || len(c.HealthCheck.Test) == 0 ||
		slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, c.HealthCheck.Test[0]) {
		return problem{}
	}
	return wrong("put one of them first", `healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"`,
		"services", name, "healthcheck", "test")
}

func (s *session) checkDependencies(p *types.Project, name string, c types.ServiceConfig) problem {
	for _, dep := range slices.Sorted(maps.Keys(c.DependsOn)) {
		if _, ok := p.Services[dep]; ok {
			continue
		}
		if _, off := p.DisabledServices[dep]; off && !c.DependsOn[dep].Required {
			continue
		}
		path := append([]string{"services", name}, dependsBy(c, dep)...)
		if _, isJob := p.Jobs[dep]; isJob {
			return wrong("depend on a service", fmt.Sprintf(
				"service %q cannot depend on job %q: services can only depend on other services", name, dep), path...)
		}
		return wrong(s.serviceHint(dep), fmt.Sprintf("service %q depends on undefined service %q", name, dep), path...)
	}
	return problem{}
}

// orQuotes makes an empty name visible.
func orQuotes(name string) string {
	if name == "" {
		return `""`
	}
	return name
}

// dependsBy is where a service says that it depends on another.
func dependsBy(c types.ServiceConfig, dep string) []string {
	for key, names := range map[string][]string{"links": c.Links, "volumes_from": c.VolumesFrom} {
		for _, name := range names {
			if name, _, _ = strings.Cut(name, ":"); name == dep {
				return []string{key, dep}
			}
		}
	}
	for key, mode := range map[string]string{"network_mode": c.NetworkMode, "ipc": c.Ipc, "pid": c.Pid} {
		if mode == types.ServicePrefix+dep {
			return []string{key}
		}
	}
	return []string{"depends_on", dep}
}

// checkReferences looks for volumes, configs, secrets and models that are not declared.
func checkReferences(p *types.Project, name string, c types.ServiceConfig) problem {
	undefined := func(kind, section, ref string, there []string, at ...string) problem {
		return wrong(declare(section, ref, there), fmt.Sprintf("service %q refers to undefined %s %s", name, kind, orQuotes(ref)),
			append(append([]string{"services", name}, at...), ref)...)
	}
	for _, v := range c.Volumes {
		if _, ok := p.Volumes[v.Source]; !ok && v.Type == types.VolumeTypeVolume && v.Source != "" {
			found := undefined("volume", "volumes", v.Source, keys(p.Volumes), "volumes")
			if strings.HasPrefix(found.hint, "declare") {
				found.hint += ", or start it with ./ for a path"
			}
			return found
		}
	}
	for _, v := range buildSecrets(c) {
		if _, ok := p.Secrets[v.Source]; !ok {
			return undefined("build secret", "secrets", v.Source, keys(p.Secrets), "build", "secrets")
		}
	}
	for _, v := range c.Configs {
		if _, ok := p.Configs[v.Source]; !ok {
			return undefined("config", "configs", v.Source, keys(p.Configs), "configs")
		}
	}
	for _, m := range slices.Sorted(maps.Keys(c.Models)) {
		if _, ok := p.Models[m]; !ok {
			return undefined("model", "models", m, keys(p.Models), "models")
		}
	}
	for _, v := range c.Secrets {
		if _, ok := p.Secrets[v.Source]; !ok {
			return undefined("secret", "secrets", v.Source, keys(p.Secrets), "secrets")
		}
	}
	return problem{}
}

func buildSecrets(c types.ServiceConfig) []types.ServiceSecretConfig {
	if c.Build == nil {
		return nil
	}
	return c.Build.Secrets
}

// checkScale checks the number of replicas, and gives scale to deploy.replicas.
func checkScale(_ *types.Project, name string, c types.ServiceConfig) problem {
	at := []string{"services", name, "scale"}
	if c.Scale != nil && c.Deploy != nil {
		if c.Deploy.Replicas != nil && *c.Scale != *c.Deploy.Replicas {
			return wrong("keep one of them", "can't set distinct values on 'scale' and 'deploy.replicas'", at...)
		}
		c.Deploy.Replicas = c.Scale
	}
	if c.Scale != nil && *c.Scale < 0 {
		return wrong("", "must be greater than or equal to 0", at...)
	}
	if c.Deploy != nil && c.Deploy.Replicas != nil && *c.Deploy.Replicas < 0 {
		return wrong("", "must be greater than or equal to 0", "services", name, "deploy", "replicas")
	}
	if c.GetScale() > 1 && c.ContainerName != "" {
		attr := "scale"
		if c.Scale == nil {
			attr = "deploy.replicas"
		}
		return wrong("remove container_name", fmt.Sprintf(
			"can't set container_name and %s as container name must be unique", attr), "services", name, "container_name")
	}
	return problem{}
}

// checkLimits refuses two different values for one limit, and an unusable watch.
func checkLimits(_ *types.Project, name string, c types.ServiceConfig) problem {
	distinct := func(key, deployKey string) problem {
		return wrong("keep one of them", fmt.Sprintf("can't set distinct values on '%s' and 'deploy.resources.%s'", key, deployKey),
			"services", name, key)
	}
	if c.Deploy != nil {
		limits, reserved := c.Deploy.Resources.Limits, c.Deploy.Resources.Reservations
		switch {
		case limits != nil && c.CPUS != 0 && limits.NanoCPUs.Value() != c.CPUS:
			return distinct("cpus", "limits.cpus")
		case limits != nil && c.MemLimit != 0 && limits.MemoryBytes != c.MemLimit:
			return distinct("mem_limit", "limits.memory")
		case reserved != nil && c.MemReservation != 0 && reserved.MemoryBytes != c.MemReservation:
			return distinct("mem_reservation", "reservations.memory")
		case limits != nil && c.PidsLimit != 0 && limits.Pids != c.PidsLimit:
			return distinct("pids_limit", "limits.pids")
		}
	}
	if c.Develop != nil {
		for i, w := range c.Develop.Watch {
			if w.Target == "" && w.Action != types.WatchActionRebuild && w.Action != types.WatchActionRestart {
				return wrong("add target:", "target is required for non-rebuild actions",
					"services", name, "develop", "watch", fmt.Sprint(i))
			}
		}
	}
	return problem{}
}

// checkMounts refuses two mounts on one path in the container.
func checkMounts(_ *types.Project, name string, c types.ServiceConfig) problem {
	mounts := map[string]string{}
	mount := func(target, section string, i int) problem {
		path := []string{"services", name, section, fmt.Sprint(i)}
		if first, ok := mounts[target]; ok {
			return wrong("remove one of them", fmt.Sprintf("target %s already mounted as %s", target, first), path...)
		}
		mounts[target] = key(path)
		return problem{}
	}
	for i, t := range c.Tmpfs {
		path, _, _ := strings.Cut(t, ":")
		if found := mount(path, "tmpfs", i); found.msg != "" {
			return found
		}
	}
	for i, v := range c.Volumes {
		if found := mount(v.Target, "volumes", i); found.msg != "" {
			return found
		}
	}
	return problem{}
}

// checkJobs checks names of jobs and what they depend on.
func (s *session) checkJobs(p *types.Project) problem {
	all := p.AllServices()
	for _, name := range slices.Sorted(maps.Keys(p.AllJobs())) {
		if _, ok := all[name]; ok {
			return wrong("rename one of them", fmt.Sprintf(
				"%q is declared both as a service and a job: service and job names must be unique", name), "jobs", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Jobs)) {
		deps := p.Jobs[name].DependsOn
		for _, dep := range slices.Sorted(maps.Keys(deps)) {
			_, isJob := p.Jobs[dep]
			_, isService := p.Services[dep]
			_, isOff := p.DisabledServices[dep]
			if !isJob && !isService && (!isOff || deps[dep].Required) {
				return wrong(s.serviceHint(dep), fmt.Sprintf("job %q depends on undefined service or job %q", name, dep),
					"jobs", name, "depends_on", dep)
			}
		}
	}
	return problem{}
}

func checkSecrets(p *types.Project) problem {
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		c := p.Secrets[name]
		if !c.External && c.File == "" && c.Environment == "" {
			return wrong("add one of them", fmt.Sprintf("secret %q must declare either `file` or `environment`", name), "secrets", name)
		}
	}
	return problem{}
}

// checkCycles looks for services, and jobs, that depend on themselves in the end.
func checkCycles(p *types.Project) problem {
	edges := map[string][]string{}
	for name, c := range p.Services {
		edges[name] = slices.Sorted(maps.Keys(c.DependsOn))
	}
	for name, c := range p.Jobs {
		edges[name] = slices.Sorted(maps.Keys(c.DependsOn))
	}
	done := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(edges)) {
		cycle := cycleFrom(name, edges, done, nil)
		if cycle == nil {
			continue
		}
		section := "services"
		if _, ok := p.Jobs[cycle[0]]; ok {
			section = "jobs"
		}
		return wrong("remove one of these dependencies", "dependency cycle detected: "+strings.Join(cycle, " -> "),
			section, cycle[0], "depends_on", cycle[1])
	}
	return problem{}
}

// cycleFrom walks depth first and returns the first cycle with its start at both ends.
// Each name is left once, so the walk takes time in proportion to the edges.
func cycleFrom(name string, edges map[string][]string, done map[string]bool, path []string) []string {
	if i := slices.Index(path, name); i >= 0 {
		return append(slices.Clone(path[i:]), name)
	}
	if done[name] {
		return nil
	}
	path = append(path, name)
	for _, next := range edges[name] {
		if cycle := cycleFrom(next, edges, done, path); cycle != nil {
			return cycle
		}
	}
	done[name] = true
	return nil
}
